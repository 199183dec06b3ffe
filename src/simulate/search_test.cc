#include "simulate/search.h"

#include <gtest/gtest.h>

#include <random>

#include "simulate/contender.h"

namespace sluice::simulate {
namespace {

struct Random {
  explicit Random(unsigned seed) : engine(seed) {}
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(engine() % n); }
  std::mt19937 engine;
};

TEST(ShareTest, Percent) {
  EXPECT_EQ(Share::parse_percent("1%")->of(1880), 18U);
  EXPECT_EQ(Share::parse_percent("0.5 %")->of(1000), 5U);
  EXPECT_EQ(Share::parse_percent(".25")->of(400), 1U);
  EXPECT_EQ(Share::parse_percent("0")->of(1'000'000), 0U);
  EXPECT_EQ(Share::parse_percent("100")->of(UINT64_MAX), UINT64_MAX);
  for (const char* bad :
       {"", "%", ".", "-1", "101", "100.1", "1e3", "1.2.3", "0.1234567890123", "99999999999999999999"})
    EXPECT_FALSE(Share::parse_percent(bad)) << bad;
}

struct Case {
  EventSpool events;
  std::uint64_t n = 0;
};

void fill(Case& c, unsigned seed) {
  Random random(seed);
  std::uint32_t second = 5000;
  for (int i = 0; i < 300; ++i, ++c.n) {
    second += random.below(3) == 0 ? random.below(20) : 0;
    ASSERT_TRUE(c.events.add({second, random.below(4), 1}));
  }
}

// Against every burst and every rate, one by one.
TEST(SearchTest, FindsWhatTryingAllFinds) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    for (const bool spread : {false, true}) {
      Case c;
      fill(c, seed);
      Replayer replayer(c.events, 4, spread);
      const auto quota = *Quota::parse(seed % 2 == 0 ? "7/min burst 4" : "3/7s burst 2");
      const auto refused = [&](std::int64_t burst, std::int64_t tokens) {
        return *replayer.refused(*Quota::make({burst, tokens, quota.period()}));
      };
      std::int64_t needed = 1;
      while (refused(needed, quota.tokens()) > 0) ++needed;
      for (const std::uint64_t budget : {0, 1, 7, 60, 299, 300}) {
        std::int64_t burst = 1, tokens = 1;
        while (refused(burst, quota.tokens()) > budget) ++burst;
        while (tokens < 1000 && refused(quota.capacity(), tokens) > budget) ++tokens;
        const auto by_burst = find_burst(replayer, quota, needed, budget);
        ASSERT_TRUE(by_burst);
        EXPECT_EQ(by_burst->quota.capacity(), burst) << seed;
        EXPECT_EQ(by_burst->refused, refused(burst, quota.tokens()));
        const auto by_rate = find_rate(replayer, quota, spread, budget);
        ASSERT_TRUE(by_rate);
        if (tokens == 1000 && !*by_rate) continue;  // More than the burst at one moment: no rate does it.
        ASSERT_TRUE(*by_rate) << seed << " " << budget;
        if (tokens < 1000) {
          EXPECT_EQ((*by_rate)->quota.tokens(), tokens) << seed;
        }
        EXPECT_LE((*by_rate)->refused, budget);
      }
    }
  }
}

TEST(SearchTest, NoRateHelpsAgainstTooManyAtOnce) {
  EventSpool events;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(events.add({100, 0, 1}));
  Replayer replayer(events, 1, false);
  const auto none = find_rate(replayer, *Quota::parse("1/min burst 4"), false, 5);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  const auto some = find_rate(replayer, *Quota::parse("1/min burst 4"), false, 6);
  ASSERT_TRUE(some && *some);
  EXPECT_EQ((*some)->quota.tokens(), 1);
}

}  // namespace
}  // namespace sluice::simulate
