#include "store/shared/lease.h"

#include <gtest/gtest.h>

#include <random>

#include "sluice/quota.h"

namespace sluice::store {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time kSent{hours(1000)};
constexpr Lease::Drift kExact{.ppm = 0, .margin = Duration{0}};

struct LeaseTest : testing::Test {
  /// `tokens` charged, after which the bucket misses `missing`.
  void add(std::int64_t tokens, std::int64_t missing, Time sent = kSent) {
    lease.add(rate, tokens, missing * rate.per_token, sent);
  }
  std::int64_t usable(Duration later, Lease::Drift drift = kExact) {
    return lease.usable(rate, kSent + later, drift);
  }
  bool take(std::int64_t n, Duration later = {}) { return lease.take(rate, n, kSent + later, kExact); }

  const Quota quota = *Quota::parse("100/s burst 50");  // A token in 10 ms.
  const Rate<std::int64_t>& rate = quota.narrow();
  Lease lease;
};

TEST_F(LeaseTest, IsSpentTokenByToken) {
  EXPECT_EQ(usable({}), 0);
  add(3, 30);
  EXPECT_EQ(usable({}), 3);
  EXPECT_TRUE(take(2));
  EXPECT_FALSE(take(2));
  EXPECT_TRUE(take(1));
  EXPECT_FALSE(take(1));
}

TEST_F(LeaseTest, OfABucketThatWasFullEvaporatesAtOnce) {
  add(3, 3);
  EXPECT_EQ(usable({}), 3);
  EXPECT_EQ(usable(Duration(1)), 2) << "rounded up: what has begun is gone";
  EXPECT_EQ(usable(milliseconds(10)), 2);
  EXPECT_EQ(usable(milliseconds(10) + Duration(1)), 1);
  EXPECT_EQ(usable(milliseconds(21)), 0);
}

TEST_F(LeaseTest, EvaporatesOnceTheBucketWouldBeFullWithoutIt) {
  add(3, 23);  // 20 tokens were missing before.
  EXPECT_EQ(usable(milliseconds(200)), 3);
  EXPECT_EQ(usable(milliseconds(205)), 2);
  EXPECT_EQ(usable(milliseconds(230)), 0);
}

TEST_F(LeaseTest, WhatIsSpentEarlyDoesNotEvaporateAgain) {
  add(10, 10);
  EXPECT_TRUE(take(5));
  EXPECT_EQ(usable(milliseconds(50)), 5);
  EXPECT_EQ(usable(milliseconds(60)), 4);
  EXPECT_TRUE(take(3, milliseconds(60)));
  EXPECT_EQ(usable(milliseconds(60)), 1) << "four were there, not ten less eight";
  EXPECT_EQ(usable(milliseconds(90)), 1);
  EXPECT_EQ(usable(milliseconds(91)), 0);
}

TEST_F(LeaseTest, IsShortenedByTheDriftBound) {
  add(3, 50);
  const Lease::Drift drift{.ppm = 1000, .margin = milliseconds(1)};
  EXPECT_EQ(usable(milliseconds(468), drift), 3) << "468.469 ms may have passed there, and the margin";
  EXPECT_EQ(usable(milliseconds(469), drift), 2);
}

TEST_F(LeaseTest, AClockThatStepsBackGivesNothingBack) {
  add(3, 3);
  EXPECT_EQ(usable(milliseconds(15)), 1);
  EXPECT_EQ(usable(milliseconds(-15)), 1);
}

TEST_F(LeaseTest, TheNextPartIsSpentAfterTheFirst) {
  add(2, 10);
  add(4, 30, kSent + milliseconds(5));
  EXPECT_EQ(lease.parts(), 2);
  EXPECT_EQ(usable(milliseconds(5)), 6);
  EXPECT_TRUE(take(5, milliseconds(5))) << "from both";
  EXPECT_EQ(lease.parts(), 1);
  EXPECT_EQ(usable(milliseconds(5)), 1);
}

TEST_F(LeaseTest, NoTimeIsTooLong) {
  add(3, 50);
  EXPECT_EQ(usable(hours(24 * 365 * 200)), 0);
}

TEST_F(LeaseTest, AnotherQuotasTicksAreNotMixedUp) {
  add(3, 50);
  const Quota other = *Quota::parse("3/7ms burst 50");
  EXPECT_EQ(lease.usable(other.narrow(), kSent, kExact), 0);
  EXPECT_EQ(usable({}), 0);
}

/// Holders of leases against one bucket, at random: what they grant together in any stretch of time is at
/// most what one bucket would. Without the rule it is not.
std::int64_t granted_beyond(unsigned seed, Lease::Drift drift, int* granted) {
  std::mt19937 random(seed);
  const auto below = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  const char* const quotas[] = {"1000/s burst 8", "1000/7ms burst 20", "3/2ms burst 9"};
  const Quota quota = *Quota::parse(quotas[below(3)]);
  const auto& rate = quota.narrow();
  std::array<Lease, 3> leases;
  std::int64_t store = 0, ideal = 0, worst = 0;  // Ticks until full.
  Time now = kSent;
  for (int i = 0; i < 2000; ++i) {
    const std::int64_t ns = below(3) == 0 ? below(5'000'000) : below(3) == 0 ? below(300'000) : 0;
    now += Duration(ns);
    store = std::max<std::int64_t>(store - ns * rate.per_ns, 0);
    ideal = std::max<std::int64_t>(ideal - ns * rate.per_ns, 0);
    Lease& lease = leases[static_cast<std::size_t>(below(3))];
    const std::int64_t n = 1 + below(5);
    if (below(2) == 0 && lease.parts() < 2) {
      const auto s = step(rate, Op::take_up_to, n, store);
      store = s.ahead;
      if (s.granted > 0) lease.add(rate, s.granted, store, now - Duration(below(200'000)));
    } else if (lease.take(rate, n, now, drift)) {
      ideal += n * rate.per_token;
      *granted += static_cast<int>(n);
      worst = std::max(worst, ideal - rate.full);
    }
  }
  return worst;
}

TEST(LeaseRule, ManyHoldersGrantWhatOneBucketWould) {
  int granted = 0;
  for (unsigned seed = 1; seed <= 300; ++seed)
    ASSERT_LE(granted_beyond(seed, kExact, &granted), 0) << "seed " << seed;
  EXPECT_GT(granted, 50'000) << "it was about something";
}

TEST(LeaseRule, WithoutEvaporationTheyGrantMore) {
  constexpr Lease::Drift kNoTimePasses{.ppm = -1'000'000, .margin = Duration{0}};
  int granted = 0, seen = 0;
  for (unsigned seed = 1; seed <= 100; ++seed)
    if (granted_beyond(seed, kNoTimePasses, &granted) > 0) ++seen;
  EXPECT_GT(seen, 50);
}

}  // namespace
}  // namespace sluice::store
