// quota.h: how much, how fast. A quota is a value: two numbers and a period, checked once when it is built.
//
// A bucket under a quota holds at most `capacity` tokens (the largest burst) and gains `tokens` every
// `period`, evenly: after period/tokens one token, not all of them at the period's end. In text:
//
//     10/s                  ten a second, burst 10 (the capacity defaults to the tokens of one period)
//     600/min burst 50      600 a minute, never more than 50 at once
//     5/h    1/day burst 3    100/30s    7/5min
//     10MB/s burst 50MB     amounts may carry k M G T (powers of 1000) or Ki Mi Gi Ti (powers of 1024), with
//     or
//                           without a B behind: the unit of a token is yours
//
// periods: ns us ms s m|min h d|day w|week, their long names and plurals, with a whole number before them if
// not 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/result.h"
#include "sluice/ticks.h"
#include "sluice/time.h"

namespace sluice {

class Quota {
 public:
  struct Spec {
    std::int64_t capacity;  ///< Tokens; also the largest burst. 1 to 2^63-1.
    std::int64_t tokens;    ///< Gained every `period`. 1 to 2^63-1.
    Duration period;        ///< At least 1 ns, at most 292 years.
  };

  /// The error says which number is impossible and what would be possible. What cannot be kept exactly is
  /// refused, never approximated: capacity * period / gcd(tokens, period) must not be above 2^124.
  static Result<Quota> make(Spec spec);
  static Result<Quota> parse(std::string_view text);

  /// The shortest text that parse() reads back as this quota.
  std::string text() const;

  std::int64_t capacity() const noexcept { return spec_.capacity; }
  std::int64_t tokens() const noexcept { return spec_.tokens; }
  Duration period() const noexcept { return spec_.period; }

  /// The quota in ticks (ticks.h). A narrow rate exists only where is_narrow().
  bool is_narrow() const noexcept { return narrow_.per_token != 0; }
  const Rate<std::int64_t>& narrow() const noexcept { return narrow_; }
  Rate<Int128> wide() const noexcept;

  /// How long an empty bucket needs to be full again; rounded up, saturating at Duration::max().
  Duration time_to_fill() const noexcept;

  friend bool operator==(const Quota& a, const Quota& b) noexcept {
    return a.capacity() == b.capacity() && a.tokens() == b.tokens() && a.period() == b.period();
  }

 private:
  explicit Quota(Spec spec) noexcept;

  Spec spec_;
  std::int64_t ticks_per_token_;
  std::int64_t ticks_per_ns_;
  Rate<std::int64_t> narrow_{};  // All zero where the quota is wide.
};

}  // namespace sluice
