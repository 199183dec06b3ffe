#include "store/shared/fallback.h"

#include <gtest/gtest.h>

#include "store/local/local_store.h"

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
