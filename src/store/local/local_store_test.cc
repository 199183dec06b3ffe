#include "store/local/local_store.h"

#include <gtest/gtest.h>

#include <array>

#include "reference/sequences.h"
#include "store/local/buckets.h"
#include "store/once.h"

namespace sluice::store {
namespace {

using namespace std::chrono_literals;

struct Noted final : Completion {
  void decided() override { ++times; }
  int times = 0;
};

class Fixture {
 public:
  explicit Fixture(std::size_t max_keys = 100'000) : store({.max_keys = max_keys, .seed = 42}) {}

  std::vector<Decision> run(std::vector<Ask> asks, Time now) {
    std::vector<Decision> decisions(asks.size());
    Batch batch{asks, decisions, now};
    Noted noted;
    store.decide(batch, noted);
    EXPECT_EQ(noted.times, 1);
    return decisions;
  }
  Decision one(std::string_view key, const Quota& quota, Op op, std::int64_t amount, Time now) {
    return run({{.key = key, .family = &family, .quota = &quota, .amount = amount, .op = op}}, now)[0];
  }

  LocalStore store;
  Family family{"test"};
};

Quota quota(std::string_view text) { return *Quota::parse(text); }

TEST(LocalStore, DecidesAsOneThatCountsTokens) {
  const auto seed = reference::seed_from_environment(1);
  const int rounds = reference::rounds_from_environment(1000);
  Fixture f;
  std::int64_t start = 0;  // One store for all: its time never goes back.
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed + static_cast<std::uint64_t>(round)));
    if (round % 50 == 0) {
      std::destroy_at(&f);
      std::construct_at(&f);
      start = 0;
    }
    reference::Random random(seed + static_cast<std::uint64_t>(round));
    const auto spec = reference::random_quota(random);
    const auto q = Quota::make(spec);
    const std::string key = "key" + std::to_string(round);
    std::int64_t latest = start;
    reference::compare(random, spec, 200, start, [&](Op op, std::int64_t amount, std::int64_t ns) {
      latest = std::max(latest, ns);
      f.store.maintain(Time(Duration(latest)), 3);
      return f.one(key, *q, op, amount, Time(Duration(ns)));
    });
    if (testing::Test::HasFatalFailure()) return;
    start = latest;
    if (start > INT64_MAX / 8) start = 0, std::destroy_at(&f), std::construct_at(&f);
  }
}

TEST(LocalStore, AChainIsAllOrNothing) {
  Fixture f;
  const Quota second = quota("2/s"), hour = quota("3/h");
  const Family seconds{"a"}, hours{"a#1"};
  const auto take = [&](Time now, std::int64_t n = 1, Op op = Op::take) {
    return f.run(
        {{.key = "k", .family = &seconds, .quota = &second, .amount = n, .op = op, .with_next = true},
         {.key = "k", .family = &hours, .quota = &hour, .amount = n, .op = op}},
        now);
  };
  EXPECT_EQ(take(Time(0s))[1].remaining, 2);
  EXPECT_EQ(take(Time(0s))[1].remaining, 1);
  auto refused = take(Time(0s));  // The second refuses; the hour must not be charged.
  EXPECT_EQ(refused[0].outcome, Outcome::refused);
  EXPECT_EQ(refused[1].outcome, Outcome::allowed);
  EXPECT_EQ(refused[1].granted, 0);
  EXPECT_EQ(refused[1].remaining, 1);
  EXPECT_EQ(take(Time(1s), 2, Op::take_up_to)[0].granted,
            1);  // The hour holds one more, so one of each is taken.
  refused = take(Time(1s));
  EXPECT_EQ(refused[0].outcome, Outcome::allowed);
  EXPECT_EQ(refused[0].remaining, 1);
  EXPECT_EQ(refused[1].outcome, Outcome::refused);
  EXPECT_EQ(refused[1].retry_after, 1199s);
}

TEST(LocalStore, ARefundWithAnIdIsDoneOnce) {
  Fixture f;
  const Quota q = quota("5/h"), hour = quota("50/h");
  const Family more{"a", 1}, ids = Family::of_ids("a", OnFailure::local);
  const auto refund = [&](const std::string& id, std::int64_t amount, Time now) {
    const std::string id_key = once_key("k", id);
    return f.run(
        {{.key = "k",
          .family = &f.family,
          .quota = &q,
          .amount = amount,
          .op = Op::refund,
          .with_next = true},
         {.key = "k", .family = &more, .quota = &hour, .amount = amount, .op = Op::refund, .with_next = true},
         {.key = id_key, .family = &ids, .quota = &once_quota()}},
        now);
  };
  ASSERT_TRUE(f.one("k", q, Op::take, 5, Time(0s)).allowed());
  const auto first = refund("x", 2, Time(0s));
  EXPECT_EQ(first[0].remaining, 2);
  EXPECT_EQ(first[1].remaining, 50);
  EXPECT_TRUE(first[2].allowed());
  const auto again = refund("x", 99, Time(1s));
  EXPECT_TRUE(again[0].allowed());
  EXPECT_EQ(again[0].remaining, 2);
  EXPECT_FALSE(again[2].allowed());
  EXPECT_EQ(refund("y", 1, Time(1s))[0].remaining, 3);
  EXPECT_TRUE(f.one("k", q, Op::charge, 20, Time(1s)).allowed());
  EXPECT_TRUE(refund("x", 1, Time(1s))[0].allowed()) << "a refund passes whatever it finds, a debt too";
  EXPECT_TRUE(refund("x", 1, Time(kOnceKept))[2].allowed());  // Forgotten.
}

TEST(Once, TellsKeysAndIdsApart) {
  EXPECT_NE(once_key("ab", "c"), once_key("a", "bc"));
  for (const auto& [key, id] : {std::pair<std::string, std::string>{"", "x"},
                                {"k", std::string(255, 'i')},
                                {std::string("\0k", 2), "i"}}) {
    const std::string text = once_key(key, id);
    EXPECT_EQ(split_once_key(text).key, key);
    EXPECT_EQ(split_once_key(text).id, id);
  }
}

TEST(LocalStore, OneBucketTwiceInAChainIsChargedTwice) {
  Fixture f;
  const Quota q = quota("5/h");
  const Ask first{.key = "k", .family = &f.family, .quota = &q, .amount = 3, .with_next = true};
  const Ask second{.key = "k", .family = &f.family, .quota = &q, .amount = 3};
  EXPECT_EQ(f.run({first, second}, Time(0s))[1].outcome, Outcome::refused);
  EXPECT_EQ(f.one("k", q, Op::peek, 0, Time(0s)).remaining, 5);
  Ask two = second;
  two.amount = 2;
  EXPECT_EQ(f.run({first, two}, Time(0s))[1].remaining, 0);
}

TEST(LocalStore, ABucketKeepsItsTimeUntilFullWhenItsQuotaChanges) {
  // From every kind of quota to every other: D = 1, D > 1, and those of the annex.
  const std::array quotas = {quota("10/s burst 10"), quota("7/s burst 7"), quota("65521/s burst 65521"),
                             quota("999999937/s burst 999999937"), quota("1/day burst 1000000000000")};
  for (const auto& from : quotas)
    for (const auto& to : quotas) {
      Fixture f;
      const auto spent = f.one("k", from, Op::take, std::min<std::int64_t>(from.capacity(), 5), Time(0s));
      const auto seen = f.one("k", to, Op::peek, 0, Time(0s));
      const auto most = to.time_to_fill();
      EXPECT_GE(seen.reset_after, spent.reset_after) << from.text() << " -> " << to.text();
      EXPECT_LE(seen.reset_after, spent.reset_after + 1ns) << from.text() << " -> " << to.text();
      EXPECT_EQ(f.one("k", to, Op::take, 1, Time(0s)).allowed(),
                spent.reset_after + to.time_to_fill() / to.capacity() <= most)
          << from.text() << " -> " << to.text();
      if (most == Duration::max()) continue;  // Saturated: that moment lies beyond what a Time can hold.
      EXPECT_TRUE(f.one("k", to, Op::take, 1, Time(spent.reset_after + most)).allowed());
    }
}

TEST(LocalStore, ABucketIsFullAfterAnyIdleTime) {
  for (const auto* text : {"1/s", "65521/s", "1/day burst 1000", "999999937/s"})
    for (const auto idle :
         {Duration(2s), Duration(70min), Duration(5h), Duration(24h * 900), Duration(24h * 365 * 60)}) {
      Fixture f;
      const Quota q = quota(text);
      ASSERT_TRUE(f.one("k", q, Op::take, q.capacity(), Time(1s)).allowed());
      const auto d = f.one("k", q, Op::peek, 0, Time(1s + idle));
      const auto expected = std::max(q.time_to_fill() - idle, Duration(0));
      EXPECT_EQ(d.reset_after, expected) << text << " after " << idle.count();
    }
}

TEST(LocalStore, GrowsWithoutLosingACharge) {
  constexpr int keys = 200'000;
  Fixture f(1'000'000);
  const Quota q = quota("3/day");
  for (int round = 0; round < 4; ++round)
    for (int i = 0; i < keys; ++i) {
      const auto d = f.one("key" + std::to_string(i), q, Op::take, 1, Time(Duration(i)));
      ASSERT_EQ(d.remaining, std::max(2 - round, 0)) << i << " in round " << round;
      ASSERT_EQ(d.allowed(), round < 3) << i << " in round " << round;
    }
  EXPECT_EQ(f.store.stats().keys, keys);
  EXPECT_EQ(f.store.stats().evictions, 0U);
}

TEST(LocalStore, SweepsWhatIsFull) {
  Fixture f;
  const Quota q = quota("1/s");
  for (int i = 0; i < 50'000; ++i) f.one("key" + std::to_string(i), q, Op::take, 1, Time(0s));
  EXPECT_EQ(f.store.stats().keys, 50'000U);
  for (int i = 0; i < 100; ++i) f.store.maintain(Time(2s));
  EXPECT_LT(f.store.stats().keys,
            f.store.stats().capacity * 6 / 10 + 1);  // With room to spare the rest may stay,
  for (int s = 3; s <= 1203; s += 3) f.store.maintain(Time(std::chrono::seconds(s)));
  EXPECT_EQ(f.store.stats().keys, 0U);  // but not for longer than two passes.
}

TEST(LocalStore, DoesNotGrowForFullBuckets) {
  Fixture f;
  const Quota q = quota("1000/s");  // Full again in a millisecond.
  std::uint64_t most = 0;
  for (int i = 0; i < 300'000; ++i) {
    f.one("key" + std::to_string(i), q, Op::take, 1, Time(i * 1us));
    most = std::max(most, f.store.stats().capacity);
  }
  EXPECT_LT(most, 20'000U);
}

TEST(LocalStore, SweepsWideQuotasToo) {
  Fixture f;
  const Quota wide = quota("999999937/s burst 999999937"), slow = quota("1/day burst 1000000000000");
  for (int i = 0; i < 3'000; ++i) f.one("key" + std::to_string(i), wide, Op::take, 1000, Time(0s));
  f.one("slow", slow, Op::take, 1, Time(0s));
  EXPECT_EQ(f.store.stats().keys, 3'001U);
  f.store.maintain(Time(2s), 100);  // In small steps.
  EXPECT_GT(f.store.stats().keys, 2'000U);
  for (int i = 0; i < 200; ++i) f.store.maintain(Time(2s), 100);
  EXPECT_EQ(f.store.stats().keys, 1U);
  EXPECT_EQ(f.store.stats().evictions, 0U);
}

// The promise under a flood: memory stays, who is drained stays drained, and a newcomer is never let in on
// more than it would have got alone.
TEST(LocalStore, AFloodNeitherGrowsTheTableNorFreesOffenders) {
  constexpr std::size_t max_keys = 20'000;
  Fixture f(max_keys);
  const Quota q = quota("10/h");
  std::vector<std::string> offenders;
  for (int i = 0; i < 1000; ++i) offenders.push_back("offender" + std::to_string(i));
  for (const auto& key : offenders) ASSERT_TRUE(f.one(key, q, Op::take, 10, Time(0s)).allowed());
  std::uint64_t admitted = 0;
  for (int i = 0; i < 500'000; ++i)
    admitted += f.one("flood" + std::to_string(i), q, Op::take, 1, Time(Duration(i))).allowed() ? 1 : 0;
  EXPECT_LE(f.store.stats().capacity, max_keys * 5 / 4 + 256);  // Whole blocks.
  EXPECT_GT(f.store.stats().evictions, 0U);
  EXPECT_LE(admitted, f.store.stats().capacity * 10);  // No more than all slots together hold.
  int freed = 0;
  for (const auto& key : offenders) freed += f.one(key, q, Op::take, 1, Time(1ms)).allowed() ? 1 : 0;
  EXPECT_EQ(freed, 0);
}

// The same for the annex, where wide quotas have a sixteenth of max_keys: newcomers to a full one share.
TEST(LocalStore, AFloodOfWideQuotasStaysInItsBoundsToo) {
  constexpr std::size_t max_keys = 16'000, entries = max_keys / 16 + 64;
  Fixture f(max_keys);
  const Quota q = quota("1/day burst 1000000000000");
  ASSERT_FALSE(q.is_narrow());
  std::vector<std::string> offenders;
  for (int i = 0; i < 500; ++i) offenders.push_back("offender" + std::to_string(i));
  for (const auto& key : offenders)
    ASSERT_TRUE(f.one(key, q, Op::take, 1'000'000'000'000, Time(0s)).allowed());
  std::int64_t admitted = 0;
  for (int i = 0; i < 50'000; ++i)
    admitted += f.one("flood" + std::to_string(i), q, Op::take, 250'000'000'000, Time(Duration(i))).allowed();
  EXPECT_LE(f.store.stats().keys, entries);
  EXPECT_GT(f.store.stats().evictions, 0U);
  EXPECT_LE(admitted, static_cast<std::int64_t>(entries - offenders.size()) * 4);  // What their slots hold.
  EXPECT_GT(admitted, static_cast<std::int64_t>(entries - offenders.size()));
  for (const auto& key : offenders) EXPECT_FALSE(f.one(key, q, Op::take, 1, Time(1ms)).allowed()) << key;
}

TEST(LocalStore, EvictionAdmitsNothingThatTheExactBucketWouldNot) {
  reference::Random random(5);
  const Quota q = quota("5/min");
  Fixture f(200);  // 250 slots for 2,000 keys.
  std::vector<reference::CountingBucket> exact;
  for (int i = 0; i < 2000; ++i) exact.emplace_back(reference::CountingBucket{{5, 5, 60s}, 0});
  int admitted = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto key = random() % exact.size();
    const std::int64_t now = i * 1'000'000LL;
    if (!f.one("k" + std::to_string(key), q, Op::take, 1, Time(Duration(now))).allowed()) continue;
    ++admitted;
    ASSERT_TRUE(exact[key].take(1, now).allowed) << "step " << i;
  }
  EXPECT_GT(f.store.stats().evictions, 1000U);
  EXPECT_GT(admitted, 250 * 5);
}

}  // namespace
}  // namespace sluice::store
