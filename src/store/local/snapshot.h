// snapshot.h: the buckets of a local store as bytes, and back: so that a restart gives nobody a fresh burst.
// A codec: no file, no clock, no thread.
//
//     Snapshot = Header Chunk* End Checksum          integers are little-endian, nothing is padded
//     Header   = "sluicesn" version:u32 seed:u64 wall_ns:i64 boot_ns:i64 boot_id:16 bytes      52 bytes
//     Chunk    = kind:u32 (1 narrow, 2 wide) count:u32 (1..4096) record{count}; all narrow before all wide
//     narrow   = place:u32 fingerprint:u48 ticks_per_ns:u16 ahead:u64                          20 bytes
//     wide     = place:u32 fingerprint:u48 ticks_per_ns:u64 ahead:u128                         34 bytes
//     End      = 0:u32 narrow_records:u64 wide_records:u64
//     Checksum = XXH3-64 of all before it
//
// `ahead` is how long, from the moment in the header on, the bucket needs until it is full, in its own ticks
// (ticks.h): exact, and free of any machine's clock. Keys are not in it, only their hashes, which mean
// something with the seed alone: it is restored with them. Full buckets are left out. A bucket that moved
// while the snapshot was made may stand in it twice: the one farther from full holds.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/result.h"
#include "store/local/key_hash.h"
#include "store/local/local_store.h"

namespace sluice::store {

/// A moment that means something to another process too.
struct Moment {
  std::int64_t wall_ns = 0;        ///< Since 1970.
  std::int64_t boot_ns = 0;        ///< Since the machine was started, its sleep included.
  std::array<char, 16> boot_id{};  ///< Which start of which machine; all zero: not known.
  friend bool operator==(const Moment&, const Moment&) = default;
};

/// How long ago `then` is, never negative. If the machine has not been started anew since, its own count
/// tells, which nobody can set; otherwise the wall clock: if that was set back meanwhile, no time has passed.
Duration elapsed(const Moment& then, const Moment& now);

struct SnapshotTotals {
  std::uint64_t buckets = 0;
  std::uint64_t bytes = 0;
};

/// Takes the next bytes, at most about 150 kB at a time.
using SnapshotSink = std::function<Status(std::string_view bytes)>;

/// Writes all buckets that are not full at `now`, which is `moment`. Decisions go on meanwhile, on all
/// threads, and wait for nothing but, with wide quotas, some microseconds at a time for the annex. What was
/// decided before the call is in it; what is decided meanwhile may be. Fails only if the sink does. Runs
/// long: 0.2 s for 10M keys and what the sink takes.
Result<SnapshotTotals> write_snapshot(LocalStore& store, Time now, const Moment& moment,
                                      const SnapshotSink& sink);

/// Where a snapshot goes. REQUIRES: the store has decided nothing yet.
struct SnapshotTarget {
  LocalStore& store;
  Time now;
  Moment moment;              ///< The same as `now`.
  std::uint64_t buckets = 0;  ///< About how many will come: room is made at once.
};

/// Reads a snapshot cut in any way. Without a target it only checks, and whoever restores has to check first:
/// what is wrong may show at the very end. With a target, buckets come into the store as they are read, less
/// the time that has elapsed.
class SnapshotReader {
 public:
  explicit SnapshotReader(const SnapshotTarget* target = nullptr);
  /// An error says what is wrong, as in "byte 4711: a chunk of unknown kind"; then no more may be fed.
  Status feed(std::string_view bytes);
  /// There are no more bytes.
  Status finish() const;

  const SnapshotTotals& totals() const { return totals_; }
  const Moment& moment() const { return moment_; }  ///< After the header.
  std::uint64_t seed() const { return seed_; }      ///< Likewise.

 private:
  enum class Part : std::uint8_t { header, chunks, checksum, end };
  struct Fields;
  Result<std::size_t> item(std::string_view in);  // Bytes used; 0: more are needed.
  Result<std::size_t> header(std::string_view in);
  Result<std::size_t> chunk(std::string_view in);
  Result<std::size_t> totals(std::string_view in);
  Status narrow(Fields& in);
  Status wide(Fields& in);
  Error wrong(std::string_view what) const;

  const SnapshotTarget* const target_;
  Part part_ = Part::header;
  std::string kept_;  // The begin of an item that is not whole yet: below 150 kB.
  SnapshotTotals totals_;
  std::uint64_t narrow_ = 0;
  std::uint64_t wide_ = 0;
  std::uint64_t seed_ = 0;
  Moment moment_;
  Duration elapsed_{0};
  XXH3_state_t hash_;
};

}  // namespace sluice::store
