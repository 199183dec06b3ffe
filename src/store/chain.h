// chain.h: asks that stand or fall together, decided over buckets that somebody holds: the arithmetic of it,
// the same for every store.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "sluice/ticks.h"
#include "store/store.h"

namespace sluice::store {

inline constexpr std::size_t kChainMax = 32;  ///< Asks that can stand or fall together.

inline std::size_t chain_length(std::span<const Ask> asks) {
  std::size_t n = 1;
  while (n < asks.size() && asks[n - 1].with_next) ++n;
  return n;
}

/// A time until full in ticks of `from` per ns as ticks of another rate, rounded up; at most what that can
/// hold.
constexpr Int128 convert_ticks(Int128 ticks, std::int64_t from, const Rate<Int128>& to) {
  if (from == to.per_ns) return ticks;
  const Int128 ns = ticks / from;
  const Int128 rest = ticks % from;  // Below 2^61, as is to.per_ns.
  if (ns >= to.debt_max / to.per_ns) return to.debt_max;
  return ns * to.per_ns + (rest * to.per_ns + from - 1) / from;
}

/// One ask of a chain. `Own` derives from it and adds what its store needs.
template <class Own>
struct ChainLink {
  const Ask* ask;
  Decision* decision;
  Rate<Int128> rate{};
  Own* first = nullptr;  ///< The link that holds this bucket: itself, or an earlier one of the same bucket.
  Int128 held = 0;       ///< First links only: ticks of the holder's rate until full, when it was held.
  Int128 ahead = 0;      ///< The same in the middle of the chain, and at its end.
  bool changed = false;
};

/// All or nothing. Fills the decisions; true if the buckets are to be changed, each to its first link's
/// `ahead` if that says `changed`. REQUIRES: at most kChainMax links, whose rate, first and held are set.
template <class Own>
bool decide_chain(std::span<Own> links) {
  // Time until full of the link's bucket in the link's own ticks, and the other way round.
  const auto get = [](const Own& link) {
    const Own& holder = *link.first;
    return convert_ticks(holder.ahead, static_cast<std::int64_t>(holder.rate.per_ns), link.rate);
  };
  const auto put = [](Own& link, Int128 ahead) {
    Own& holder = *link.first;
    holder.ahead = convert_ticks(ahead, static_cast<std::int64_t>(link.rate.per_ns), holder.rate);
    holder.changed = true;
  };
  const auto run = [&](bool looking, std::int64_t most) {
    bool all = true;
    std::int64_t fewest = most;
    for (Own& link : links) link.ahead = link.held, link.changed = false;
    for (Own& link : links) {
      const auto longest = duration_to_ticks(link.rate, link.ask->max_wait);
      const bool gives =
          link.ask->op == Op::refund || link.ask->op == Op::reset;  // Passes whatever it finds.
      const auto amount = looking && gives ? 0 : std::min(most, link.ask->amount);
      const auto s = step(link.rate, looking ? Op::peek : link.ask->op, amount, get(link), longest);
      *link.decision = decide(link.rate, s);
      if (looking && gives)
        link.decision->outcome = Outcome::allowed, link.decision->retry_after = Duration{0};
      all &= s.outcome == Outcome::allowed;
      if (link.ask->op == Op::take_up_to) fewest = std::min(fewest, s.granted);
      if (s.changed) put(link, s.ahead);
    }
    return std::pair(all, fewest);
  };
  constexpr auto no_bound = std::numeric_limits<std::int64_t>::max();
  auto [allowed, fewest] = run(false, no_bound);
  if (allowed && fewest != no_bound && links.size() > 1) run(false, fewest);
  if (allowed || links.size() == 1) return allowed;
  // Nothing is charged: those that would have passed show what they hold.
  std::array<Decision, kChainMax> refused;
  for (std::size_t i = 0; i < links.size(); ++i) refused[i] = *links[i].decision;
  run(true, no_bound);
  for (std::size_t i = 0; i < links.size(); ++i)
    if (!refused[i].allowed()) *links[i].decision = refused[i];
  return false;
}

}  // namespace sluice::store
