#include "sluice/keyed_limiter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "reference/sequences.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

constexpr KeyedLimiterOptions kSeeded{.max_keys = 100'000, .max_holds = 100, .seed = 7};

KeyedLimiter limiter(std::initializer_list<std::string_view> quotas,
                     const KeyedLimiterOptions& options = kSeeded) {
  auto made = KeyedLimiter::make(quotas, options);
  EXPECT_TRUE(made);
  return std::move(*made);
}
Time at(Duration d) { return Time(d); }

TEST(KeyedLimiter, SaysWhyItCannotBeMade) {
  EXPECT_EQ(KeyedLimiter::make(std::vector<Quota>{}).error().code, Code::invalid_argument);
  EXPECT_EQ(KeyedLimiter::make("10 a second").error().code, Code::invalid_argument);
  EXPECT_EQ(KeyedLimiter::make({"10/s", "0/s"}).error().code, Code::invalid_argument);
  EXPECT_EQ(KeyedLimiter::make(std::vector<Quota>(33, *Quota::parse("1/s"))).error().code,
            Code::out_of_range);
  EXPECT_EQ(KeyedLimiter::make("1/s", {.max_keys = 0}).error().code, Code::invalid_argument);
  EXPECT_TRUE(KeyedLimiter::make(std::vector<Quota>(32, *Quota::parse("1/s"))));
}

TEST(KeyedLimiter, EachKeyHasABucketOfItsOwn) {
  auto l = limiter({"10/s burst 1"});
  const std::string with_zero("a\0b", 3);
  for (const Key& key : {Key("a"), Key("b"), Key(""), Key(with_zero), Key(std::string_view("a\0c", 3)),
                         Key(0), Key(1), Key(-1), Key(UINT64_MAX - 1)}) {
    EXPECT_TRUE(l.take(key, 1, at(0s)).allowed());
    EXPECT_FALSE(l.take(key, 1, at(0s)).allowed());
  }
  EXPECT_FALSE(l.take(std::string("a"), 1, at(0s)).allowed());
  EXPECT_FALSE(l.take(UINT64_MAX, 1, at(0s)).allowed()) << "-1";
}

TEST(KeyedLimiter, AnIntegerIsNotItsBytes) {
  auto l = limiter({"10/s burst 1"});
  const std::uint64_t number = 0x6162636465666768;
  const std::string text(reinterpret_cast<const char*>(&number), sizeof number);
  EXPECT_TRUE(l.take(number, 1, at(0s)).allowed());
  EXPECT_TRUE(l.take(text, 1, at(0s)).allowed());
}

TEST(KeyedLimiter, DecidesAsOneThatCountsTokens) {
  const auto seed = reference::seed_from_environment(1);
  const int rounds = reference::rounds_from_environment(300);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed + static_cast<std::uint64_t>(round)));
    reference::Random random(seed + static_cast<std::uint64_t>(round));
    const auto spec = reference::random_quota(random);
    auto l = std::move(*KeyedLimiter::make({*Quota::make(spec)}, kSeeded));
    const Key key = round % 2 == 0 ? Key("key") : Key(round);
    reference::compare(random, spec, 200, 0, [&](Op op, std::int64_t amount, std::int64_t ns) {
      const Time now{Duration(ns)};
      switch (op) {
        case Op::take:
          return l.take(key, amount, now);
        case Op::peek:
          return l.peek(key, amount, now);
        case Op::take_up_to:
          return l.take_up_to(key, amount, now);
        case Op::charge:
          return l.charge(key, amount, now);
        case Op::refund:
          return l.refund(key, amount, now);
        case Op::reset:
          return l.reset(key, now);
        case Op::reserve:
          break;
      }
      return l.reserve(key, amount, Duration{0}, now);
    });
    if (HasFatalFailure()) return;
  }
}

TEST(KeyedLimiter, SeveralQuotasAllOrNothing) {
  auto l = limiter({"10/s burst 5", "100/h burst 7"});
  const auto first = l.take("a", 5, at(0s));
  EXPECT_TRUE(first.allowed());
  EXPECT_EQ(first.capacity, 5);  // It has the fewest left.
  EXPECT_EQ(first.remaining, 0);
  const auto second = l.take("a", 3, at(1s));
  EXPECT_EQ(second.outcome, Outcome::refused);
  EXPECT_EQ(second.capacity, 7);
  EXPECT_EQ(second.retry_after, 35s);  // A token each 36 s, of which one second has passed.
  EXPECT_TRUE(l.take("a", 2, at(1s)).allowed()) << "the refusal charged neither";
  EXPECT_EQ(l.take("a", 6, at(1s)).outcome, Outcome::never);
  EXPECT_EQ(l.take_up_to("b", 100, at(1s)).granted, 5);
  EXPECT_EQ(l.reserve("b", 5, 1h, at(1s)).due_after, 108s);
  EXPECT_EQ(l.refund("b", 6, at(1s)).remaining, 1);
  EXPECT_EQ(l.reset("b", at(1s)).reset_after, 0s);
}

TEST(KeyedLimiter, SpansAreRequestsOneAfterTheOther) {
  for (const auto quotas : {1u, 2u, 3u, 20u}) {
    std::vector<Quota> q(quotas, *Quota::parse("1/h burst 3"));
    auto l = std::move(*KeyedLimiter::make(q, kSeeded));
    std::vector<std::string> names;
    for (int i = 0; i < 50; ++i) names.push_back("key" + std::to_string(i));
    std::vector<std::string_view> keys;
    for (int i = 0; i < 200; ++i) keys.push_back(names[static_cast<std::size_t>(i % 50)]);
    std::vector<Decision> decisions(keys.size());
    l.take(keys, decisions, 1, at(0s));
    for (std::size_t i = 0; i < keys.size(); ++i) {
      EXPECT_EQ(decisions[i].allowed(), i < 150) << quotas << " quotas, " << i;
      EXPECT_EQ(decisions[i].remaining, i < 150 ? 2 - static_cast<std::int64_t>(i / 50) : 0) << i;
    }
    const std::vector<std::uint64_t> numbers = {1, 2, 1, 1, 1};
    l.take(numbers, decisions, 1, at(0s));
    EXPECT_TRUE(decisions[3].allowed());
    EXPECT_FALSE(decisions[4].allowed());
    EXPECT_EQ(decisions[1].remaining, 2);
    const std::vector<KeyedLimiter::Request> requests = {{"new", 2}, {2, 2}, {"new", 2}, {"key0"}};
    l.take(requests, decisions, at(0s));
    const std::vector<bool> allowed = {true, true, false, false};
    for (std::size_t i = 0; i < allowed.size(); ++i) EXPECT_EQ(decisions[i].allowed(), allowed[i]) << i;
  }
}

TEST(KeyedLimiter, TimeGoesForwardForAllKeys) {
  auto l = limiter({"1/s burst 1"});
  EXPECT_TRUE(l.take("a", 1, at(10s)).allowed());
  EXPECT_EQ(l.take("a", 1, at(5s)).retry_after, 1s);
  EXPECT_TRUE(l.take("b", 1, at(0s)).allowed());
  EXPECT_TRUE(l.take("b", 1, at(11s)).allowed());
}

TEST(KeyedLimiter, ReadsItsOwnClockIfAskedTo) {
  auto l = limiter({"1/day burst 2"});
  EXPECT_TRUE(l.take("a").allowed());
  EXPECT_EQ(l.peek("a").remaining, 1);
  EXPECT_TRUE(l.take(std::string("a"), 1).allowed());
  EXPECT_FALSE(l.take("a").allowed());
  EXPECT_GT(l.take("a").retry_after, 23h);
}

TEST(KeyedLimiter, HoldsSettleOnce) {
  auto l = limiter({"100/s burst 1000", "5000/h"});
  const auto held = l.hold("alice", 600, 60s, at(0s));
  ASSERT_TRUE(held && held->decision.allowed());
  EXPECT_EQ(l.peek("alice", 1, at(0s)).remaining, 400);
  const auto back = l.settle(held->id, 250, at(0s));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->remaining, 750);
  EXPECT_EQ(l.settle(held->id, 250, at(0s)).error().code, Code::not_found);
  EXPECT_EQ(l.peek("alice", 1, at(0s)).remaining, 750);
}

TEST(KeyedLimiter, AHoldThatWasTooSmallLeavesADebt) {
  auto l = limiter({"10/s burst 100"});
  const auto held = l.hold(42, 100, 60s, at(0s));
  ASSERT_TRUE(held);
  EXPECT_EQ(l.settle(held->id, -1, at(0s)).error().code, Code::invalid_argument);
  ASSERT_TRUE(l.settle(held->id, 300, at(0s)));
  EXPECT_EQ(l.take(42, 1, at(0s)).retry_after, 20'100ms);
  EXPECT_TRUE(l.take("42", 1, at(0s)).allowed());
  EXPECT_TRUE(l.take(42, 1, at(20'100ms)).allowed());
}

TEST(KeyedLimiter, ExpiredAndRefusedHoldsLeakNothing) {
  auto l = limiter({"1/h burst 200"});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(l.hold("a", 1, 10s, at(0s)));
  EXPECT_EQ(l.hold("b", 1, 10s, at(0s)).error().code, Code::resource_exhausted);
  EXPECT_EQ(l.peek("b", 1, at(0s)).remaining, 200) << "not charged";
  const auto last =
      l.hold("a", 100, Duration::max(), at(10s));  // All others have expired, at their estimates.
  ASSERT_TRUE(last && last->decision.allowed());
  const auto refused = l.hold("a", 1, 10s, at(10s));
  ASSERT_TRUE(refused);
  EXPECT_FALSE(refused->decision.allowed());
  EXPECT_EQ(l.settle(refused->id, 0, at(10s)).error().code, Code::not_found);
  EXPECT_EQ(l.stats().holds, 1u);
}

TEST(KeyedLimiter, MemoryIsBoundedAndOffendersStayWithoutHelp) {
  auto l = limiter({"10/h"}, {.max_keys = 50'000, .seed = 3});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(l.take("offender" + std::to_string(i), 10, at(0s)).allowed());
  for (std::uint64_t i = 0; i < 1'000'000; ++i) (void)l.take(i, 1, at(1s));
  EXPECT_LE(l.stats().keys, 65'000u);  // Slots are a quarter more than max_keys at most, and some.
  EXPECT_LT(l.stats().bytes, 4'000'000u);
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(l.take("offender" + std::to_string(i), 1, at(2s)).allowed()) << i;
  // A day later all are full again, and their places are reused as new keys come.
  for (std::uint64_t i = 0; i < 40'000; ++i) ASSERT_EQ(l.take(~i, 1, at(24h)).remaining, 9) << i;
}

TEST(KeyedLimiter, ThreadsTogetherGetExactlyTheCapacity) {
  auto l = limiter({"1/day burst 1000", "2/day burst 1500"});
  std::atomic<int> admitted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      std::vector<std::uint64_t> keys = {1, 2, 3, 4};
      std::vector<Decision> decisions(keys.size());
      for (int i = 0; i < 1000; ++i) {
        l.take(keys, decisions, 1, at(Duration(i)));
        for (const auto& d : decisions) admitted += d.allowed() ? 1 : 0;
        admitted += l.take(keys[static_cast<std::size_t>(i) % 4], 1, at(Duration(i))).allowed() ? 1 : 0;
        if (i % 100 == 0) l.maintain(at(Duration(i)));
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(admitted, 4000);
}

}  // namespace
}  // namespace sluice
