// Leases in a store: who is leased, how much, and who decides when.
#include "store/shared/leases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>

#include "model_server.h"
#include "store/local/local_store.h"
#include "store/shared/shared_store.h"

namespace sluice::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A server at the end of a wire that takes no time, but while `held`.
struct Wire final : redis::Node {
  bool up() const override { return is_up; }
  void send(std::string_view command, redis::Caller& caller) override {
    waiting.push_back({std::string(command), &caller});
    if (!held) deliver();
  }
  void deliver() {
    while (!waiting.empty()) {
      const auto [command, caller] = std::move(waiting.front());
      waiting.pop_front();
      auto answer = server.run(command, now.time_since_epoch().count() / 1000);
      caller->replied(answer.elements);
    }
  }
  sim::ModelServer server;
  Time now{std::chrono::hours(1000)};
  std::deque<std::pair<std::string, redis::Caller*>> waiting;
  bool is_up = true, held = false;
};

struct Done final : Completion {
  void decided() override { ++times; }
  int times = 0;
};

struct LeasesTest : testing::Test {
  explicit LeasesTest(Duration kept = Duration{0}) : refusals_kept(kept) {}
  struct Asked {
    std::string key;
    Ask ask;
    Decision decision;
    Batch batch;
  };
  Decision ask(std::int64_t amount = 1, Op op = Op::take, std::string_view key = "k") {
    Asked& a = asked.emplace_back();  // It may be answered later.
    a.key = key;
    a.ask = {.key = a.key, .family = &family, .quota = &quota, .amount = amount, .op = op};
    a.batch = {{&a.ask, 1}, {&a.decision, 1}, wire.now};
    store.decide(a.batch, done);
    return a.decision;
  }
  /// Asks `n` times, `pause` apart; how many were granted.
  std::int64_t run(int n, Duration pause, std::int64_t amount = 1) {
    std::int64_t granted = 0;
    for (int i = 0; i < n; ++i) granted += ask(amount).granted, wire.now += pause;
    return granted;
  }
  LeaseStats leases() const { return store.stats().leases; }
  std::uint64_t calls() const { return store.stats().lane.calls; }

  const Duration refusals_kept;

  Quota quota = *Quota::parse("1000/s burst 800");
  const Family family{"api", 0, OnFailure::deny, Consistency::leased};
  Wire wire;
  std::deque<Asked> asked;
  LocalStore local{{.max_keys = 100, .seed = 1}};
  Fallback fallback{local, 1};
  Done done;
  SharedStore store{wire,
                    fallback,
                    {.refusals_kept = refusals_kept,
                     .leases = {.entries = 32},
                     .now = [this] { return wire.now; },
                     .chance = [] { return 0.5; },
                     .wake_at = [](Time) {}}};
};

TEST_F(LeasesTest, AHotKeyIsAskedForSeldom) {
  EXPECT_EQ(run(1000, milliseconds(1)), 1000);
  const auto stats = store.stats();
  EXPECT_GT(stats.leases.asks, 900u);
  EXPECT_LT(stats.lane.calls, 100u);
  EXPECT_EQ(stats.leases.spent, stats.leases.asks);
  EXPECT_GE(stats.leases.charged, stats.leases.spent);
}

// Unspent tokens evaporate only once the bucket would have been full: where it is asked for more than it
// grants, none do, whatever a call takes.
TEST_F(LeasesTest, WhereMoreIsAskedThanGrantedNothingIsRefusedTooMuch) {
  quota = *Quota::parse("100/s burst 200");
  for (const Duration lag : {Duration{0}, Duration{milliseconds(1)}, Duration{milliseconds(20)}}) {
    asked.clear();
    wire.now += seconds(100);
    wire.held = lag > Duration{0};
    const auto hears = [&] { return wire.waiting.empty() ? Time::max() : wire.now + lag; };
    const Time end = wire.now + seconds(40);
    for (Time due = wire.now, heard = hears(); due < end; due += Duration(900'000)) {
      for (; heard <= due; heard = hears()) wire.now = heard, wire.deliver();
      wire.now = due;
      ask();
      heard = std::min(heard, hears());
    }
    wire.deliver();
    std::int64_t granted = 0;
    for (const Asked& a : asked) granted += a.decision.granted;
    EXPECT_GE(granted, 200 + 40 * 100 - 5) << lag.count();
    EXPECT_LE(granted, 200 + 40 * 100) << lag.count();
  }
}

// Hot buckets under a small quota are empty most of the time: each token costs one call, none of it for
// nothing.
struct EmptyBuckets : LeasesTest {
  EmptyBuckets() : LeasesTest(milliseconds(100)) {}
};

TEST_F(EmptyBuckets, OneThatATakeLeftEmptyRefusesTheNextWithoutACall) {
  quota = *Quota::parse("100/s burst 8");
  EXPECT_EQ(ask(8).granted, 8);
  EXPECT_EQ(calls(), 1u);
  EXPECT_EQ(ask().origin, Origin::remembered);
  EXPECT_EQ(asked.back().decision.retry_after, milliseconds(10));
  wire.now += milliseconds(10);
  EXPECT_EQ(ask().granted, 1);
  EXPECT_EQ(calls(), 2u);
}

TEST_F(EmptyBuckets, OneWithATokenLeftIsAsked) {
  quota = *Quota::parse("100/s burst 8");
  EXPECT_EQ(ask(7).granted, 7);
  EXPECT_EQ(ask().granted, 1);
  EXPECT_EQ(ask().origin, Origin::remembered);
}

TEST_F(EmptyBuckets, AreAskedOnceAToken) {
  quota = *Quota::parse("100/s burst 200");
  EXPECT_GE(run(2000, Duration(100'000)), 200 + 20 - 1);  // The burst, and 0.2 s of the rate.
  const auto before = calls();
  const auto charged = store.stats().lane.decisions;
  EXPECT_EQ(run(10'000, Duration(100'000)), 100);
  EXPECT_LE(calls() - before, 100u + 1);
  EXPECT_LE(store.stats().lane.decisions - charged, 100u + 21) << "tokens ahead are not asked for each time";
}

TEST_F(LeasesTest, BeginWithNothingAndDouble) {
  ask();
  EXPECT_EQ(leases().charged, 0u) << "who comes once leases nothing";
  wire.now += milliseconds(1);
  ask();
  EXPECT_EQ(leases().charged, 1u);
  wire.now += milliseconds(1);
  ask();
  EXPECT_EQ(leases().charged, 3u) << "two more; the first has evaporated, as the bucket was full";
  wire.now += Duration(100'000);
  EXPECT_EQ(ask().origin, Origin::leased);
}

TEST_F(LeasesTest, AKeyThatComesSeldomIsNotLeased) {
  run(100, milliseconds(50));
  EXPECT_EQ(leases().charged, 0u);
}

TEST_F(LeasesTest, OneThatCoolsDownIsLeasedLess) {
  run(500, milliseconds(1));
  const auto charged = leases().charged;
  run(50, milliseconds(300));
  EXPECT_LT(leases().charged, charged + 150);
  const auto then = leases().charged;
  run(50, milliseconds(300));
  EXPECT_EQ(leases().charged, then);
}

TEST_F(LeasesTest, AreBounded) {
  ask(700, Op::charge);  // So that nothing evaporates.
  std::uint64_t most = 0;
  for (int i = 0; i < 3000; ++i) {
    ask();
    most = std::max(most, leases().charged - leases().spent);
    wire.now += Duration(900'000);
  }
  EXPECT_LE(most, 100u);
  EXPECT_GT(most, 10u);
}

TEST_F(LeasesTest, GrantWhatTheBucketHasAndItsRefill) {
  for (const std::int64_t amount : {1, 2, 7, 30, 51, 100}) {
    std::int64_t granted = 0;
    const Time begin = wire.now;
    for (int i = 0; i < 20'000; ++i) {
      granted += ask(amount, Op::take, std::to_string(amount)).granted;
      wire.now += Duration(200'000);
    }
    const std::int64_t most = 800 + (wire.now - begin) / milliseconds(1);
    EXPECT_LE(granted, most) << amount;
    EXPECT_GE(granted, most - 100 - amount) << amount << ": what is not granted is at hand";
  }
}

TEST_F(LeasesTest, OfUnevenCostsLittleLiesIdle) {
  std::int64_t granted = 0;
  const Time begin = wire.now;
  for (int i = 0; i < 50'000; ++i) granted += ask(1 + i * 37 % 60).granted, wire.now += Duration(200'000);
  const std::int64_t most = 800 + (wire.now - begin) / milliseconds(1);
  EXPECT_LE(granted, most);
  EXPECT_GE(granted, most * 98 / 100);
}

TEST_F(LeasesTest, AnswersSayWhatIsLeft) {
  run(20, milliseconds(1));
  const Decision d = ask();
  EXPECT_EQ(d.origin, Origin::leased);
  EXPECT_TRUE(d.allowed());
  EXPECT_EQ(d.granted, 1);
  EXPECT_EQ(d.capacity, 800);
  EXPECT_GE(d.remaining, 790) << "it gains as much as it is asked";
}

TEST_F(LeasesTest, OthersThanTakesAreTheStores) {
  run(100, milliseconds(1));
  const auto before = leases().asks;
  for (const Op op : {Op::peek, Op::reserve, Op::charge, Op::refund, Op::reset})
    EXPECT_EQ(ask(1, op).origin, Origin::bucket) << static_cast<int>(op);
  EXPECT_EQ(leases().asks, before);
}

TEST_F(LeasesTest, ATakeOfMoreThanIsAtHandIsTheStores) {
  run(100, milliseconds(1));
  const Decision d = ask(100);
  EXPECT_TRUE(d.allowed());
  EXPECT_EQ(d.origin, Origin::bucket);
}

TEST_F(LeasesTest, ARefundGivesTheLeaseUpForAWhile) {
  run(100, milliseconds(1));
  ask(1, Op::refund);
  const auto charged = leases().charged;
  EXPECT_EQ(ask().origin, Origin::bucket);
  run(1000, milliseconds(9));
  EXPECT_EQ(leases().charged, charged);
  wire.now += seconds(2);
  run(10, milliseconds(1));
  EXPECT_GT(leases().charged, charged);
}

TEST_F(LeasesTest, TokensThatWereUnderWayWhenARefundCameAreNotSpent) {
  ask();
  wire.now += milliseconds(1);
  wire.held = true;
  ask();
  ask(1, Op::refund);
  wire.held = false;
  wire.deliver();
  EXPECT_EQ(leases().charged, 1u);
  wire.now += milliseconds(1);
  EXPECT_EQ(ask().origin, Origin::bucket);
}

TEST_F(LeasesTest, AreSpentWhileTheStoreIsAway) {
  run(200, milliseconds(1));
  wire.is_up = false;
  EXPECT_EQ(ask().origin, Origin::leased);
  int leased = 1;
  while (ask().origin == Origin::leased && leased < 1000) ++leased;
  EXPECT_GT(leased, 5);
  EXPECT_LE(leased, 100);
  EXPECT_EQ(ask().origin, Origin::degraded);
}

TEST_F(LeasesTest, DoNotOutliveTheServerThatChargedThem) {
  run(200, milliseconds(1));
  store.server_changed();
  EXPECT_EQ(ask().origin, Origin::bucket);
}

TEST_F(LeasesTest, OfABucketThatGaveWayToOthersAreLost) {
  for (int i = 0; i < 200; ++i) {
    wire.held = i % 3 == 0;
    for (int key = 0; key < 100; ++key) (void)ask(1, Op::take, std::to_string(key));
    wire.held = false;
    wire.deliver();
    wire.now += milliseconds(1);
  }
  EXPECT_EQ(store.stats().outstanding, 0u);
}

TEST_F(LeasesTest, AQuotaThatChangesEndsThem) {
  run(100, milliseconds(1));
  const Quota other = *Quota::parse("7/3s burst 800");
  const Ask ask{.key = "k", .family = &family, .quota = &other, .amount = 1};
  Decision decision;
  Batch batch{{&ask, 1}, {&decision, 1}, wire.now};
  store.decide(batch, done);
  EXPECT_EQ(decision.origin, Origin::bucket);
}

}  // namespace
}  // namespace sluice::store
