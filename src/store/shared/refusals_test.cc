#include "store/shared/refusals.h"

#include <gtest/gtest.h>

#include "store/shared/bucket_value.h"

namespace sluice::store {
namespace {

using std::chrono::milliseconds;

constexpr Time kNow{std::chrono::hours(1000)};

struct RefusalsTest : testing::Test {
  bool refuses(Time now, std::int64_t amount = 1) {
    return refusals.refuses({.key = "k", .family = &family, .quota = &quota, .amount = amount}, now,
                            decision);
  }
  void remember(std::int64_t tokens_missing, Time sent, std::uint64_t call) {
    refusals.remember(family, "k", shared_rate(quota), rate.per_token * tokens_missing, sent, call);
  }
  const Quota quota = *Quota::parse("100/s burst 10");  // A token in 10 ms.
  const Rate<std::int64_t>& rate = quota.narrow();
  const Family family{"api"};
  Refusals refusals{64, milliseconds(50), 1};
  Decision decision;
};

TEST_F(RefusalsTest, HoldUntilTheTokenIsThere) {
  remember(10, kNow, 1);  // Empty.
  EXPECT_TRUE(refuses(kNow));
  EXPECT_EQ(decision.retry_after, milliseconds(10));
  EXPECT_EQ(decision.origin, Origin::remembered);
  EXPECT_TRUE(refuses(kNow + milliseconds(9)));
  EXPECT_EQ(decision.retry_after, milliseconds(1));
  EXPECT_FALSE(refuses(kNow + milliseconds(10)));
  EXPECT_TRUE(refuses(kNow + milliseconds(10), 2));
}

TEST_F(RefusalsTest, AreKeptNoLongerThanSaid) {
  remember(100, kNow, 1);  // In debt for a second.
  EXPECT_TRUE(refuses(kNow + milliseconds(49)));
  EXPECT_FALSE(refuses(kNow + milliseconds(50)));
}

TEST_F(RefusalsTest, AreForgottenWithARefundAndNotLearntAgainFromACallBeforeIt) {
  remember(10, kNow, 1);
  refusals.forget(family, "k", 3);
  EXPECT_FALSE(refuses(kNow));
  remember(10, kNow, 2);  // Sent before the refund, heard of after it.
  EXPECT_FALSE(refuses(kNow));
  remember(10, kNow, 3);
  EXPECT_TRUE(refuses(kNow));
}

TEST_F(RefusalsTest, ARefundCountsEvenIfNothingWasRemembered) {
  refusals.forget(family, "k", 2);
  remember(10, kNow, 1);
  EXPECT_FALSE(refuses(kNow));
}

TEST_F(RefusalsTest, AnAskThatGoesAllTheSameEndsThem) {
  remember(8, kNow, 1);  // Two are left.
  EXPECT_TRUE(refuses(kNow, 5));
  EXPECT_FALSE(refuses(kNow, 2));
  refusals.ask_goes({.key = "k", .family = &family, .quota = &quota, .amount = 2}, kNow, 2);
  EXPECT_FALSE(refuses(kNow, 5)) << "two would be told to be left, behind the ask that takes them";
  refusals.went_on(family, "k", shared_rate(quota), rate.per_token * 8, kNow, 1);
  EXPECT_FALSE(refuses(kNow, 5));
  refusals.went_on(family, "k", shared_rate(quota), rate.per_token * 10, kNow, 2);
  EXPECT_TRUE(refuses(kNow, 5));
  EXPECT_EQ(decision.remaining, 0);
  EXPECT_EQ(decision.retry_after, milliseconds(50));
}

TEST_F(RefusalsTest, WhoRefusedNobodyIsNotRemembered) {
  refusals.went_on(family, "k", shared_rate(quota), rate.full, kNow, 1);
  EXPECT_FALSE(refuses(kNow));
}

TEST_F(RefusalsTest, AnotherQuotasTicksAreNotMixedUp) {
  remember(10, kNow, 1);
  const Quota other = *Quota::parse("3/7ms burst 10");
  EXPECT_FALSE(refusals.refuses({.key = "k", .family = &family, .quota = &other}, kNow, decision));
}

TEST_F(RefusalsTest, NewcomersTakeThePlaceOfTheOlder) {
  for (int i = 0; i < 10'000; ++i)
    refusals.remember(family, "k" + std::to_string(i), shared_rate(quota), rate.full, kNow + Duration(i), 1);
  EXPECT_TRUE(refusals.refuses({.key = "k9999", .family = &family, .quota = &quota}, kNow, decision));
}

}  // namespace
}  // namespace sluice::store
