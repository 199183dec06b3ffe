// bucket_value.h: one bucket as the shared store keeps it, and a quota as the script there counts it.
//
// The script's clock has microseconds, and Lua's numbers are doubles: whole numbers are exact below 2^53. So
// a time until full is a pair: whole microseconds, and the ticks (sluice/ticks.h) beyond them, of which a
// microsecond has 1,000 * D. Both stay below 2^53 for every quota that fits(), and neither is ever rounded.
//
// A value is the bucket's TAT, the latest time at which it was written and when the key expires, in
// microseconds since 1970, as three little-endian doubles; if the TAT is not whole, its ticks and the ticks
// of a microsecond follow. What has no value is full. A clock that steps back is taken to stand still at the
// latest time: it makes no token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/quota.h"
#include "sluice/result.h"
#include "sluice/ticks.h"
#include "store/store.h"

namespace sluice::store {

inline constexpr std::int64_t kMicroTicksMax = std::int64_t{1} << 52;  ///< Ticks a microsecond.
inline constexpr std::int64_t kMicrosMax = std::int64_t{1} << 52;      ///< A time until full: 142 years.

/// A number of ticks as the script has it. Both parts are whole.
struct Micros {
  double us = 0;
  double ticks = 0;
};
Micros to_micros(Int128 ticks, Int128 per_us);

/// Error: the quota takes over 71 years to fill, or has more ticks a microsecond than a double can count.
Status fits_shared(const Quota& quota);

/// The quota in ticks, with debts as far as the script can count them. REQUIRES: fits_shared(quota).
Rate<Int128> shared_rate(const Quota& quota);

/// A bucket as it was when a call came to it.
struct BucketValue {
  Int128 ahead = 0;            ///< Ticks until full.
  std::int64_t behind_us = 0;  ///< How far the store's clock was behind the bucket's.
};

/// REQUIRES: rate is shared_rate() of a quota. Nothing: the value is none of ours. An empty one is a full
/// bucket.
std::optional<BucketValue> read_value(std::string_view value, std::int64_t now_us, const Rate<Int128>& rate);

/// "" for a full bucket. The script's own half, for models of it.
std::string write_value(Int128 ahead, std::int64_t clock_us, std::int64_t expiry_us,
                        const Rate<Int128>& rate);

/// The key of a bucket: braces around what decides its Cluster slot. All quotas and ids of a limit and key
/// share one, and all buckets of one tag.
void append_bucket_key(const Family& family, std::string_view key, std::string& out);

}  // namespace sluice::store
