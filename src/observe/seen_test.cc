// Samples, and what is made of them.
#include "observe/seen.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "observe/metrics.h"

namespace sluice::observe {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'700'000'000 * kSecond;

struct Door {
  explicit Door(SeenOptions options = {}) : seen(options) {}
  void decide(std::string_view limit, std::string_view key, Outcome outcome = Outcome::allowed) {
    ++asked[std::string(key)];
    if (--*counts.sampling() != 0) return;
    Decision d{.outcome = outcome};
    if (outcome == Outcome::refused) d.retry_after = std::chrono::milliseconds(1500);
    counts.sample(limit, key, 3, 1, d);
  }
  void drain(std::int64_t at = kStart) {
    counts.samples()->drain([&](const Sample& s) {
      weights[std::string(s.key())] += s.weight;
      seen.take(s, at);
    });
    seen.lost(counts.samples()->lost());
  }

  Metrics metrics{1000, true};
  DoorMetrics& counts = metrics.door("resp");
  Seen seen;
  std::map<std::string, std::uint64_t> asked, weights;
};

TEST(Seen, AFewDecisionsAreAllTaken) {
  Door door;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) door.decide("api", "k" + std::to_string(i % 7));
    door.drain();
  }
  EXPECT_EQ(door.weights, door.asked);
}

TEST(Seen, ManyAreSampledWithoutBias) {
  Door door;
  std::uint32_t random = 1;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 10'000; ++i) {
      random = random * 1664525 + 1013904223;
      door.decide("api", random >> 31 != 0 ? "half" : random >> 30 != 0 ? "quarter" : "rest");
    }
    door.drain();
  }
  EXPECT_EQ(door.counts.samples()->lost(), 0U);
  for (const auto& [key, truth] : door.asked) {  // 20 to 40 stand in one; five standard deviations.
    const double n = static_cast<double>(truth);
    EXPECT_NEAR(static_cast<double>(door.weights[key]), n, 5 * std::sqrt(n * 40)) << key;
  }
}

TEST(Seen, WhatTheReaderIsTooSlowForIsLostAndCounted) {
  Door door;
  for (int i = 0; i < 500'000; ++i) door.decide("api", "a");
  door.drain();
  EXPECT_GT(door.counts.samples()->lost(), 0U);
  const double told = static_cast<double>(door.weights["a"] + door.counts.samples()->lost());
  EXPECT_NEAR(told, 500'000, 5 * std::sqrt(500'000.0 * 64));
}

TEST(Seen, TopOfALimitAndOfAll) {
  Door door;
  for (int i = 0; i < 9; ++i) door.decide("api", "alice", i < 4 ? Outcome::allowed : Outcome::refused);
  for (int i = 0; i < 6; ++i) door.decide("api", "bob", Outcome::refused);
  door.decide("login", "carol", Outcome::never);
  door.drain();
  EXPECT_EQ(door.seen.top("api", Seen::By::asked, 10, kStart + kSecond),
            R"({"time":1700000001,"since":1700000000,"by":"asked","asked":15,"refused":11,"samples":15,)"
            R"("sample_rate":1.000000,"lost":0,"not_counted":0,"keys":[)"
            R"({"limit":"api","key":"alice","count":9,"error":0,"sampling_error":0},)"
            R"({"limit":"api","key":"bob","count":6,"error":0,"sampling_error":0}]})");
  const auto refused = door.seen.top("", Seen::By::refused, 2, kStart + kSecond);
  EXPECT_NE(refused.find(R"("keys":[{"limit":"api","key":"bob","count":6,)"), std::string::npos) << refused;
  EXPECT_EQ(refused.find("carol"), std::string::npos) << refused;
  EXPECT_NE(door.seen.top("no", Seen::By::refused, 2, kStart).find(R"("keys":[]})"), std::string::npos);
}

TEST(Seen, CountsOfOneToTwoWindows) {
  Door door;
  const auto count_at = [&](std::int64_t seconds) {
    const auto text = door.seen.top("api", Seen::By::asked, 1, kStart + seconds * kSecond);
    const auto at = text.find("\"asked\":", text.find("\"by\"") + 13);
    return std::stoi(text.substr(at + 8));
  };
  door.decide("api", "a");
  door.drain(kStart);
  door.decide("api", "a");
  door.drain(kStart + 59 * kSecond);
  EXPECT_EQ(count_at(59), 2);
  door.decide("api", "a");
  door.drain(kStart + 61 * kSecond);
  EXPECT_EQ(count_at(62), 3);
  EXPECT_EQ(count_at(122), 1);
  EXPECT_EQ(count_at(1000), 0);
}

TEST(Seen, MemoryIsBounded) {
  Door door({.keys = 4, .limits = 2, .refusals = 3});
  for (int i = 0; i < 300; ++i)
    door.decide("l" + std::to_string(i % 3), "k" + std::to_string(i), Outcome::refused);
  door.drain();
  const auto all = door.seen.top("", Seen::By::refused, 1000, kStart);
  EXPECT_NE(all.find("\"not_counted\":100,"), std::string::npos) << all;
  EXPECT_NE(all.find("\"key\":\"k297\""), std::string::npos) << all;
  EXPECT_EQ(std::count(all.begin(), all.end(), '{'), 1 + 8) << all;
}

TEST(Seen, LatestRefusalsOfAKey) {
  Door door;
  door.decide("api", "alice", Outcome::refused);
  door.drain(kStart);
  door.decide("api", "alice", Outcome::allowed);
  door.decide("api", "bob", Outcome::refused);
  door.decide("api", "alice", Outcome::never);
  door.drain(kStart + kSecond);
  EXPECT_EQ(door.seen.refusals("api", "alice", 10),
            R"([{"time":1700000001,"cost":3,"wait":null,"quota_index":1,"store":"local","stands_for":1},)"
            R"({"time":1700000000,"cost":3,"wait":1.5,"quota_index":1,"store":"local","stands_for":1}])");
  EXPECT_EQ(door.seen.refusals("login", "alice", 10), "[]");
}

TEST(Seen, LongKeysAreToldApart) {
  Door door;
  const std::string same(100, 'x');
  door.decide("api", same + "1", Outcome::refused);
  door.decide("api", same + "2", Outcome::refused);
  door.drain();
  EXPECT_EQ(door.weights.size(), 2U);
  EXPECT_NE(door.seen.refusals("api", same + "1", 10), "[]");
  EXPECT_EQ(door.seen.refusals("api", same + "3", 10), "[]");
}

}  // namespace
}  // namespace sluice::observe
