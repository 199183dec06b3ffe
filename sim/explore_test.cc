// The rules of leases and floors hold in every order of events, and the exploration sees when they do not.
#include "explore.h"

#include <gtest/gtest.h>

namespace sluice::sim {
namespace {

TEST(Explore, LeasesNeverGrantMoreThanOneBucket) {
  const auto all = explore({.steps = 4});
  EXPECT_EQ(all.violation, "");
  EXPECT_GT(all.states, 10'000u);
}
TEST(Explore, AfterAFailoverAtMostWhatItLost) {
  const auto all = explore({.steps = 2, .capacity = 2, .failover = true});
  EXPECT_EQ(all.violation, "");
  EXPECT_GT(all.states, 10'000u);
}
TEST(Explore, SeesLeasesThatDoNotEvaporate) {
  const auto seen = explore({.steps = 5, .evaporation = false});
  EXPECT_NE(seen.violation, "");
}
TEST(Explore, SeesThatAFailoverLosesSomething) {
  EXPECT_NE(explore({.steps = 3, .failover = true, .lost_counts = false}).violation, "");
}

}  // namespace
}  // namespace sluice::sim
