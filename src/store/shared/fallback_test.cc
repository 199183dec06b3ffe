#include "store/shared/fallback.h"

#include <gtest/gtest.h>

#include "store/local/local_store.h"
#include "store/once.h"

namespace sluice::store {
namespace {

constexpr Time kNow{std::chrono::hours(1000)};

struct FallbackTest : testing::Test {
  Decision ask(Fallback& fallback, const Family& family, Op op = Op::take, std::int64_t amount = 1,
               Time now = kNow) {
    const std::vector<Ask> asks{{.key = "k", .family = &family, .quota = &quota, .amount = amount, .op = op}};
    std::vector<Decision> decisions(1);
    fallback.decide({asks, decisions, nullptr}, now);
    EXPECT_EQ(decisions[0].origin, Origin::degraded);
    return decisions[0];
  }
  const Quota quota = *Quota::parse("10/s burst 8");
  LocalStore local{{.max_keys = 100, .seed = 1}};
  Fallback one{local, 1}, of_four{local, 4};
  const Family allow{"a", 0, OnFailure::allow}, deny{"d", 0, OnFailure::deny}, here{"l", 0, OnFailure::local};
};

TEST_F(FallbackTest, AllowGrantsWithoutACount) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(ask(one, allow).allowed());
  EXPECT_EQ(ask(one, allow).granted, 1);
  EXPECT_EQ(ask(one, allow, Op::peek).granted, 0);
  EXPECT_EQ(ask(one, allow, Op::take, 9).outcome,
            Outcome::never);  // It could not pass with the store either.
}

TEST_F(FallbackTest, DenyRefusesAndSaysWhenToComeAgain) {
  const auto d = ask(one, deny);
  EXPECT_EQ(d.outcome, Outcome::refused);
  EXPECT_EQ(d.retry_after, std::chrono::seconds(1));
  EXPECT_EQ(d.granted, 0);
}

TEST_F(FallbackTest, LocalGrantsThisInstancesShare) {
  int granted = 0;
  for (int i = 0; i < 100; ++i) granted += ask(of_four, here).allowed();
  EXPECT_EQ(granted, 2);  // 8 / 4.
  for (int i = 1; i <= 4; ++i)
    granted += ask(of_four, here, Op::take, 1, kNow + std::chrono::milliseconds(400 * i)).allowed();
  EXPECT_EQ(granted, 6);  // 10/s / 4: one in 400 ms.
}

TEST_F(FallbackTest, AllowGrantsPartsOfTheCapacityAtMost) {
  EXPECT_EQ(ask(one, allow, Op::take_up_to, 100).granted, 8);
}

TEST_F(FallbackTest, WhatNeverRefusesIsNotRefused) {
  for (const Op op : {Op::charge, Op::refund, Op::reset}) EXPECT_TRUE(ask(one, deny, op).allowed());
  EXPECT_FALSE(ask(one, deny, Op::peek).allowed());
}

TEST_F(FallbackTest, WhatIsMoreThanTheShareMayPassLater) {
  const auto d = ask(of_four, here, Op::take, 3);
  EXPECT_EQ(d.outcome, Outcome::refused);
  EXPECT_EQ(d.retry_after, std::chrono::seconds(1));
  EXPECT_EQ(d.capacity, 8);
  EXPECT_EQ(ask(of_four, here, Op::take, 9).outcome, Outcome::never);
}

// It would be done once here, and again in the store.
TEST_F(FallbackTest, WhatIsToBeDoneOnceIsNotDone) {
  for (const Family* family : {&allow, &deny, &here}) {
    (void)ask(one, *family, Op::take, 4);
    const Family ids = Family::of_ids(family->limit, family->on_failure);
    const std::string id = once_key("k", "order 7");
    const std::vector<Ask> asks{
        {.key = "k", .family = family, .quota = &quota, .amount = 4, .op = Op::refund, .with_next = true},
        {.key = id, .family = &ids, .quota = &once_quota()}};
    std::vector<Decision> decisions(2);
    one.decide({asks, decisions, nullptr}, kNow);
    EXPECT_TRUE(decisions[0].allowed());
    EXPECT_FALSE(decisions[1].allowed()) << "it is to be asked for again";
    EXPECT_EQ(decisions[1].origin, Origin::degraded);
  }
  EXPECT_EQ(ask(one, here, Op::peek, 0).remaining, 4);
}

// How many share the store is learned late: what was granted before was granted all the same.
TEST_F(FallbackTest, WhatIsOwedIsByTheShareThatGrantedIt) {
  Arrears arrears;
  Fallback fallback{local, 1, &arrears};
  EXPECT_EQ(ask(fallback, here, Op::take, 8).granted, 8);
  fallback.share_among(4);
  Debt* const debt = arrears.take(here, "k");
  ASSERT_NE(debt, nullptr);
  EXPECT_EQ(fallback.owed(*debt, kNow), 8);
  EXPECT_EQ(fallback.owed(*debt, kNow + std::chrono::milliseconds(300)), 5);
}

TEST_F(FallbackTest, OfSeveralLimitsTheStrictestRuleHoldsForAll) {
  const std::vector<Ask> asks{{.key = "k", .family = &allow, .quota = &quota, .with_next = true},
                              {.key = "k", .family = &deny, .quota = &quota}};
  std::vector<Decision> decisions(2);
  one.decide({asks, decisions, nullptr}, kNow);
  EXPECT_FALSE(decisions[0].allowed());
  EXPECT_FALSE(decisions[1].allowed());
}

TEST(ShareOf, IsExactWhereItCan) {
  EXPECT_EQ(share_of(*Quota::parse("10/s burst 8"), 4).text(), "10/4s burst 2");
  EXPECT_EQ(share_of(*Quota::parse("1/day"), 3).text(), "1/3day");
  EXPECT_EQ(share_of(*Quota::parse("5/s burst 2"), 4).capacity(),
            1);  // At least one, or nobody would ever pass.
}

}  // namespace
}  // namespace sluice::store
