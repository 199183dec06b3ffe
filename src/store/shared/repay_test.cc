// What was granted while the store was away is charged to it, once: the end of an outage is no second burst.
#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "net.h"
#include "store/local/local_store.h"
#include "store/shared/shared_store.h"

namespace sluice::store {
namespace {

using namespace std::chrono_literals;

/// Two processes that share a store, each with half of the quota while it is away.
class Repay : public testing::Test {
 protected:
  struct Process {
    Process(Repay& t, bool repays)
        : link(t.events, t.random, t.server, {}),
          fallback(local, 2, repays ? &arrears : nullptr),
          store(link, fallback,
                {.seed = 7,
                 .now = [&t] { return t.events.now(); },
                 .chance = [] { return 0.5; },
                 .wake_at =
                     [&t, this](Time when) {
                       t.events.at(when, [&t, this] { store.wake(t.events.now()); });
                     }}) {}
    LocalStore local{{.max_keys = 100, .seed = 1}};
    Arrears arrears;
    sim::Link link;
    Fallback fallback;
    SharedStore store;
  };
  struct Request final : Completion {
    Request(Repay& t, Process& p) : test(t), process(p) {}
    void decided() override {
      if (decision.granted > 0) test.grants.push_back({test.events.now(), decision.granted});
    }
    Repay& test;
    Process& process;
    Ask ask;
    Decision decision;
    Batch batch;
  };

  void start(bool repays) {
    for (int i = 0; i < 2; ++i) processes.push_back(std::make_unique<Process>(*this, repays));
  }
  void ask(Process& process) {
    auto& r = *requests.emplace_back(std::make_unique<Request>(*this, process));
    r.ask = {.key = "k", .family = &family, .quota = &quota};
    r.batch = {.asks = {&r.ask, 1}, .decisions = {&r.decision, 1}, .now = events.now()};
    process.store.decide(r.batch, r);
  }
  /// Both ask every 5 ms, 20 times what the quota allows.
  void flood(Duration how_long) {
    const Time until = events.now() + how_long;
    for (Time at = events.now(); at < until; at += 5ms)
      events.at(at, [this] {
        for (auto& p : processes) ask(*p);
      });
    run(until);
  }
  void run(Time until) {
    while (events.step(until)) {
    }
    events.at(until, [] {});
    events.step(until);
  }
  void cut(Duration how_long) {
    for (auto& p : processes) p->link.cut(how_long);
  }
  /// The most that was granted beyond capacity and rate over any interval that begins at `from` or later.
  double too_much(Time from) const {
    double most = 0;
    for (std::size_t i = 0; i < grants.size(); ++i) {
      double sum = 0;
      for (std::size_t j = i; grants[i].at >= from && j < grants.size(); ++j) {
        sum += static_cast<double>(grants[j].tokens);
        const double seconds = std::chrono::duration<double>(grants[j].at - grants[i].at).count();
        most = std::max(most, sum - 20 - 10 * seconds);
      }
    }
    return most;
  }

  sim::Events events;
  sim::Random random{1};
  sim::Server server{events};
  const Quota quota = *Quota::parse("10/s burst 20");
  const Family family{"api"};
  struct Grant {
    Time at;
    std::int64_t tokens;
  };
  std::vector<Grant> grants;
  std::vector<std::unique_ptr<Process>> processes;
  std::deque<std::unique_ptr<Request>> requests;

  /// An outage that begins with a full bucket and ends with a flood.
  double outage() {
    run(events.now() + 1s);
    cut(5s);
    run(events.now() + 3s);
    flood(4s);
    return too_much(Time{});
  }
};

TEST_F(Repay, TheEndOfAnOutageIsNoSecondBurst) {
  start(true);
  EXPECT_LT(outage(), 1);
  run(events.now() + 1s);
  for (const auto& p : processes) {
    EXPECT_FALSE(p->arrears.any());
    EXPECT_EQ(p->arrears.tokens(), 0);
  }
}

TEST_F(Repay, WithoutItItWouldBe) {
  start(false);
  EXPECT_GT(outage(), 15);
}

TEST_F(Repay, AChargeInDoubtIsRepeatedAndDoneOnce) {
  start(true);
  flood(5ms);  // The server has the script.
  run(events.now() + 10ms);
  cut(1s);
  flood(500ms);  // Each has granted its share: 10 and some that came back.
  run(events.now() + 1s);
  server.hangs_until = events.now() + 300ms;  // The charges run, and their replies are too late.
  for (auto& p : processes) p->store.repay(events.now());
  run(events.now() + 50ms);
  EXPECT_TRUE(processes[0]->arrears.any());
  std::int64_t charged = 0;
  server.model.watch(
      [&](std::string_view key, int what, double cost_us, double, double, std::int64_t times, std::int64_t) {
        if (what == 2 && times > 0) charged += static_cast<std::int64_t>(cost_us) / 100'000;
        EXPECT_TRUE(key.find("{api:k}") != key.npos) << key;
      });
  for (int i = 0; i < 20; ++i) {
    run(events.now() + 100ms);
    for (auto& p : processes) p->store.repay(events.now());
  }
  run(events.now() + 100ms);
  std::uint64_t repaid = 0;
  for (const auto& p : processes) {
    EXPECT_FALSE(p->arrears.any());
    EXPECT_GE(p->store.stats().lane.unknown, 1U);
    repaid += p->store.stats().repaid;
  }
  EXPECT_GT(charged, 0);
  EXPECT_EQ(charged, static_cast<std::int64_t>(repaid));
}

// Of two loops one has the store and pays for what the other grants: that must not grant more for it.
TEST_F(Repay, ALoopWithoutTheStoreGrantsItsShareHoweverOftenAnotherPays) {
  start(true);
  Process& p = *processes[0];
  sim::Link cut_off(events, random, server, {});
  cut_off.cut(1h);
  Fallback fallback(p.local, 2, &p.arrears);
  SharedStore without(
      cut_off, fallback,
      {.now = [this] { return events.now(); }, .chance = [] { return 0.5; }, .wake_at = [](Time) {}});
  for (int i = 0; i < 100; ++i) {
    Request r(*this, p);
    r.ask = {.key = "k", .family = &family, .quota = &quota};
    r.batch = {.asks = {&r.ask, 1}, .decisions = {&r.decision, 1}, .now = events.now()};
    without.decide(r.batch, r);
    p.store.repay(events.now());
    run(events.now() + 10ms);
  }
  EXPECT_EQ(grants.size(), 10U + 4U);  // Its share, and what came back of it in 0.99 s.
  EXPECT_EQ(p.store.stats().repaid, 14U);
}

TEST_F(Repay, WhatTheStoreNeverHeardOfIsKept) {
  start(true);
  cut(10s);
  flood(100ms);
  const auto owed = processes[0]->arrears.tokens();
  EXPECT_EQ(owed, 10);
  for (int i = 0; i < 100; ++i) {
    processes[0]->store.repay(events.now());
    run(events.now() + 10ms);
  }
  EXPECT_EQ(processes[0]->arrears.tokens(), owed);
  EXPECT_EQ(processes[0]->store.stats().repaid, 0U);
}

// Sixteen of a call, charged or not, kept a gauge of 65,536 for minutes that time had paid in a second.
TEST_F(Repay, DebtsThatTimeHasPaidDoNotWaitForCharges) {
  start(true);
  run(events.now() + 1s);
  Process& p = *processes[0];
  for (int i = 0; i < 200; ++i) {
    const std::string key = std::to_string(i);
    p.arrears.note({.key = key, .family = &family, .quota = &quota}, 1);
  }
  p.store.repay(events.now());
  EXPECT_EQ(p.arrears.tokens(), 0);
}

TEST(Arrears, AreBoundedAndTellWhatTheyForgot) {
  Arrears arrears;
  const Family family{"a"};
  const Quota quota = *Quota::parse("1/h");
  for (std::size_t i = 0; i < Arrears::kDebtsMax + 5; ++i) {
    const std::string key = std::to_string(i);
    arrears.note({.key = key, .family = &family, .quota = &quota}, 1);
  }
  EXPECT_EQ(arrears.forgotten(), 5U);
  Debt* const debt = arrears.take(family, "7");
  ASSERT_NE(debt, nullptr);
  EXPECT_EQ(arrears.take(family, "7"), nullptr);  // Somebody has it.
  arrears.note({.key = "7", .family = &family, .quota = &quota}, 1);
  const std::string id = debt->id_key;
  debt->tokens = 1;
  arrears.settled(*debt, false, Time(0s));
  ASSERT_EQ(arrears.take(family, "7"), debt);
  EXPECT_EQ(debt->id_key, id);  // Again, under the same id.
  arrears.settled(*debt, true, Time(0s));
  ASSERT_EQ(arrears.take(family, "7"), debt);  // The later one is another charge.
  EXPECT_NE(debt->id_key, id);
  arrears.settled(*debt, true, Time(0s));
  EXPECT_EQ(arrears.take(family, "7"), nullptr);
  std::size_t left = 0;
  while (Debt* const any = arrears.take_any()) {
    ++left;
    arrears.settled(*any, true, Time(0s));
  }
  EXPECT_EQ(left, Arrears::kDebtsMax - 1);
  EXPECT_FALSE(arrears.any());
  EXPECT_EQ(arrears.tokens(), 0);
}

TEST(Arrears, WhatCannotBeChargedForTooLongIsForgotten) {
  Arrears arrears;
  const Family family{"a"};
  const Quota quota = *Quota::parse("1/h");
  arrears.note({.key = "k", .family = &family, .quota = &quota}, 1);
  for (const auto at : {0min, 30min}) {
    Debt* const debt = arrears.take(family, "k");
    ASSERT_NE(debt, nullptr);
    debt->tokens = 1;
    arrears.settled(*debt, false, Time(at));
    EXPECT_TRUE(arrears.any());
  }
  arrears.settled(*arrears.take(family, "k"), false, Time(60min));
  EXPECT_FALSE(arrears.any());
  EXPECT_EQ(arrears.forgotten(), 1U);
}

}  // namespace
}  // namespace sluice::store
