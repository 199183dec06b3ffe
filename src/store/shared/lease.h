// lease.h: tokens of one bucket that this instance has charged in the store ahead of their use, and spends
// without asking. No I/O, no clock of its own.
//
// The store's TAT is a line along which tokens are laid, each as long as one interval T: a charge of n takes
// the line from the old TAT (at the earliest: now) to the new one, and nobody else is ever given that part.
// A lease is such a part, [at, end):
//
//     a token may be spent at t   iff  max(at, t) + T <= end;  then at = max(at, t) + T
//
// So what lies before t **evaporates**: usable = min(left, granted - ceil((t - old TAT) / T)). Without that
// rule a lease is spent beside the refill of a bucket that would have been full, which is more than one
// capacity. Why it is exact, for any number of holders and whatever gets lost: a token spent at t has a part
// of the line of its own that begins at t or later, and ends at t + capacity * T or earlier, since the store
// charged it before. Those spent in [a, b] lie within [a, b + capacity * T]: they are at most capacity + rate
// * (b - a).
//
// t must be no earlier than the store's own time. It is that of the answer plus what has passed here since
// before the call was sent, lengthened by the drift bound: by how much the store's clock may run ahead of
// ours. A store's clock that steps forward by more than the margin, or ours that stands still (a machine that
// is suspended), is outside of it: then at most what the lease holds is granted too much, once.
//
// What the rule rests on is that the TAT never goes back. A refund or a reset makes it go back: whoever does
// that gives up its own lease (leases.h); other instances' may still be spent, at most to their bound.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>

#include "sluice/ticks.h"

namespace sluice::store {

class Lease {
 public:
  using Rate = sluice::Rate<std::int64_t>;

  struct Drift {
    std::int64_t ppm = 500;  ///< Of how much faster the store's clock may run than ours.
    Duration margin = std::chrono::milliseconds(1);  ///< On top, for small steps.
  };

  /// `tokens` were charged by a call sent at `sent`, after which the bucket was `ahead` ticks from full by
  /// the store's clock. REQUIRES: the call took them, and nothing but takes came after them in it; parts()
  /// < 2.
  void add(const Rate& rate, std::int64_t tokens, std::int64_t ahead, Time sent) {
    settle(rate);
    const std::int64_t end = std::min(ahead, rate.full);
    parts_[parts_[0].empty() ? 0 : 1] = {sent, std::max<std::int64_t>(end - tokens * rate.per_token, 0), end};
  }

  /// Spends `amount` tokens, all or none.
  bool take(const Rate& rate, std::int64_t amount, Time now, const Drift& drift) {
    if (usable(rate, now, drift) < amount) return false;
    spend(rate, amount);
    return true;
  }
  /// REQUIRES: usable() has just said that there are as many.
  void spend(const Rate& rate, std::int64_t amount) {
    for (Part& part : parts_) {
      const bool all = part.at + amount * rate.per_token <= part.end;  // Mostly: without a division.
      const std::int64_t n = all ? amount : (part.end - part.at) / rate.per_token;
      part.at += n * rate.per_token;
      amount -= n;
      if (amount == 0) return;
    }
  }

  /// Tokens that could be spent now. What has evaporated is gone for good.
  std::int64_t usable(const Rate& rate, Time now, const Drift& drift) {
    settle(rate);
    std::int64_t tokens = 0;
    for (Part& part : parts_) {
      if (part.empty()) continue;
      part.at = std::max(part.at, passed(part.sent, rate, now, drift));
      if (part.end - part.at >= rate.per_token)
        tokens += (part.end - part.at) / rate.per_token;
      else
        part = {};
    }
    if (parts_[0].empty()) std::swap(parts_[0], parts_[1]);
    return tokens;
  }

  /// Ticks that are charged and not spent; of usable().
  std::int64_t unspent() const { return parts_[0].end - parts_[0].at + parts_[1].end - parts_[1].at; }

  /// Ticks that have passed by the store's clock since a call sent at `sent` ran there, at most. Saturates.
  static std::int64_t passed(Time sent, const Rate& rate, Time now, const Drift& drift) {
    constexpr std::int64_t kMillion = 1'000'000;
    const std::int64_t here = std::max<std::int64_t>((now - sent).count(), 0);
    const std::int64_t there = here + (here / kMillion + 1) * drift.ppm + drift.margin.count();
    std::int64_t ticks;
    if (__builtin_mul_overflow(std::max<std::int64_t>(there, 0), rate.per_ns, &ticks)) return INT64_MAX;
    return ticks;
  }

  /// Parts of the line that are not used up: at most two, the later one charged before the first is spent.
  int parts() const { return (parts_[0].empty() ? 0 : 1) + (parts_[1].empty() ? 0 : 1); }
  void clear() { parts_ = {}; }

  friend bool operator==(const Lease&, const Lease&) = default;
  friend auto operator<=>(const Lease&, const Lease&) = default;

 private:
  struct Part {
    Time sent{};                   // When the call that charged it was sent, by this instance's clock.
    std::int64_t at = 0, end = 0;  // Ticks from the store's time then.
    bool empty() const { return end == at; }
    friend bool operator==(const Part&, const Part&) = default;
    friend auto operator<=>(const Part&, const Part&) = default;
  };

  /// Another quota's ticks say nothing.
  void settle(const Rate& rate) {
    if (rate.per_ns == per_ns_ && rate.per_token == per_token_ && rate.full == full_) return;
    clear();
    per_ns_ = rate.per_ns, per_token_ = rate.per_token, full_ = rate.full;
  }

  std::array<Part, 2> parts_;
  std::int64_t per_ns_ = 0, per_token_ = 0, full_ = 0;
};

}  // namespace sluice::store
