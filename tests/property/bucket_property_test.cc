#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "property/histories.h"
#include "sluice/bucket.h"

namespace sluice::property {
namespace {

constexpr Duration kFarAway =
    std::chrono::hours(1'000'000);  // Histories end before as much again: no overflow.

/// A bucket after some history that left it in any state, in debt too, and the time then.
struct Used {
  explicit Used(const Quota& quota) : bucket(quota, now) {
    for (const auto& e : any_history(quota)) {
      now = std::max(now, now + e.gap);
      if (e.key == 2)
        bucket.charge(e.cost, now);
      else
        bucket.take(e.cost, now);
    }
  }
  Time now{};
  Bucket bucket;
};

RC_GTEST_PROP(BucketProperty, NeverGrantsMoreThanCapacityAndRefill, (const Quota& quota)) {
  Bucket bucket(quota, Time{});
  std::vector<Grant> grants;
  Time clock{}, latest{};
  for (const auto& e : any_history(quota)) {
    clock += e.gap;
    latest = std::max(latest, clock);
    const auto d = e.key == 0 ? bucket.take_up_to(e.cost, clock) : bucket.take(e.cost, clock);
    RC_ASSERT(d.granted <= e.cost);
    if (d.granted > 0) grants.push_back({latest, d.granted});
  }
  expect_never_too_much(quota, grants);
}

RC_GTEST_PROP(BucketProperty, ReservationsAreDueWithinTheQuota, (const Quota& quota)) {
  Bucket bucket(quota, Time{});
  std::vector<Grant> grants;
  Time now{};
  for (const auto& e : any_history(quota)) {
    now = std::max(now, now + e.gap);
    const Duration most = e.key == 0 ? kNever : std::max(e.gap, Duration{0});
    const auto d = bucket.reserve(e.cost, most, now);
    if (!d.allowed()) continue;
    RC_ASSERT(d.due_after <= most);
    if (e.cost == 0 || d.due_after > kFarAway) continue;
    if (!grants.empty()) RC_ASSERT(now + d.due_after >= grants.back().at);  // First come, first served.
    grants.push_back({now + d.due_after, d.granted});
  }
  expect_never_too_much(quota, grants, Duration{1});  // Due times are rounded up.
}

RC_GTEST_PROP(BucketProperty, RefundNeverGoesAboveFull, (const Quota& quota)) {
  Used u(quota);
  const auto amount = *rc::gen::oneOf(rc::gen::inRange<std::int64_t>(0, quota.capacity() + 2),
                                      rc::gen::just(std::numeric_limits<std::int64_t>::max()));
  const auto before = u.bucket.peek(0, u.now);
  const auto after = u.bucket.refund(amount, u.now);
  RC_ASSERT(after.remaining <= quota.capacity());
  if (before.allowed())  // Else it is in debt.
    RC_ASSERT(after.remaining ==
              (amount > quota.capacity() - before.remaining ? quota.capacity() : before.remaining + amount));
  RC_ASSERT(u.bucket.take_up_to(quota.capacity(), u.now).granted == after.remaining);
}

RC_GTEST_PROP(BucketProperty, WhatIsGivenBackAtOnceWasNeverTaken, (const Quota& quota)) {
  Used u(quota);
  const auto before = u.bucket.peek(1, u.now);
  const auto d = u.bucket.take(*rc::gen::inRange<std::int64_t>(0, quota.capacity() + 1), u.now);
  u.bucket.refund(d.granted, u.now);
  RC_ASSERT(u.bucket.peek(1, u.now) == before);
}

RC_GTEST_PROP(BucketProperty, ResetMakesItFull, (const Quota& quota)) {
  Used u(quota);
  const auto d = u.bucket.reset(u.now);
  RC_ASSERT(d.remaining == quota.capacity());
  RC_ASSERT(d.reset_after == Duration{0});
  RC_ASSERT(u.bucket.take(quota.capacity(), u.now).allowed());
  RC_ASSERT(!u.bucket.take(1, u.now).allowed());
}

RC_GTEST_PROP(BucketProperty, TimeOnlyMakesTokens, (const Quota& quota)) {
  Used u(quota);
  auto before = u.bucket.peek(1, u.now);
  for (const auto& e : any_history(quota)) {
    u.now = std::max(u.now, u.now + e.gap);
    const auto d = u.bucket.peek(1, u.now);
    RC_ASSERT(d.remaining >= before.remaining);
    RC_ASSERT(d.retry_after <= before.retry_after);
    RC_ASSERT(d.reset_after <= before.reset_after);
    before = d;
  }
}

RC_GTEST_PROP(BucketProperty, ARefusalChangesNothingAndSaysExactlyWhen, (const Quota& quota)) {
  Used u(quota);
  const auto cost = *rc::gen::inRange<std::int64_t>(0, quota.capacity() + 2);
  const auto before = u.bucket.peek(cost, u.now);
  const auto refused = u.bucket.take(cost, u.now);
  RC_ASSERT(refused.outcome == before.outcome);
  if (refused.allowed()) return;
  RC_ASSERT(u.bucket.peek(cost, u.now) == before);
  RC_ASSERT((refused.outcome == Outcome::never) == (cost > quota.capacity()));
  if (refused.retry_after > kFarAway) return;
  RC_ASSERT(!u.bucket.take(cost, u.now + refused.retry_after - Duration{1}).allowed());
  RC_ASSERT(u.bucket.take(cost, u.now + refused.retry_after).allowed());
}

}  // namespace
}  // namespace sluice::property
