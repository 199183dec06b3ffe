// bucket.h: one token bucket, shared by threads.
//
//     sluice::Bucket bucket(*sluice::Quota::parse("10/s burst 50"));
//     if (!bucket.take(1).allowed()) ...
//
// Every call is atomic, waits for nobody, allocates nothing and cannot fail: a refusal is an answer. `now`
// may come from any one clock; a time before the latest one that this bucket was given counts as that latest
// one, so a clock that steps back makes no token and loses none. Calls without `now` read Clock::now().
//
// A bucket may rest for 250 years between two changes. Under a quota with one tick a nanosecond (period a
// multiple of tokens: most) the state is one 64-bit word; under others it is a 128-bit one, some 12 ns slower
// a call.
#pragma once

#include <atomic>

#include "sluice/decision.h"
#include "sluice/quota.h"
#include "sluice/ticks.h"
#include "sluice/time.h"

namespace sluice {

class Bucket {
 public:
  /// Full at `since`.
  explicit Bucket(const Quota& quota, Time since = Clock::now()) noexcept;
  Bucket(const Bucket&) = delete;
  Bucket& operator=(const Bucket&) = delete;

  /// Takes `cost` tokens if they are there. 0 asks without taking. REQUIRES: cost >= 0, here and below.
  Decision take(std::int64_t cost, Time now) noexcept { return run(Op::take, cost, now); }
  /// What take would answer now; changes nothing.
  Decision peek(std::int64_t cost, Time now) noexcept { return run(Op::peek, cost, now); }
  /// Takes as many tokens as there are, at most `most`; Decision::granted says how many. Refused if there is
  /// none.
  Decision take_up_to(std::int64_t most, Time now) noexcept { return run(Op::take_up_to, most, now); }
  /// Takes `cost` tokens from the future if need be: allowed iff they are due within `max_wait`, and then
  /// Decision::due_after is the wait. Later requests queue up behind it. To cancel, refund(cost).
  Decision reserve(std::int64_t cost, Duration max_wait, Time now) noexcept {
    return run(Op::reserve, cost, now, max_wait);
  }
  /// Takes `cost` tokens whether they are there or not. The debt is waited out by later requests.
  Decision charge(std::int64_t cost, Time now) noexcept { return run(Op::charge, cost, now); }
  /// Gives back `cost` tokens, never above full.
  Decision refund(std::int64_t cost, Time now) noexcept { return run(Op::refund, cost, now); }
  /// Makes the bucket full.
  Decision reset(Time now) noexcept { return run(Op::reset, 0, now); }

  Decision take(std::int64_t cost = 1) noexcept { return take(cost, Clock::now()); }
  Decision peek(std::int64_t cost = 1) noexcept { return peek(cost, Clock::now()); }
  Decision take_up_to(std::int64_t most) noexcept { return take_up_to(most, Clock::now()); }
  Decision reserve(std::int64_t cost, Duration max_wait = kNever) noexcept {
    return reserve(cost, max_wait, Clock::now());
  }
  Decision charge(std::int64_t cost) noexcept { return charge(cost, Clock::now()); }
  Decision refund(std::int64_t cost) noexcept { return refund(cost, Clock::now()); }
  Decision reset() noexcept { return reset(Clock::now()); }

  const Quota& quota() const noexcept { return quota_; }

 private:
  Decision run(Op op, std::int64_t amount, Time now, Duration max_wait = Duration{0}) noexcept {
    now = never_back(now);
    if (!one_tick_a_ns_) return run_wide(op, amount, now, max_wait);
    const auto& rate = quota_.narrow();
    const auto base = static_cast<std::uint64_t>(now.time_since_epoch().count());
    const auto longest = op == Op::reserve ? duration_to_ticks(rate, max_wait) : 0;
    // relaxed: the word is all there is; no other data hangs on it.
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    for (;;) {
      const auto ahead = std::max<std::int64_t>(static_cast<std::int64_t>(word - base), 0);
      const auto s = step(rate, op, amount, ahead, longest);
      if (!s.changed || word_.compare_exchange_weak(word, base + static_cast<std::uint64_t>(s.ahead),
                                                    std::memory_order_relaxed))
        return decide(rate, s);
    }
  }
  Decision run_wide(Op op, std::int64_t amount, Time now, Duration max_wait) noexcept;

  /// Two threads whose clocks disagree may race here; then the earlier time can count for one more call. That
  /// can only refuse by their difference too early, never allow.
  Time never_back(Time now) noexcept {
    const auto latest = latest_.load(std::memory_order_relaxed);
    if (now <= latest) return latest;
    latest_.store(now, std::memory_order_relaxed);
    return now;
  }

  const Quota quota_;
  const bool one_tick_a_ns_;
  std::atomic<Time> latest_;         // The latest time seen.
  std::atomic<std::uint64_t> word_;  // Narrow: the TAT in ns, modulo 2^64. Changed only by compare-and-swap.
  alignas(16) Int128 wide_;          // Wide: the TAT in ticks. Changed only by 16-byte compare-and-swap.
};

}  // namespace sluice
