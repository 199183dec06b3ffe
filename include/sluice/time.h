// time.h: the one notion of time. Everything below the front doors takes `now` as an argument and reads no
// clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

using Duration = std::chrono::nanoseconds;

/// The default clock: the machine's monotonic clock, in nanoseconds. It never steps back, on any thread, and
/// knows nothing of dates. Any other source serves as well, as long as one bucket sees one source:
/// Time(Duration(ns)).
struct Clock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept {
    return time_point(
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }
};

using Time = Clock::time_point;

/// "However long you wait": the retry_after of a request that can never pass.
inline constexpr Duration kNever = Duration::max();

}  // namespace sluice
