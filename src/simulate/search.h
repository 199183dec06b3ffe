// search.h: the quota that would have refused at most so many, found by exact replays of the log's events.
#pragma once

#include <cstdint>
#include <optional>

#include "simulate/events.h"
#include "sluice/quota.h"

namespace sluice::simulate {

/// A share as a fraction: at most 1, den > 0.
struct Share {
  std::uint64_t num = 0;
  std::uint64_t den = 100;
  /// "1", "0.5%", ".25 %": per cent, at most 9 digits behind the point, 0 to 100.
  static Result<Share> parse_percent(std::string_view text);
  /// The most requests of `n` that do not exceed the share.
  std::uint64_t of(std::uint64_t n) const;
};

/// Replays events against one quota, a bucket a key.
class Replayer {
 public:
  Replayer(const EventSpool& events, std::uint32_t keys, bool spread);
  /// How many requests are refused; it stops counting one above `enough`.
  Result<std::uint64_t> refused(const Quota& quota, std::uint64_t enough = UINT64_MAX);

 private:
  struct Bucket {
    Int128 ahead;
    std::int64_t last_ns;
  };
  const EventSpool& events_;
  const bool spread_;
  std::vector<Bucket> buckets_;
};

struct Found {
  Quota quota;
  std::uint64_t refused;  ///< By it.
};

/// The smallest burst at `quota`'s rate that refuses at most `budget` requests.
///
/// Where every cost is 1, a larger burst and a faster rate never refuse more (a bucket admits as many of the
/// requests so far as any choice of them within the quota could, and what is within the smaller is within the
/// larger), so the bisection finds the smallest. Where costs differ that is not so - a large request that
/// passes may stand in the way of several small ones - and what is found meets the budget while one token
/// less does not. `burst_needed`: of Contender.
Result<Found> find_burst(Replayer& replayer, const Quota& quota, std::int64_t burst_needed,
                         std::uint64_t budget);

/// The fewest tokens per period with `quota`'s burst and period, in the same sense. None if no rate does it,
/// since more than the burst is asked for at one moment.
Result<std::optional<Found>> find_rate(Replayer& replayer, const Quota& quota, bool spread,
                                       std::uint64_t budget);

}  // namespace sluice::simulate
