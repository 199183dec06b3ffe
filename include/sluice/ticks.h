// ticks.h: the arithmetic. Exact, in integers, the same for every place that keeps a bucket.
//
// The state of a bucket is one moment, the theoretical arrival time (TAT): when it will be full again.
//
//     ahead = max(TAT - now, 0)       time until full; an idle bucket is full and equals one that never was
//     a take of `cost` is allowed     iff  ahead + cost * T  <=  capacity * T,  T = period / tokens (1) and
//     then                        TAT = now + ahead + cost * T; a refusal changes nothing
//
// (1) is GCRA in its virtual scheduling form: ITU-T Recommendation I.371 (1996), annex A. It decides exactly
// as a bucket that counts tokens and refills continuously (docs/guarantees.md, tested against one).
//
// T is seldom whole nanoseconds. With g = gcd(tokens, period in ns), one nanosecond is D = tokens / g
// **ticks** and one token is N = period / g ticks: both whole, so that nothing is ever rounded. Division
// happens only where a reply asks: remaining rounds down, retry_after and reset_after round up. So who waits
// retry_after is allowed.
//
// Two widths. Narrow: 64-bit ticks, for quotas with capacity * N up to 2^59 (they fill within 18 years
// where D = 1) and D below 2^16, which is nearly all that people write. Wide: 128-bit, for all the rest, as
// exact but slower. The formulas are these templates for both.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "sluice/decision.h"
#include "sluice/time.h"

namespace sluice {

__extension__ typedef __int128 Int128;

/// A quota in ticks. `debt_max` is the largest time until full that a bucket may be pushed to by reserve and
/// charge: further debt is forgotten. It lies at least one capacity below empty.
template <class Tick>
struct Rate {
  Tick full;       ///< capacity * N: ticks from empty to full.
  Tick per_token;  ///< N.
  Tick per_ns;     ///< D.
  Tick debt_max;
  std::int64_t capacity;
};

inline constexpr int kNarrowBits = 60;
inline constexpr int kWideBits = 125;
inline constexpr std::int64_t kNarrowDebtMax = std::int64_t{1} << kNarrowBits;
inline constexpr std::int64_t kNarrowTicksPerNsMax = 0xFFFF;
inline constexpr Int128 kWideDebtMax = static_cast<Int128>(1) << kWideBits;

/// What is asked of one bucket.
enum class Op : std::uint8_t {
  take,        ///< `amount` tokens, all or none.
  peek,        ///< What take would answer; changes nothing.
  take_up_to,  ///< As many as there are, at most `amount`.
  reserve,     ///< `amount` tokens now or later: they are charged, the answer says how long to wait for them.
  charge,  ///< `amount` tokens whether they are there or not: may leave a debt that later requests wait out.
  refund,  ///< Gives back `amount` tokens; never above full.
  reset,   ///< Full again.
};

/// What becomes of a bucket: a pure result, written by whoever keeps the bucket.
template <class Tick>
struct Step {
  Outcome outcome;
  bool changed;  ///< `ahead` differs from what it was. Never for a refusal.
  Tick ahead;    ///< Ticks until full, after the step.
  Tick
      shortfall;  ///< Ticks until the same request could pass; of a reservation that passed: until it is due.
  std::int64_t granted;  ///< Tokens charged.
};

/// One request against a bucket that is full in `ahead` ticks. REQUIRES: 0 <= ahead <= rate.debt_max, amount
/// >= 0, max_wait >= 0 (reserve only).
template <class Tick>
constexpr Step<Tick> step(const Rate<Tick>& rate, Op op, std::int64_t amount, Tick ahead, Tick max_wait = 0) {
  const auto unchanged = [&](Outcome outcome, Tick shortfall) {
    return Step<Tick>{outcome, false, ahead, shortfall, 0};
  };
  const auto moved = [&](Tick to, std::int64_t granted, Tick due = 0) {
    return Step<Tick>{Outcome::allowed, to != ahead, to, due, granted};
  };
  switch (op) {
    case Op::take:
    case Op::peek: {
      if (amount > rate.capacity) return unchanged(Outcome::never, 0);
      const Tick after = ahead + static_cast<Tick>(amount) * rate.per_token;
      if (after > rate.full) return unchanged(Outcome::refused, after - rate.full);
      return op == Op::peek ? unchanged(Outcome::allowed, 0) : moved(after, amount);
    }
    case Op::take_up_to: {
      const Tick there = ahead > rate.full ? 0 : (rate.full - ahead) / rate.per_token;
      const auto granted = std::min(amount, static_cast<std::int64_t>(there));
      if (granted == 0 && amount > 0) return unchanged(Outcome::refused, ahead + rate.per_token - rate.full);
      return moved(ahead + static_cast<Tick>(granted) * rate.per_token, granted);
    }
    case Op::reserve: {
      if (amount > rate.capacity) return unchanged(Outcome::never, 0);
      const Tick after = ahead + static_cast<Tick>(amount) * rate.per_token;
      const Tick due = std::max<Tick>(after - rate.full, 0);
      const Tick longest = std::min<Tick>(max_wait, rate.debt_max - rate.full);
      return due > longest ? unchanged(Outcome::refused, due - longest) : moved(after, amount, due);
    }
    case Op::charge: {
      const Tick room = (rate.debt_max - ahead) / rate.per_token;
      const bool fits = static_cast<Tick>(amount) <= room;
      return moved(fits ? ahead + static_cast<Tick>(amount) * rate.per_token : rate.debt_max, amount);
    }
    case Op::refund: {
      const bool partly = static_cast<Tick>(amount) <= ahead / rate.per_token;
      return moved(partly ? ahead - static_cast<Tick>(amount) * rate.per_token : 0, 0);
    }
    case Op::reset:
      return moved(0, 0);
  }
  return unchanged(Outcome::never, 0);
}

/// Saturates at debt_max, beyond which no wait is ever granted.
template <class Tick>
constexpr Tick duration_to_ticks(const Rate<Tick>& rate, Duration d) {
  const Tick longest = rate.debt_max / rate.per_ns;
  return std::min(longest, static_cast<Tick>(std::max<std::int64_t>(d.count(), 0))) * rate.per_ns;
}

template <class Tick>
constexpr Duration ticks_to_duration_up(Tick ticks, Tick per_ns) {
  const Tick ns = per_ns == 1 ? ticks : ticks / per_ns + (ticks % per_ns != 0 ? 1 : 0);
  constexpr Tick max = static_cast<Tick>(Duration::max().count());
  return Duration(static_cast<std::int64_t>(std::min(ns, max)));
}

/// The step as a person or a wire wants it. The only place that divides.
template <class Tick>
constexpr Decision decide(const Rate<Tick>& rate, const Step<Tick>& s) {
  Decision d;
  d.outcome = s.outcome;
  d.granted = s.granted;
  d.capacity = rate.capacity;
  d.remaining = s.ahead >= rate.full ? 0 : static_cast<std::int64_t>((rate.full - s.ahead) / rate.per_token);
  d.reset_after = ticks_to_duration_up(s.ahead, rate.per_ns);
  const Duration until = s.shortfall == 0 ? Duration{0} : ticks_to_duration_up(s.shortfall, rate.per_ns);
  d.retry_after = s.outcome == Outcome::refused ? until : s.outcome == Outcome::never ? kNever : Duration{0};
  d.due_after = s.outcome == Outcome::allowed ? until : Duration{0};
  return d;
}

}  // namespace sluice
