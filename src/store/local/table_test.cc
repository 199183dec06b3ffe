// Threads that insert, decide, refund, sweep and grow at once; what they were granted must add up exactly.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "store/local/buckets.h"
#include "store/local/local_store.h"

namespace sluice::store {
namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_THREAD__)
constexpr int kScale = 1;
#else
constexpr int kScale = 8;
#endif

struct Ignore final : Completion {
  void decided() override {}
};

TEST(TableUnderThreads, GrantsAddUpExactly) {
  constexpr int threads = 4, keys = 3000;
  const Quota q = *Quota::parse("20/week");
  const Quota brief = *Quota::parse("1000000/s burst 1");  // Full again after a microsecond: comes and goes.
  const Family family{"exact"}, passing{"passing"};
  for (int round = 0; round < kScale; ++round) {
    LocalStore store({.max_keys = 1'000'000});
    std::vector<std::atomic<int>> granted(keys);
    std::atomic<std::int64_t> clock{0};
    const auto work = [&](int id) {
      std::uint64_t state = static_cast<std::uint64_t>(id + round * threads) * 0x9E3779B97F4A7C15U + 1;
      Ignore done;
      for (int i = 0; i < 10'000; ++i) {
        std::array<Ask, 4> asks;
        std::array<std::string, 4> names;
        std::array<std::size_t, 4> index{};
        for (std::size_t k = 0; k < asks.size(); ++k) {
          state ^= state << 13, state ^= state >> 7, state ^= state << 17;
          index[k] = state % keys;
          const bool noise = k == 3;
          names[k] = noise ? "p" + std::to_string(state % 100'000) : "k" + std::to_string(index[k]);
          asks[k] = {.key = names[k], .family = noise ? &passing : &family, .quota = noise ? &brief : &q};
          if (k == 0 && i % 8 == 0)
            asks[0].with_next = true;  // A chain of two, now and then of one key twice.
        }
        std::array<Decision, 4> decisions;
        Batch batch{asks, decisions, Time(Duration(clock.fetch_add(20)))};
        store.decide(batch, done);
        const bool chained = asks[0].with_next;
        for (std::size_t k = 0; k < 3; ++k) granted[index[k]] += static_cast<int>(decisions[k].granted);
        if (chained) {
          ASSERT_EQ(decisions[0].granted, decisions[1].granted) << "half a chain";
        }
        if (i % 16 == 0 && decisions[2].granted == 1) {  // Gives one back.
          std::array<Ask, 1> refund{asks[2]};
          refund[0].op = Op::refund;
          Batch back{refund, std::span(decisions).first(1), batch.now};
          granted[index[2]] -= 1;
          store.decide(back, done);
        }
        if (i % 64 == 0) store.maintain(batch.now, 64);
      }
    };
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t) workers.emplace_back(work, t);
    for (auto& w : workers) w.join();
    const Time end(Duration(clock.load()));
    for (int k = 0; k < keys; ++k) {
      const std::string name = "k" + std::to_string(k);
      std::array<Ask, 1> ask{{{.key = name, .family = &family, .quota = &q, .amount = 0, .op = Op::peek}}};
      std::array<Decision, 1> left;
      Batch batch{ask, left, end};
      Ignore done;
      store.decide(batch, done);
      ASSERT_EQ(granted[static_cast<std::size_t>(k)] + left[0].remaining, 20) << name;
    }
  }
}

// Growing from nothing to half a million buckets while two threads decide: every key gets its two tokens,
// once.
TEST(TableUnderThreads, GrowthLosesNothingAndDoublesNothing) {
  constexpr int keys = kScale * 30'000;
  const Quota q = *Quota::parse("2/week");
  const Family family{"grow"};
  LocalStore store({.max_keys = 2'000'000});
  std::vector<std::atomic<int>> granted(keys);
  const auto work = [&](int id) {
    Ignore done;
    for (int pass = 0; pass < 3; ++pass)
      for (int i = 0; i < keys; ++i) {
        const int k = id == 0 ? i : keys - 1 - i;
        const std::string name = std::to_string(k);
        std::array<Ask, 1> ask{{{.key = name, .family = &family, .quota = &q}}};
        std::array<Decision, 1> d;
        Batch batch{ask, d, Time(1s)};
        store.decide(batch, done);
        if (d[0].allowed()) ++granted[static_cast<std::size_t>(k)];
      }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  for (int k = 0; k < keys; ++k) ASSERT_EQ(granted[static_cast<std::size_t>(k)], 2) << k;
  EXPECT_EQ(store.stats().keys, static_cast<std::uint64_t>(keys));
  EXPECT_EQ(store.stats().evictions, 0U);
}

}  // namespace
}  // namespace sluice::store
