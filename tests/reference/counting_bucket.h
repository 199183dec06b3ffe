// counting_bucket.h: the obvious token bucket, for tests alone. It counts tokens, exactly, in fractions of
// 1/period-in-ns of a token, so that one nanosecond of refill is `tokens` such fractions. It knows nothing of
// TATs, ticks or greatest common divisors, and does not care for speed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "sluice/quota.h"

namespace sluice::reference {

class CountingBucket {
 public:
  struct Answer {
    bool allowed;
    std::int64_t remaining;
    std::optional<std::int64_t> retry_after_ns;  // None: it can never pass.
    std::int64_t reset_after_ns;
  };

  CountingBucket(Quota::Spec spec, std::int64_t since_ns)
      : spec_(spec),
        period_(spec.period.count()),
        capacity_(period_ * spec.capacity),
        level_(capacity_),
        latest_(since_ns) {}

  Answer take(std::int64_t cost, std::int64_t now_ns) { return answer(cost, now_ns, true); }
  Answer peek(std::int64_t cost, std::int64_t now_ns) { return answer(cost, now_ns, false); }
  void charge(std::int64_t cost, std::int64_t now_ns) {
    refill(now_ns);
    level_ -= period_ * cost;
  }
  void refund(std::int64_t cost, std::int64_t now_ns) {
    refill(now_ns);
    level_ = std::min(capacity_, level_ + period_ * cost);
  }
  void reset(std::int64_t now_ns) {
    refill(now_ns);
    level_ = capacity_;
  }
  std::int64_t available(std::int64_t now_ns) {
    refill(now_ns);
    return level_ < 0 ? 0 : static_cast<std::int64_t>(level_ / period_);
  }

  std::int64_t latest_ns() const { return latest_; }

 private:
  Answer answer(std::int64_t cost, std::int64_t now_ns, bool take) {
    refill(now_ns);
    const Int128 wanted = period_ * cost;
    const bool allowed = cost <= spec_.capacity && wanted <= level_;
    const std::optional<std::int64_t> retry = cost > spec_.capacity ? std::nullopt
                                              : allowed             ? std::optional<std::int64_t>(0)
                                                                    : wait_for(wanted);
    if (allowed && take) level_ -= wanted;
    return {allowed, available(now_ns), retry, wait_for(capacity_)};
  }

  /// The fewest whole nanoseconds after which the level is at least `wanted`.
  std::int64_t wait_for(Int128 wanted) const {
    if (level_ >= wanted) return 0;
    const Int128 missing = wanted - level_;
    const Int128 ns = missing / spec_.tokens + (missing % spec_.tokens != 0 ? 1 : 0);
    return static_cast<std::int64_t>(std::min<Int128>(ns, INT64_MAX));
  }

  void refill(std::int64_t now_ns) {
    if (now_ns <= latest_) return;  // The clock stood still or stepped back.
    const Int128 elapsed = static_cast<Int128>(now_ns) - latest_;
    latest_ = now_ns;
    const Int128 to_full = (capacity_ - level_) / spec_.tokens + 1;
    level_ = elapsed >= to_full ? capacity_ : std::min(capacity_, level_ + elapsed * spec_.tokens);
  }

  const Quota::Spec spec_;
  const Int128 period_;
  const Int128 capacity_;
  Int128 level_;
  std::int64_t latest_;
};

}  // namespace sluice::reference
