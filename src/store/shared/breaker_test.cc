#include "store/shared/breaker.h"

#include <gtest/gtest.h>

namespace sluice::store {
namespace {

using std::chrono::milliseconds;
using State = Breaker::State;

struct BreakerTest : testing::Test {
  void fail(int times, double chance = 1) {
    for (int i = 0; i < times; ++i) breaker.failed(now, chance);
  }
  Breaker breaker{{.failures = 3, .open_min = milliseconds(100), .open_max = milliseconds(350)}};
  Time now{std::chrono::hours(1)};
};

TEST_F(BreakerTest, OpensAfterFailuresInARow) {
  fail(2);
  breaker.succeeded();
  fail(2);
  EXPECT_EQ(breaker.state(), State::closed);
  fail(1);
  EXPECT_EQ(breaker.state(), State::open);
  EXPECT_FALSE(breaker.admits(now + milliseconds(99)));
}

TEST_F(BreakerTest, OneProbeDecides) {
  fail(3);
  now += milliseconds(100);
  EXPECT_TRUE(breaker.admits(now));
  EXPECT_FALSE(breaker.admits(now));  // One.
  breaker.succeeded();
  EXPECT_TRUE(breaker.admits(now));
}

TEST_F(BreakerTest, StaysOpenLongerAfterEachProbeThatFailsUpToAMost) {
  fail(3);
  for (const int pause : {100, 200, 350, 350}) {
    EXPECT_FALSE(breaker.admits(now + milliseconds(pause - 1))) << pause;
    now += milliseconds(pause);
    EXPECT_TRUE(breaker.admits(now)) << pause;
    fail(1);
  }
}

TEST_F(BreakerTest, ChanceSpreadsTheProbesOverTheSecondHalfOfThePause) {
  fail(3, 0);
  EXPECT_FALSE(breaker.admits(now + milliseconds(49)));
  EXPECT_TRUE(breaker.admits(now + milliseconds(50)));
}

TEST_F(BreakerTest, AProbeThatDoesNotGoLeavesItToTheNext) {
  fail(3);
  now += milliseconds(100);
  EXPECT_TRUE(breaker.due(now));
  EXPECT_TRUE(breaker.admits(now));
  EXPECT_FALSE(breaker.due(now));
  breaker.withdrawn(now);
  EXPECT_TRUE(breaker.admits(now));
}

}  // namespace
}  // namespace sluice::store
