#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <map>
#include <memory>

#include "property/histories.h"
#include "sluice/bucket.h"
#include "sluice/keyed_limiter.h"

namespace sluice::property {
namespace {

constexpr std::array<const char*, 3> kNames = {"", "alice",
                                               "a longer name that no string keeps within itself"};
constexpr KeyedLimiterOptions kSmall{.max_keys = 1000, .seed = 1};

KeyedLimiter limiter(std::vector<Quota> quotas) {
  return std::move(*KeyedLimiter::make(std::move(quotas), kSmall));
}

std::vector<Quota> some_quotas() {
  return *rc::gen::nonEmpty(rc::gen::scale(0.05, rc::gen::arbitrary<std::vector<Quota>>())).as("quotas");
}

/// What a limiter must equal: a bucket a quota, asked in turn.
class Buckets {
 public:
  explicit Buckets(const std::vector<Quota>& quotas) {
    for (const auto& q : quotas) buckets_.push_back(std::make_unique<Bucket>(q, Time{}));
  }
  bool take(std::int64_t cost, Time now) {
    for (auto& b : buckets_)
      if (!b->peek(cost, now).allowed()) return false;
    for (auto& b : buckets_) b->take(cost, now);
    return true;
  }
  std::int64_t remaining(Time now) {
    std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
    for (auto& b : buckets_) fewest = std::min(fewest, b->peek(0, now).remaining);
    return fewest;
  }
  Duration retry_after(std::int64_t cost, Time now) {
    Duration longest{0};
    for (auto& b : buckets_) longest = std::max(longest, b->peek(cost, now).retry_after);
    return longest;
  }
  void refund(std::int64_t cost, Time now) {
    for (auto& b : buckets_) b->refund(cost, now);
  }

 private:
  std::vector<std::unique_ptr<Bucket>> buckets_;
};

RC_GTEST_PROP(KeyedLimiterProperty, NeverGrantsMoreThanCapacityAndRefill, ()) {
  const auto quotas = some_quotas();
  auto l = limiter(quotas);
  std::array<std::vector<Grant>, kNames.size()> grants;
  Time clock{}, latest{};
  l.peek("", 0, latest);  // From here on its time goes forward.
  for (const auto& e : any_history(quotas.front())) {
    clock += e.gap;
    latest = std::max(latest, clock);
    const auto d =
        e.cost % 3 == 0 ? l.take_up_to(kNames[e.key], e.cost, clock) : l.take(kNames[e.key], e.cost, clock);
    if (d.granted > 0) grants[e.key].push_back({latest, d.granted});
  }
  for (const auto& q : quotas)
    for (const auto& g : grants) expect_never_too_much(q, g);
}

RC_GTEST_PROP(KeyedLimiterProperty, SeveralQuotasAreAllOrNothing, ()) {
  const auto quotas = some_quotas();
  auto l = limiter(quotas);
  std::vector<Buckets> expected;
  for (std::size_t i = 0; i < kNames.size(); ++i) expected.emplace_back(quotas);
  Time now{};
  for (const auto& e : any_history(quotas.front())) {
    now = std::max(now, now + e.gap);
    Buckets& model = expected[e.key];
    if (e.cost % 5 == 4) {
      l.refund(kNames[e.key], e.cost, now);
      model.refund(e.cost, now);
      continue;
    }
    const auto retry = model.retry_after(e.cost, now);
    const auto d = l.take(kNames[e.key], e.cost, now);
    RC_ASSERT(d.allowed() == model.take(e.cost, now));
    RC_ASSERT(d.retry_after == retry);
    RC_ASSERT(l.take_up_to(kNames[e.key], 0, now).allowed());
    if (d.allowed()) RC_ASSERT(d.remaining == model.remaining(now));
    // Whatever any one of them could still give is what all can give.
    RC_ASSERT(l.peek(kNames[e.key], 0, now).remaining == model.remaining(now));
  }
}

RC_GTEST_PROP(KeyedLimiterProperty, SpansDecideAsSingleCalls, ()) {
  const auto quotas = some_quotas();
  auto together = limiter(quotas), apart = limiter(quotas);
  std::vector<KeyedLimiter::Request> requests;
  for (const auto& e : any_history(quotas.front()))
    requests.push_back(e.gap.count() % 2 == 0 ? KeyedLimiter::Request{kNames[e.key], e.cost}
                                              : KeyedLimiter::Request{e.key, e.cost});
  std::vector<Decision> decisions(requests.size());
  together.take(requests, decisions, Time{});
  for (std::size_t i = 0; i < requests.size(); ++i)
    RC_ASSERT(decisions[i] == apart.take(requests[i].key, requests[i].cost, Time{}));
}

RC_GTEST_PROP(KeyedLimiterProperty, ResetMakesItFull, ()) {
  const auto quotas = some_quotas();
  auto l = limiter(quotas);
  Time now{};
  std::int64_t smallest = std::numeric_limits<std::int64_t>::max();
  for (const auto& q : quotas) smallest = std::min(smallest, q.capacity());
  for (const auto& e : any_history(quotas.front())) {
    now = std::max(now, now + e.gap);
    l.charge(kNames[e.key], e.cost, now);
  }
  RC_ASSERT(l.reset("alice", now).reset_after == Duration{0});
  RC_ASSERT(l.peek("alice", 0, now).remaining == smallest);
  RC_ASSERT(l.take("alice", smallest, now).allowed());
}

/// Whatever is held, settled and forgotten: a key has paid the actual cost of what was settled in time, once,
/// and the estimate of all the rest.
RC_GTEST_PROP(KeyedLimiterProperty, HoldsPayOnceWhatTheyCost, ()) {
  const auto quota = *Quota::parse("1/day burst 1000000");
  auto l = limiter({quota});
  struct Open {
    HoldId id;
    std::int64_t estimate;
    Time expiry;
  };
  std::vector<Open> open;
  std::int64_t paid = 0;
  Time now{};
  const auto steps = *rc::gen::container<std::vector<std::array<int, 3>>>(
      rc::gen::container<std::array<int, 3>>(rc::gen::inRange(0, 100)));
  for (const auto& [what, which, size] : steps) {
    now += Duration(what % 7);
    if (what % 2 == 0 || open.empty()) {
      const auto held = l.hold("k", size, Duration(which), now);
      RC_ASSERT(held && held->decision.allowed());
      open.push_back({held->id, size, now + Duration(which)});
      paid += size;
      continue;
    }
    const auto& hold = open[static_cast<std::size_t>(which) % open.size()];
    const auto settled = l.settle(hold.id, size, now);
    RC_ASSERT(static_cast<bool>(settled) == (hold.expiry > now));
    if (settled) paid += size - hold.estimate;
    open[static_cast<std::size_t>(which) % open.size()].expiry = Time{};  // Settled or expired: never again.
  }
  RC_ASSERT(l.peek("k", 0, now).remaining == 1'000'000 - paid);
}

}  // namespace
}  // namespace sluice::property
