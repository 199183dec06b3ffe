// The world holds under every seed, and each planted fault is seen.
#include "world.h"

#include <gtest/gtest.h>

#include "testing.h"

namespace sluice::sim {
namespace {

std::string first_violation(Plan plan, std::uint64_t seeds) {
  for (plan.seed = 1; plan.seed <= seeds; ++plan.seed) {
    const auto outcome = run(plan);
    if (!outcome.violation.empty()) return "seed " + std::to_string(plan.seed) + ": " + outcome.violation;
  }
  return "";
}

TEST(World, HoldsWithoutFaults) {
  EXPECT_EQ(first_violation({.seconds = 1, .faults = false}, seeds(300)), "");
}
TEST(World, HoldsUnderFaults) { EXPECT_EQ(first_violation({.seconds = 2}, seeds(1000)), ""); }

TEST(World, OneInstanceKeepsWhatItWasToldThroughFailovers) {
  EXPECT_EQ(first_violation({.seconds = 3, .faults = false, .failovers = true, .alone = true}, seeds(500)),
            "");
}
TEST(World, SeveralInstancesGrantAtMostWhatAFailoverLost) {
  EXPECT_EQ(first_violation({.seconds = 3, .failovers = true}, seeds(500)), "");
}

TEST(World, LeasesGrantWhatOneBucketWould) {
  EXPECT_EQ(first_violation({.seconds = 1, .faults = false, .leased = true}, seeds(200)), "");
}
TEST(World, LeasesHoldUnderFaults) {
  EXPECT_EQ(first_violation({.seconds = 2, .leased = true}, seeds(400)), "");
}
TEST(World, LeasesGrantAtMostWhatAFailoverLost) {
  EXPECT_EQ(first_violation({.seconds = 2, .failovers = true, .leased = true}, seeds(300)), "");
}
TEST(World, LeasesAreMadeAndSpent) {
  std::uint64_t leased = 0, asks = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const auto outcome = run({.seed = seed, .seconds = 1, .faults = false, .leased = true});
    leased += outcome.leased, asks += outcome.asks;
  }
  EXPECT_GT(leased, asks / 50);
}
constexpr auto kTooMuch = "clients were granted more than one bucket";
TEST(World, SeesLeasesThatDoNotEvaporate) {
  const auto seen = first_violation({.seconds = 2, .leased = true, .plant_no_evaporation = true}, 100);
  EXPECT_NE(seen.find(kTooMuch), std::string::npos) << seen;
}
TEST(World, SeesClocksThatDriftBeyondTheBound) {
  const auto seen = first_violation({.seconds = 2, .leased = true, .plant_wild_clocks = true}, 500);
  EXPECT_NE(seen.find(kTooMuch), std::string::npos) << seen;
}

TEST(World, SeesThatFloorsAreIgnored) {
  const Plan plan{.seconds = 3, .faults = false, .failovers = true, .alone = true, .plant_no_floors = true};
  EXPECT_NE(first_violation(plan, 200), "");
}
TEST(World, SeesACallThatIsRepeated) {
  EXPECT_NE(first_violation({.seconds = 2, .plant_repeat = true}, 500), "");
}
TEST(World, WhatIsGrantedWithoutTheStoreIsChargedBack) {
  std::uint64_t repaid = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) repaid += run({.seed = seed, .seconds = 2}).repaid;
  EXPECT_GT(repaid, 1000U);
}
TEST(World, SeesThatItIsChargedBackTwice) {
  const auto seen = first_violation({.seconds = 2, .plant_forgotten_ids = true}, 500);
  EXPECT_NE(seen.find("more was charged back"), std::string::npos) << seen;
}
TEST(World, SeesAServerThatForgets) {
  EXPECT_NE(first_violation({.seconds = 2, .faults = false, .plant_forgetful = true}, 20), "");
}

}  // namespace
}  // namespace sluice::sim
