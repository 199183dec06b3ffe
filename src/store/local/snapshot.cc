#include "store/local/snapshot.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "store/local/buckets.h"

namespace sluice::store {

static_assert(std::endian::native == std::endian::little);

namespace {

constexpr std::string_view kMagic = "sluicesn";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 52;
constexpr std::size_t kChunkHeadBytes = 8;
constexpr std::size_t kEndBytes = 20;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::uint32_t kChunkRecordsMax = 4096;
constexpr std::size_t kAnnexStep = 256;  // Entries copied while the annex is locked.
enum Kind : std::uint32_t { kEnd = 0, kNarrow = 1, kWide = 2 };
constexpr std::size_t kNarrowBytes = 20;
constexpr std::size_t kWideBytes = 34;

// A bucket is at most 2^60 ticks from full at the time of its last decision, which may be after the header's
// moment.
constexpr std::uint64_t kNarrowAheadMax = std::uint64_t{1} << (kNarrowBits + 1);
constexpr Int128 kWideAheadMax = kWideDebtMax * 2;
constexpr std::int64_t kWideTicksPerNsMax = std::int64_t{1} << 61;

template <class T>
void put(std::string& to, T value, std::size_t bytes = sizeof(T)) {
  to.append(reinterpret_cast<const char*>(&value), bytes);
}

/// Gathers records to chunks, hashes, counts.
class Writer {
 public:
  explicit Writer(const SnapshotSink& sink) : sink_(sink) { XXH3_64bits_reset(&hash_); }

  void header(std::uint64_t seed, const Moment& moment) {
    std::string text(kMagic);
    put(text, kVersion);
    put(text, seed);
    put(text, moment.wall_ns);
    put(text, moment.boot_ns);
    text.append(moment.boot_id.data(), moment.boot_id.size());
    emit(text);
  }
  void narrow(std::uint32_t place, std::uint64_t fingerprint, std::int64_t per_ns, std::int64_t ahead) {
    std::string& to = record(kNarrow);
    put(to, place);
    put(to, fingerprint, 6);
    put(to, static_cast<std::uint16_t>(per_ns));
    put(to, ahead);
  }
  void wide(const KeyHash& key, std::int64_t per_ns, Int128 ahead) {
    std::string& to = record(kWide);
    put(to, key.place);
    put(to, key.fingerprint, 6);
    put(to, per_ns);
    put(to, ahead);
  }
  Result<SnapshotTotals> end() {
    flush();
    std::string text;
    put(text, std::uint32_t{kEnd});
    put(text, records_[kNarrow]);
    put(text, records_[kWide]);
    emit(text);
    std::string checksum;
    put(checksum, std::uint64_t{XXH3_64bits_digest(&hash_)});
    emit(checksum);
    if (!status_) return status_.error();
    return SnapshotTotals{.buckets = records_[kNarrow] + records_[kWide], .bytes = bytes_};
  }

 private:
  std::string& record(Kind kind) {
    if (kind != kind_ || count_ == kChunkRecordsMax) flush();
    kind_ = kind;
    ++count_;
    ++records_[kind];
    return chunk_;
  }
  void flush() {
    if (count_ == 0) return;
    std::string head;
    put(head, std::uint32_t{kind_});
    put(head, count_);
    emit(head);
    emit(chunk_);
    chunk_.clear();
    count_ = 0;
  }
  void emit(std::string_view bytes) {
    if (!status_) return;
    XXH3_64bits_update(&hash_, bytes.data(), bytes.size());
    bytes_ += bytes.size();
    status_ = sink_(bytes);
  }

  const SnapshotSink& sink_;
  Status status_ = Done{};
  XXH3_state_t hash_;
  std::string chunk_;
  Kind kind_ = kNarrow;
  std::uint32_t count_ = 0;
  std::uint64_t records_[3] = {};  // By kind.
  std::uint64_t bytes_ = 0;
};

}  // namespace

Duration elapsed(const Moment& then, const Moment& now) {
  const bool known = then.boot_id != std::array<char, 16>{};
  const bool same_boot = known && then.boot_id == now.boot_id;
  const std::int64_t from = same_boot ? then.boot_ns : then.wall_ns;
  const std::int64_t to = same_boot ? now.boot_ns : now.wall_ns;
  std::int64_t ns = 0;
  if (to <= from) return Duration(0);
  return __builtin_sub_overflow(to, from, &ns) ? Duration::max() : Duration(ns);
}

Result<SnapshotTotals> write_snapshot(LocalStore& store, Time now, const Moment& moment,
                                      const SnapshotSink& sink) {
  Buckets& buckets = store.buckets();
  const std::int64_t now_ns = now.time_since_epoch().count();
  Writer writer(sink);
  writer.header(buckets.seed(), moment);
  buckets.table.visit([&](std::uint32_t place, Content content) {
    const std::int64_t ahead = content.ahead(now_ns);
    if (ahead > 0) writer.narrow(place, content.fingerprint(), content.per_ns(), ahead);
  });
  // After the table, since buckets move from it to the annex and never back.
  Annex::Cursor cursor;
  std::vector<std::pair<KeyHash, Annex::Entry>> some;
  for (bool more = true; more;) {
    some.clear();
    {
      const std::lock_guard lock(buckets.annex.mutex());
      more = buckets.annex.visit_some(
          cursor, kAnnexStep, [&](const auto& key, const auto& entry) { some.emplace_back(key, entry); });
    }
    for (const auto& [key, entry] : some)
      if (const Int128 ahead = entry.ahead_ticks(now_ns); ahead > 0) writer.wide(key, entry.per_ns, ahead);
  }
  return writer.end();
}

/// Takes integers off the front of what is known to be long enough.
struct SnapshotReader::Fields {
  const char* at;
  template <class T>
  T get(std::size_t bytes = sizeof(T)) {
    T value{};
    std::memcpy(&value, at, bytes);
    at += bytes;
    return value;
  }
};

SnapshotReader::SnapshotReader(const SnapshotTarget* target) : target_(target) { XXH3_64bits_reset(&hash_); }

Error SnapshotReader::wrong(std::string_view what) const {
  return {Code::data_loss, "byte " + std::to_string(totals_.bytes) + ": " + std::string(what)};
}

Status SnapshotReader::feed(std::string_view bytes) {
  kept_.append(bytes);
  std::string_view rest = kept_;
  while (!rest.empty()) {
    const auto used = item(rest);
    if (!used) return used.error();
    if (*used == 0) break;
    XXH3_64bits_update(&hash_, rest.data(), *used);
    totals_.bytes += *used;
    rest.remove_prefix(*used);
  }
  kept_.erase(0, kept_.size() - rest.size());
  return Done{};
}

Status SnapshotReader::finish() const {
  if (part_ == Part::end && kept_.empty()) return Done{};
  return Error{Code::data_loss,
               "it ends too early, after " + std::to_string(totals_.bytes + kept_.size()) + " bytes"};
}

Result<std::size_t> SnapshotReader::item(std::string_view in) {
  switch (part_) {
    case Part::header:
      return header(in);
    case Part::chunks:
      return chunk(in);
    case Part::checksum:
      if (in.size() < kChecksumBytes) return std::size_t{0};
      if (Fields{in.data()}.get<std::uint64_t>() != XXH3_64bits_digest(&hash_))
        return wrong("the checksum does not match, so something before it has been changed");
      part_ = Part::end;
      return kChecksumBytes;
    case Part::end:
      break;
  }
  return wrong("there is more behind the end");
}

Result<std::size_t> SnapshotReader::header(std::string_view in) {
  const auto magic = in.substr(0, kMagic.size());
  if (magic != kMagic.substr(0, magic.size())) return wrong("this is no snapshot of Sluice");
  if (in.size() < kHeaderBytes) return std::size_t{0};
  Fields fields{in.data() + kMagic.size()};
  if (const auto version = fields.get<std::uint32_t>(); version != kVersion)
    return wrong("format " + std::to_string(version) +
                 ", of another version of Sluice; this one reads format " + std::to_string(kVersion));
  seed_ = fields.get<std::uint64_t>();
  moment_.wall_ns = fields.get<std::int64_t>();
  moment_.boot_ns = fields.get<std::int64_t>();
  moment_.boot_id = fields.get<std::array<char, 16>>();
  part_ = Part::chunks;
  if (target_ != nullptr) {
    elapsed_ = elapsed(moment_, target_->moment);
    Buckets& buckets = target_->store.buckets();
    buckets.set_seed(seed_);
    buckets.table.advance(target_->now);  // First: it looks at the whole table.
    buckets.table.reserve(target_->buckets);
  }
  return kHeaderBytes;
}

Result<std::size_t> SnapshotReader::chunk(std::string_view in) {
  if (in.size() < sizeof(std::uint32_t)) return std::size_t{0};
  Fields fields{in.data()};
  const auto kind = fields.get<std::uint32_t>();
  if (kind == kEnd) return totals(in);
  if (kind != kNarrow && kind != kWide) return wrong("a chunk of unknown kind");
  if (kind == kNarrow && wide_ > 0) return wrong("a narrow chunk behind a wide one");
  if (in.size() < kChunkHeadBytes) return std::size_t{0};
  const auto count = fields.get<std::uint32_t>();
  if (count == 0 || count > kChunkRecordsMax) return wrong("a chunk of impossible length");
  const std::size_t bytes = kChunkHeadBytes + count * (kind == kNarrow ? kNarrowBytes : kWideBytes);
  if (in.size() < bytes) return std::size_t{0};
  for (std::uint32_t i = 0; i < count; ++i)
    if (auto status = kind == kNarrow ? narrow(fields) : wide(fields); !status) return status.error();
  (kind == kNarrow ? narrow_ : wide_) += count;
  totals_.buckets += count;
  return bytes;
}

Result<std::size_t> SnapshotReader::totals(std::string_view in) {
  if (in.size() < kEndBytes) return std::size_t{0};
  Fields fields{in.data() + sizeof(std::uint32_t)};
  const auto narrow = fields.get<std::uint64_t>();
  const auto wide = fields.get<std::uint64_t>();
  if (narrow != narrow_ || wide != wide_)
    return wrong("the number of buckets is not the one that was written");
  part_ = Part::checksum;
  return kEndBytes;
}

Status SnapshotReader::narrow(Fields& in) {
  KeyHash key{};
  key.place = in.get<std::uint32_t>();
  key.fingerprint = in.get<std::uint64_t>(6);
  const std::int64_t per_ns = in.get<std::uint16_t>();
  const auto ahead = in.get<std::uint64_t>();
  if (key.fingerprint == 0 || per_ns == 0 || ahead == 0 || ahead > kNarrowAheadMax)
    return wrong("an impossible bucket in the chunk");
  if (target_ == nullptr) return Done{};
  const Int128 left = static_cast<Int128>(ahead) - static_cast<Int128>(elapsed_.count()) * per_ns;
  if (left > 0)
    target_->store.buckets().table.restore(key, per_ns,
                                           static_cast<std::int64_t>(std::min<Int128>(left, kNarrowDebtMax)),
                                           target_->now.time_since_epoch().count());
  return Done{};
}

Status SnapshotReader::wide(Fields& in) {
  KeyHash key{};
  key.place = in.get<std::uint32_t>();
  key.fingerprint = in.get<std::uint64_t>(6);
  const auto per_ns = in.get<std::int64_t>();
  const auto ahead = in.get<Int128>();
  if (key.fingerprint == 0 || per_ns <= 0 || per_ns > kWideTicksPerNsMax || ahead <= 0 ||
      ahead > kWideAheadMax)
    return wrong("an impossible wide bucket in the chunk");
  if (target_ == nullptr) return Done{};
  const Int128 left = ahead - static_cast<Int128>(elapsed_.count()) * per_ns;
  if (left > 0)
    target_->store.buckets().restore_wide(key, per_ns, std::min(left, kWideDebtMax),
                                          target_->now.time_since_epoch().count());
  return Done{};
}

}  // namespace sluice::store
