#include "simulate/simulation.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "simulate/levels.h"

namespace sluice::simulate {
namespace {

struct Random {
  explicit Random(unsigned seed) : engine(seed) {}
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(engine() % n); }
  std::mt19937 engine;
};

Contender contender(const char* quota) { return Contender(quota, {*Quota::parse(quota)}); }

/// Tokens counted in whole numbers: for quotas of one token in `interval` seconds. Slow and obvious.
struct Counted {
  std::int64_t capacity, interval;
  std::map<int, std::pair<std::int64_t, std::int64_t>> seconds_of_credit;  // By key: credit, and when.
  bool take(int key, std::int64_t now) {
    auto [at, fresh] = seconds_of_credit.try_emplace(key, capacity * interval, now);
    auto& [credit, since] = at->second;
    credit = std::min(credit + now - since, capacity * interval);
    since = now;
    if (credit < interval) return false;
    credit -= interval;
    return true;
  }
};

TEST(SimulationTest, DecidesAsABucketThatCountsTokens) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t capacity = 1 + random.below(9), interval = 1 + random.below(40);
    const auto quota = *Quota::make({capacity, 1, Duration(interval * kNsPerSecond)});
    Counted model{capacity, interval, {}};
    std::vector<Contender> contenders;
    contenders.emplace_back("x", std::vector{quota});
    Simulation simulation({}, std::move(contenders));
    std::uint32_t now = 1'000'000, refused = 0;
    for (int i = 0; i < 500; ++i) {
      now += random.below(4) == 0 ? random.below(60) : 0;
      const int key = static_cast<int>(random.below(5));
      ASSERT_TRUE(simulation.add(now, std::to_string(key), 1));
      refused += model.take(key, now) ? 0 : 1;
    }
    simulation.finish();
    ASSERT_EQ(simulation.contenders()[0].refused(), refused) << quota.text();
  }
}

TEST(SimulationTest, ALineFromThePastCountsAtTheLatestTime) {
  std::vector<Contender> contenders;
  contenders.push_back(contender("1/s"));
  Simulation simulation({}, std::move(contenders));
  for (const std::uint32_t second : {100, 101, 99, 102, 98, 103}) ASSERT_TRUE(simulation.add(second, "k", 1));
  simulation.finish();
  EXPECT_EQ(simulation.totals().late, 2U);
  EXPECT_EQ(simulation.totals().latest_by_s, 4U);
  EXPECT_EQ(simulation.contenders()[0].refused(), 2U);
  EXPECT_EQ(simulation.totals().last_s, 103U);
}

TEST(SimulationTest, SpreadGivesASecondsRequestsTheirPlaces) {
  for (const bool spread : {false, true}) {
    std::vector<Contender> contenders;
    contenders.push_back(contender("10/s burst 1"));
    Simulation simulation({.spread = spread}, std::move(contenders));
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(simulation.add(50, "k", 1));
    simulation.finish();
    EXPECT_EQ(simulation.contenders()[0].refused(), spread ? 0U : 9U);
    EXPECT_EQ(simulation.contenders()[0].burst_needed(0), spread ? 1 : 10);
  }
}

TEST(SimulationTest, CostsAndThoseThatCanNeverPass) {
  std::vector<Contender> contenders;
  contenders.push_back(contender("10/s burst 100"));
  Simulation simulation({}, std::move(contenders));
  for (const std::int64_t cost : {60, 101, 50, 0, 40}) ASSERT_TRUE(simulation.add(1000, "k", cost));
  simulation.finish();
  const auto& c = simulation.contenders()[0];
  EXPECT_EQ(c.refused(), 2U);
  EXPECT_EQ(c.never(), 1U);
  EXPECT_TRUE(c.refused_cost() == 151);
  EXPECT_EQ(c.outcome(0).longest_wait_ns, kNever.count());
  EXPECT_EQ(c.burst_needed(0), 251);
}

TEST(SimulationTest, SeveralQuotasAllOrNothing) {
  std::vector<Contender> contenders;
  contenders.emplace_back("both", std::vector{*Quota::parse("2/s"), *Quota::parse("3/h")});
  Simulation simulation({}, std::move(contenders));
  for (const std::uint32_t second : {10, 10, 10, 11, 12}) ASSERT_TRUE(simulation.add(second, "k", 1));
  simulation.finish();
  EXPECT_EQ(simulation.contenders()[0].refused(),
            2U);  // The third for the first quota, the fifth for the second.
  EXPECT_EQ(simulation.contenders()[0].burst_needed(0), 3);
  EXPECT_EQ(simulation.contenders()[0].burst_needed(1), 5);
}

TEST(SimulationTest, ForgettingChangesNoDecision) {
  const auto run = [](std::size_t max_keys) {
    std::vector<Contender> contenders;
    contenders.push_back(contender("1/2s burst 3"));
    contenders.push_back(contender("1/s burst 2"));
    auto simulation =
        std::make_unique<Simulation>(Simulation::Options{.max_keys = max_keys}, std::move(contenders));
    Random random(3);
    for (std::uint32_t i = 0; i < 200'000; ++i) {
      const auto key = std::to_string(random.below(3) == 0 ? random.below(5) : random.below(3000));
      EXPECT_TRUE(simulation->add(1'000'000 + i / 8, key, 1));
    }
    simulation->finish();
    return simulation;
  };
  const auto all = run(1'000'000), few = run(400);
  EXPECT_EQ(all->totals().keys_forgotten, 0U);
  EXPECT_GT(few->totals().keys_forgotten, 10'000U);
  EXPECT_LT(few->keys(), 1000U);
  for (std::size_t c = 0; c < 2; ++c) {
    EXPECT_GT(all->contenders()[c].refused(), 0U);
    EXPECT_EQ(all->contenders()[c].refused(), few->contenders()[c].refused());
    EXPECT_EQ(all->contenders()[c].burst_needed(0), few->contenders()[c].burst_needed(0));
    for (std::size_t i = 0; i < 5; ++i)
      EXPECT_EQ(all->key(all->worst(c, 5)[i]), few->key(few->worst(c, 5)[i])) << i;
  }
}

TEST(SimulationTest, KeysThatCannotBeForgottenAreAnError) {
  std::vector<Contender> contenders;
  contenders.push_back(contender("1/day"));
  Simulation simulation({.max_keys = 100}, std::move(contenders));
  Status status = Done{};
  for (std::uint32_t i = 0; i < 1000 && status; ++i) status = simulation.add(1000 + i, std::to_string(i), 1);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::resource_exhausted);
  EXPECT_NE(status.error().message.find("--max-keys"), std::string::npos);
}

TEST(SimulationTest, BurstNeededSurvivesWhatOverflows64Bits) {
  std::vector<Contender> contenders;
  contenders.push_back(contender("1/day"));
  Simulation simulation({}, std::move(contenders));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(simulation.add(1000, "k", std::int64_t{1} << 50));
  simulation.finish();
  EXPECT_EQ(simulation.contenders()[0].burst_needed(0), 1000 * (std::int64_t{1} << 50));
}

TEST(EventSpoolTest, GivesBackMoreThanABlock) {
  EventSpool spool;
  constexpr std::uint32_t kEvents = 200'001;
  for (std::uint32_t i = 0; i < kEvents; ++i) ASSERT_TRUE(spool.add({i, i * 3, i}));
  for (int pass = 0; pass < 2; ++pass) {
    std::uint32_t n = 0;
    ASSERT_TRUE(spool.for_each([&](const Event& event) {
      EXPECT_EQ(event.second, n);
      EXPECT_EQ(event.key, n * 3);
      return ++n < (pass == 0 ? kEvents : 70'000);
    }));
    EXPECT_EQ(n, pass == 0 ? kEvents : 70'000U);
  }
}

TEST(LevelsTest, DrawsTheBucket) {
  EventSpool events;
  for (const std::uint32_t second : {100, 100, 100, 106}) ASSERT_TRUE(events.add({second, 9, 1}));
  ASSERT_TRUE(events.add({107, 8, 1}));
  const auto curves = level_curves(events, contender("1/2s burst 2"), false, {9},
                                   {.begin_s = 100, .width_s = 2, .intervals = 5});
  ASSERT_TRUE(curves);
  EXPECT_EQ((*curves)[0].lowest, (std::vector<double>{0, 0.5, 1, 0.5, 1}));
  EXPECT_EQ((*curves)[0].refused, (std::vector<std::uint64_t>{1, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace sluice::simulate
