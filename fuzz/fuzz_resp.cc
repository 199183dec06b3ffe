// fuzz_resp.cc: any bytes, given to the RESP door whole and then in pieces, get the same replies and leave it
// in the same state. The first byte chooses the pieces' length, and whether a password is asked.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "door/resp/testing.h"

using namespace sluice;

namespace {

struct Side {
  explicit Side(bool password)
      : door({.limits = {.args_max = 16, .bulk_bytes_max = 256, .inline_bytes_max = 256},
              .output_bytes_max = 4096,
              .password = password ? "secret" : ""},
             {door::test_limit("api", {"10/s", "100/h burst 20"})}, nullptr, nullptr, 4096) {}

  void feed(std::string_view bytes) {
    out += door.raw(bytes);
    for (std::string more; !(more = door.raw("")).empty();) out += more;
  }
  door::TestDoor door;
  std::string out;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view in(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t piece = 1 + (data[0] & 0x1F);
  const bool password = (data[0] & 0x80) != 0;
  Side whole(password);
  whole.feed(in);
  Side pieces(password);
  for (std::size_t at = 0; at < in.size(); at += piece) pieces.feed(in.substr(at, piece));
  if (whole.out != pieces.out || whole.door.session->state() != pieces.door.session->state()) std::abort();
  return 0;
}
