// seconds.h: durations as protocols tell them.
#pragma once

#include "sluice/time.h"

namespace sluice::door {

/// Whole seconds, rounded up. REQUIRES: value >= 0.
constexpr std::int64_t seconds_up(Duration value) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return value.count() / kSecond + (value.count() % kSecond != 0 ? 1 : 0);
}

}  // namespace sluice::door
