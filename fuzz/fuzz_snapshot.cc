// fuzz_snapshot.cc: any bytes, read as a snapshot whole and in pieces, are found good or bad alike; of the
// good ones a store is made, written and read again. The first byte chooses the pieces' length, and whether
// the checksum at the end is made right: behind a wrong one nothing is believed, and few inputs would get
// there.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "store/local/snapshot.h"

using namespace sluice;

namespace {

constexpr std::size_t kChecksum = 8;

std::string with_checksum(std::string_view bytes) {
  std::string all(bytes.substr(0, bytes.size() - kChecksum));
  const std::uint64_t sum = XXH3_64bits(all.data(), all.size());
  for (std::size_t i = 0; i < kChecksum; ++i) all += static_cast<char>(sum >> 8 * i & 0xFF);
  return all;
}

bool good(std::string_view in, std::size_t piece, const store::SnapshotTarget* target,
          std::uint64_t& buckets) {
  store::SnapshotReader reader(target);
  for (std::size_t at = 0; at < in.size(); at += piece)
    if (const auto status = reader.feed(in.substr(at, piece)); !status) {
      if (status.error().message.empty()) std::abort();
      return false;
    }
  buckets = reader.totals().buckets;
  return static_cast<bool>(reader.finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 + kChecksum) return 0;
  std::string in(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 0x80) == 0) in = with_checksum(in);
  std::uint64_t whole = 0, pieces = 0;
  const bool is_good = good(in, in.size(), nullptr, whole);
  if (good(in, 1 + (data[0] & 0x7F), nullptr, pieces) != is_good || (is_good && whole != pieces))
    std::abort();
  if (!is_good) return 0;

  store::LocalStore local({.max_keys = 4096, .seed = 1});
  const store::Moment moment{.wall_ns = 1, .boot_ns = 1};
  const Time now{std::chrono::hours(1)};
  const store::SnapshotTarget target{.store = local, .now = now, .moment = moment, .buckets = whole};
  if (!good(in, in.size(), &target, pieces)) std::abort();
  std::string again;
  const auto written = store::write_snapshot(local, now, moment, [&](std::string_view bytes) -> Status {
    again += bytes;
    return Done{};
  });
  if (!written || written->buckets > whole || !good(again, again.size(), nullptr, pieces)) std::abort();
  return 0;
}
