// The world holds under every seed, and each planted fault is seen.
#include "world.h"

#include <gtest/gtest.h>

namespace sluice::sim {
namespace {

std::string first_violation(Plan plan, std::uint64_t seeds) {
  for (plan.seed = 1; plan.seed <= seeds; ++plan.seed) {
    const auto outcome = run(plan);
    if (!outcome.violation.empty()) return "seed " + std::to_string(plan.seed) + ": " + outcome.violation;
  }
  return "";
}

TEST(World, HoldsWithoutFaults) { EXPECT_EQ(first_violation({.seconds = 1, .faults = false}, 100), ""); }
TEST(World, HoldsUnderFaults) { EXPECT_EQ(first_violation({.seconds = 2}, 200), ""); }

TEST(World, OneInstanceKeepsWhatItWasToldThroughFailovers) {
  EXPECT_EQ(first_violation({.seconds = 3, .faults = false, .failovers = true, .alone = true}, 200), "");
}
TEST(World, SeveralInstancesGrantAtMostWhatAFailoverLost) {
  EXPECT_EQ(first_violation({.seconds = 3, .failovers = true}, 200), "");
}

TEST(World, SeesThatFloorsAreIgnored) {
  const Plan plan{.seconds = 3, .faults = false, .failovers = true, .alone = true, .plant_no_floors = true};
  EXPECT_NE(first_violation(plan, 200), "");
}
TEST(World, SeesACallThatIsRepeated) {
  EXPECT_NE(first_violation({.seconds = 2, .plant_repeat = true}, 500), "");
}
TEST(World, SeesAServerThatForgets) {
  EXPECT_NE(first_violation({.seconds = 2, .faults = false, .plant_forgetful = true}, 20), "");
}

}  // namespace
}  // namespace sluice::sim
