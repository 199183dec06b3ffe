// The guarantee of Space-Saving against exact counts.
#include "observe/heavy_keys.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

namespace sluice::observe {
namespace {

using Exact = std::map<std::string, std::uint64_t>;

/// `n` keys of `distinct`, Zipf-distributed with exponent `s`, with weights up to `heaviest`.
template <class Take>
void zipf(std::uint64_t seed, std::size_t n, std::size_t distinct, double s, unsigned heaviest, Take take) {
  std::mt19937_64 random(seed);
  std::vector<double> shares;
  for (std::size_t i = 1; i <= distinct; ++i) shares.push_back(std::pow(static_cast<double>(i), -s));
  std::discrete_distribution<std::size_t> pick(shares.begin(), shares.end());
  for (std::size_t i = 0; i < n; ++i) take("key" + std::to_string(pick(random)), 1 + random() % heaviest);
}

void expect_bounds(const std::vector<HeavyKeys::Key>& counted, const Exact& exact, std::uint64_t error,
                   std::uint64_t floor) {
  std::map<std::string, HeavyKeys::Key> by_key;
  for (std::size_t i = 0; i < counted.size(); ++i) {
    const auto& k = counted[i];
    const auto it = exact.find(k.key);
    const std::uint64_t truth = it == exact.end() ? 0 : it->second;
    ASSERT_LE(truth, k.count) << k.key;
    ASSERT_GE(truth, k.count - k.error) << k.key;
    ASSERT_LE(k.error, error) << k.key;
    if (i > 0) {
      ASSERT_GE(counted[i - 1].count, k.count);
    }
    by_key.emplace(k.key, k);
  }
  for (const auto& [key, truth] : exact)
    if (!by_key.contains(key)) {
      ASSERT_LE(truth, floor) << key;
    }
}

TEST(HeavyKeys, HoldsItsBoundsOnSeededSequences) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    for (const double s : {0.0, 0.8, 1.2})
      for (const unsigned heaviest : {1U, 50U}) {
        constexpr std::size_t kCounters = 64;
        HeavyKeys keys(kCounters);
        Exact exact;
        std::uint64_t all = 0;
        zipf(seed, 20'000, 1000, s, heaviest, [&](const std::string& key, std::uint64_t weight) {
          keys.add(key, weight);
          exact[key] += weight;
          all += weight;
        });
        EXPECT_EQ(keys.total(), all);
        EXPECT_EQ(keys.all().size(), kCounters);
        expect_bounds(keys.all(), exact, all / kCounters, all / kCounters);
        EXPECT_LE(keys.floor(), all / kCounters);
      }
}

TEST(HeavyKeys, IsExactWhileAllKeysHaveACounter) {
  HeavyKeys keys(100);
  Exact exact;
  zipf(7, 5000, 100, 1.0, 3, [&](const std::string& key, std::uint64_t weight) {
    keys.add(key, weight);
    exact[key] += weight;
  });
  EXPECT_EQ(keys.all().size(), exact.size());
  for (const auto& k : keys.all()) {
    EXPECT_EQ(k.error, 0U);
    EXPECT_EQ(k.count, exact[k.key]);
  }
}

TEST(HeavyKeys, BoundsOfTwoStreamsAddUp) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    constexpr std::size_t kCounters = 50;
    HeavyKeys a(kCounters), b(kCounters);
    Exact exact;
    zipf(seed, 10'000, 400, 1.1, 1,
         [&](const std::string& key, std::uint64_t w) { a.add(key, w), exact[key] += w; });
    zipf(seed + 100, 3'000, 700, 0.9, 1,
         [&](const std::string& key, std::uint64_t w) { b.add(key, w), exact[key] += w; });
    expect_bounds(HeavyKeys::sum(a, b), exact, 10'000 / kCounters + 3'000 / kCounters, a.floor() + b.floor());
  }
}

}  // namespace
}  // namespace sluice::observe
