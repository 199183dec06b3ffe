#include "store/shared/fallback.h"

#include <algorithm>
#include <array>

#include "store/chain.h"

namespace sluice::store {

namespace {

constexpr std::size_t kSharesMax = 10'000;
constexpr Duration kComeAgain = std::chrono::seconds(1);

struct Now final : Completion {
  void decided() override {}
};

bool may_refuse(Op op) { return op != Op::charge && op != Op::refund && op != Op::reset; }

void without_a_count(const Chain& chain, bool allow) {
  for (std::size_t i = 0; i < chain.asks.size(); ++i) {
    const Ask& ask = chain.asks[i];
    Decision& d = chain.decisions[i] = {};
    d.capacity = ask.quota->capacity();
    const bool never =
        (ask.op == Op::take || ask.op == Op::reserve || ask.op == Op::peek) && ask.amount > d.capacity;
    if (never)
      d.outcome = Outcome::never, d.retry_after = kNever;
    else if (!allow && may_refuse(ask.op))
      d.outcome = Outcome::refused, d.retry_after = kComeAgain;
    else if (ask.op == Op::take_up_to)
      d.granted = std::min(ask.amount, d.capacity);
    else if (ask.op == Op::take || ask.op == Op::reserve || ask.op == Op::charge)
      d.granted = ask.amount;
    if (allow) d.remaining = d.capacity;
  }
}

/// Its id would be known here alone: later, in the store, it would be done again.
void not_done(const Chain& chain) {
  for (std::size_t i = 0; i < chain.asks.size(); ++i) {
    Decision& d = chain.decisions[i] = {};
    d.capacity = chain.asks[i].quota->capacity();
    if (chain.asks[i].family->once) d.outcome = Outcome::refused, d.retry_after = kComeAgain;
  }
}

}  // namespace

Quota share_of(const Quota& quota, std::int64_t instances) {
  const std::int64_t capacity = std::max<std::int64_t>(quota.capacity() / instances, 1);
  // 1/n of the rate, exactly, by a longer period; where that is too long, by fewer tokens.
  if (quota.period().count() <= Duration::max().count() / instances)
    if (auto q = Quota::make({capacity, quota.tokens(), quota.period() * instances})) return *q;
  if (auto q = Quota::make({capacity, std::max<std::int64_t>(quota.tokens() / instances, 1), quota.period()}))
    return *q;
  return quota;
}

void Fallback::share_among(std::int64_t instances) {
  if (instances_ != instances) shares_.clear();
  instances_ = instances;
}

void Fallback::decide(const Chain& chain, Time now) {
  bool deny = false, allow = true, once = false;
  for (const Ask& ask : chain.asks) {
    once |= ask.family->once;
    deny |= ask.family->on_failure == OnFailure::deny;
    allow &= ask.family->on_failure == OnFailure::allow;
  }
  if (once) {
    not_done(chain);
  } else if (deny || allow) {
    without_a_count(chain, !deny);
    for (const Decision& d : chain.decisions) uncounted_ += static_cast<std::uint64_t>(d.granted);
  } else {
    decide_here(chain, now);
  }
  for (Decision& d : chain.decisions) d.origin = Origin::degraded;
}

void Fallback::decide_here(const Chain& chain, Time now) {
  std::array<Ask, kChainMax> asks;
  std::copy(chain.asks.begin(), chain.asks.end(), asks.begin());
  const auto mine = std::span(asks).first(chain.asks.size());
  if (instances_ > 1)
    for (Ask& ask : mine) ask.quota = &share(*ask.quota);
  Now done;
  Batch batch{.asks = mine, .decisions = chain.decisions, .now = now};
  local_.decide(batch, done);
  for (std::size_t i = 0; i < chain.asks.size(); ++i) {
    const Ask& ask = chain.asks[i];
    Decision& d = chain.decisions[i];
    d.capacity = ask.quota->capacity();
    if (d.outcome == Outcome::never && ask.amount <= d.capacity)  // More than this share, not than the quota.
      d.outcome = Outcome::refused, d.retry_after = kComeAgain;
    if (d.granted > 0 && arrears_ != nullptr) arrears_->note(ask, d.granted, instances_);
  }
}

std::int64_t Fallback::owed(const Debt& debt, Time now) {
  const Quota granted_by = share_of(debt.quota, debt.instances);
  const Ask look{.key = debt.key, .family = &debt.family, .quota = &granted_by, .amount = 0, .op = Op::peek};
  Decision d;
  Now done;
  Batch batch{.asks = {&look, 1}, .decisions = {&d, 1}, .now = now};
  local_.decide(batch, done);
  return std::min(debt.granted, d.capacity - d.remaining);
}

const Quota& Fallback::share(const Quota& quota) {
  const Spec spec{quota.capacity(), quota.tokens(), quota.period().count()};
  const auto it = shares_.find(spec);
  if (it != shares_.end()) return it->second;
  if (shares_.size() >= kSharesMax) shares_.clear();
  return shares_.emplace(spec, share_of(quota, instances_)).first->second;
}

}  // namespace sluice::store
