// histories.h: quotas and histories of requests as RapidCheck makes them, and what is measured of one.
#pragma once

#include <rapidcheck.h>

#include <ostream>
#include <vector>

#include "sluice/quota.h"
#include "sluice/ticks.h"

namespace sluice {

inline void showValue(const Quota& quota, std::ostream& out) { out << quota.text(); }

}  // namespace sluice

namespace sluice::property {

struct Event {
  Duration gap;  ///< Since the event before. Negative: the clock steps back.
  std::int64_t cost;
  std::uint8_t key;
};

inline void showValue(const Event& e, std::ostream& out) {
  out << "{+" << e.gap.count() << " ns, cost " << e.cost << ", key " << int{e.key} << "}";
}

/// One that was granted something.
struct Grant {
  Time at;
  std::int64_t tokens;
};

/// No interval, from the moment of any grant to that of any later one, saw more than the capacity and what
/// was refilled in it.
inline void expect_never_too_much(const Quota& quota, const std::vector<Grant>& grants,
                                  Duration rounding = Duration{0}) {
  for (std::size_t first = 0; first < grants.size(); ++first) {
    Int128 granted = 0;
    for (std::size_t last = first; last < grants.size(); ++last) {
      granted += grants[last].tokens;
      const Int128 passed = (grants[last].at - grants[first].at + rounding).count();
      RC_ASSERT((granted - quota.capacity()) * quota.period().count() <= passed * quota.tokens());
    }
  }
}

}  // namespace sluice::property

namespace rc {

template <>
struct Arbitrary<sluice::Quota> {
  static Gen<sluice::Quota> arbitrary() {
    const auto periods =
        gen::element<std::int64_t>(1, 997, 1'000'000, 1'000'000'000, 2'000'000'001, 60'000'000'000,
                                   86'400'000'000'000, 31'557'600'000'000'000);
    const auto amounts =
        gen::oneOf(gen::inRange<std::int64_t>(1, 20), gen::inRange<std::int64_t>(1, 2'000'000'000));
    return gen::map(gen::tuple(amounts, amounts, periods), [](const auto& numbers) {
      const auto [capacity, tokens, period] = numbers;
      return *sluice::Quota::make(
          {.capacity = capacity, .tokens = tokens, .period = sluice::Duration(period)});
    });
  }
};

}  // namespace rc

namespace sluice::property {

/// Events that lead somewhere under this quota: about one token apart, or idle for long, or a step back;
/// costs about the size of the bucket.
inline std::vector<Event> any_history(const Quota& quota) {
  using rc::gen::inRange;
  const std::int64_t token = std::max<std::int64_t>(quota.period().count() / quota.tokens(), 1);
  const std::int64_t fill =
      std::max<std::int64_t>(std::min(quota.time_to_fill(), Duration(INT64_MAX / 1000)).count(), 2);
  const auto gap = rc::gen::weightedOneOf<std::int64_t>({{4, rc::gen::just(std::int64_t{0})},
                                                         {4, inRange<std::int64_t>(0, 3 * token + 1)},
                                                         {2, inRange<std::int64_t>(0, fill)},
                                                         {1, inRange<std::int64_t>(-fill, 0)},
                                                         {1, inRange<std::int64_t>(fill, 3 * fill)}});
  const auto cost = rc::gen::weightedOneOf<std::int64_t>({{4, inRange<std::int64_t>(0, 4)},
                                                          {2, inRange<std::int64_t>(0, quota.capacity() + 2)},
                                                          {1, rc::gen::just(quota.capacity())}});
  const auto event = rc::gen::map(rc::gen::tuple(gap, cost, inRange<std::uint8_t>(0, 3)), [](const auto& e) {
    return Event{Duration(std::get<0>(e)), std::get<1>(e), std::get<2>(e)};
  });
  return *rc::gen::container<std::vector<Event>>(event).as("history");
}

}  // namespace sluice::property
