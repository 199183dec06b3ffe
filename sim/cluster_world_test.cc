// The Cluster's world holds under every seed, and each planted fault is seen.
#include "cluster_world.h"

#include <gtest/gtest.h>

#include "testing.h"

namespace sluice::sim {
namespace {

std::string first_violation(ClusterPlan plan, std::uint64_t seeds) {
  std::uint64_t spread = 0, given_back = 0, again = 0;
  for (plan.seed = 1; plan.seed <= seeds; ++plan.seed) {
    const auto outcome = run(plan);
    if (!outcome.violation.empty()) return "seed " + std::to_string(plan.seed) + ": " + outcome.violation;
    spread += outcome.spread, given_back += outcome.given_back, again += outcome.again;
  }
  EXPECT_GT(spread, 100 * seeds);
  EXPECT_GT(given_back, 10 * seeds);
  EXPECT_GE(again, plan.moves ? 2 * seeds : 0U);
  return "";
}

TEST(ClusterWorld, HoldsWithoutFaults) {
  EXPECT_EQ(first_violation({.seconds = 1, .faults = false}, seeds(120)), "");
}
TEST(ClusterWorld, HoldsUnderFaults) { EXPECT_EQ(first_violation({.seconds = 2}, seeds(150)), ""); }
TEST(ClusterWorld, HoldsWhileSlotsMove) {
  EXPECT_EQ(first_violation({.seconds = 2, .faults = false, .moves = true}, seeds(75)), "");
  EXPECT_EQ(first_violation({.seconds = 2, .moves = true}, seeds(75)), "");
}
TEST(ClusterWorld, GrantsAtMostWhatAFailoverLost) {
  EXPECT_EQ(first_violation({.seconds = 2, .failovers = true}, seeds(150)), "");
}

TEST(ClusterWorld, SeesWhatIsGivenBackTwice) {
  EXPECT_NE(first_violation({.seconds = 1, .faults = false, .plant_twice = true}, 60), "");
}
TEST(ClusterWorld, SeesThatWhatTimeRefilledIsGivenBackToo) {
  EXPECT_NE(first_violation({.seconds = 3, .plant_no_evaporation = true}, 600), "");
}

}  // namespace
}  // namespace sluice::sim
