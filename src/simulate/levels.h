// levels.h: how full the buckets of chosen keys were over time, for charts.
#pragma once

#include <cstdint>
#include <vector>

#include "simulate/contender.h"
#include "simulate/events.h"

namespace sluice::simulate {

struct LevelCurve {
  std::vector<double> lowest;          ///< 0 to 1, one an interval: the emptiest the key's bucket was in it.
  std::vector<std::uint64_t> refused;  ///< Requests, one an interval.
};

/// Equal intervals from `begin_s` on, in seconds since 1970 UTC; what lies outside is not drawn.
struct LevelGrid {
  std::int64_t begin_s = 0;
  std::int64_t width_s = 1;
  std::size_t intervals = 1;
};

/// Replays the events of the keys with these serial numbers against `contender`'s quotas. One curve a key.
Result<std::vector<LevelCurve>> level_curves(const EventSpool& events, const Contender& contender,
                                             bool spread, const std::vector<std::uint32_t>& serials,
                                             LevelGrid grid);

}  // namespace sluice::simulate
