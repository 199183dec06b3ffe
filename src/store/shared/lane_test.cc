// A lane over a node whose replies the test gives by hand.
#include "store/shared/lane.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice::store {
namespace {

using std::chrono::milliseconds;

struct Hand final : redis::Node {
  bool up() const override { return true; }
  void send(std::string_view command, redis::Caller& caller) override {
    callers.push_back(&caller);
    commands.emplace_back(command);
  }
  void reply_error(std::string_view text) {
    redis::Caller* caller = callers.front();
    callers.erase(callers.begin());
    const redis::Element element{.kind = redis::Element::Kind::error, .text = text};
    caller->replied({&element, 1});
  }
  /// The oldest call's: the bucket was full.
  void reply() {
    redis::Caller* caller = callers.front();
    callers.erase(callers.begin());
    const redis::Element elements[] = {
        {.kind = redis::Element::Kind::array, .integer = 2},
        {},
        {.kind = redis::Element::Kind::integer, .integer = 1'800'000'000'000'000}};
    caller->replied(elements);
  }
  std::vector<redis::Caller*> callers;
  std::vector<std::string> commands;
};

class LaneTest : public testing::Test, private Lane::Owner {
 protected:
  void ask() {
    lane.ask({asks, decisions, nullptr}, {.deadline = now_ + kDeadline}, now_);
    lane.flush(now_);
  }
  void pass(milliseconds time) {
    now_ += time;
    lane.wake(now_);
  }
  /// One bucket under two quotas' ticks, which no call takes.
  void ask_in_vain() {
    std::array<Ask, 2> both{asks[0], asks[0]};
    both[0].with_next = true;
    both[1].quota = &other;
    std::array<Decision, 2> two;
    lane.ask({both, two, nullptr}, {.deadline = now_ + kDeadline}, now_);
  }
  Lane bounded(std::size_t asks_max) {
    return {node, {.deadline = kDeadline, .asks_max = asks_max}, common, *this};
  }
  void open() {
    for (int i = 0; i < 3; ++i) {
      ask();
      pass(kDeadline);
      while (!node.callers.empty()) node.reply();
    }
  }

  static constexpr milliseconds kDeadline{20};
  const Family family{"f"};
  const Quota quota = *Quota::parse("1/s burst 9"), other = *Quota::parse("7/min");
  std::array<Ask, 1> asks{Ask{.key = "k", .family = &family, .quota = &quota}};
  std::array<Decision, 1> decisions;
  Hand node;
  Time now_{std::chrono::hours(1)};
  int answers = 0, without = 0, asked_again = 0;
  Lane::Common common{1};
  Lane lane{node, {.deadline = kDeadline}, common, *this};

 private:
  void answered(const Call&, Time, std::uint64_t) override { ++answers; }
  void given_up(const Chain&, redis::Loss) override { ++without; }
  void again(std::span<Chain>, const Lane::Errand&, Lane::Again) override { ++asked_again; }
  void trouble(std::string_view) override {}
  Time now() override { return now_; }
  double chance() override { return 1; }
};

// A late reply used to close the breaker: a node that was always late was asked by everyone, each time in
// vain.
TEST_F(LaneTest, ANodeThatIsAlwaysLateOpensTheBreaker) {
  open();
  EXPECT_EQ(lane.breaker(), Breaker::State::open);
  EXPECT_EQ(lane.stats().unknown, 3);
  ask();
  EXPECT_EQ(without, 4);
  EXPECT_TRUE(node.callers.empty());
  pass(milliseconds(50));
  ask();
  node.reply();
  EXPECT_EQ(lane.breaker(), Breaker::State::closed);
  EXPECT_EQ(answers, 1);
}

TEST_F(LaneTest, AsksThatWaitAreBounded) {
  Lane two = bounded(2);
  const auto ask_two = [&] { two.ask({asks, decisions, nullptr}, {.deadline = now_ + kDeadline}, now_); };
  ask_two();
  two.flush(now_);
  ask_two();
  EXPECT_EQ(without, 0);
  ask_two();
  EXPECT_EQ(without, 1);
  node.reply();  // One place is free.
  ask_two();
  EXPECT_EQ(without, 1);
  ask_two();
  EXPECT_EQ(without, 2);
  two.flush(now_);
  while (!node.callers.empty()) node.reply();
}

// Such an ask used to be the probe that never came back, and the breaker stayed as it was for good.
TEST_F(LaneTest, AnAskThatNoCallTakesIsNoProbe) {
  open();
  pass(milliseconds(50));
  EXPECT_TRUE(lane.wants_probe(now_));
  ask_in_vain();
  EXPECT_TRUE(lane.wants_probe(now_));
  ask();
  node.reply();
  EXPECT_EQ(lane.breaker(), Breaker::State::closed);
}

// Each call that found no script used to bring it: as many times seven kilobytes as calls were under way.
TEST_F(LaneTest, OneCallBringsTheScriptForAllBehindIt) {
  ask();
  ask();
  node.reply_error("NOSCRIPT No matching script.");
  node.reply_error("NOSCRIPT No matching script.");
  ASSERT_EQ(node.commands.size(), 4u);
  EXPECT_NE(node.commands[2].find("\r\nEVAL\r\n"), std::string::npos);
  EXPECT_NE(node.commands[3].find("\r\nEVALSHA\r\n"), std::string::npos);
  node.reply();
  node.reply_error("NOSCRIPT No matching script.");  // It went elsewhere: now it brings its own.
  ASSERT_EQ(node.commands.size(), 5u);
  EXPECT_NE(node.commands[4].find("\r\nEVAL\r\n"), std::string::npos);
  node.reply();
  EXPECT_EQ(answers, 2);
  EXPECT_EQ(without, 0);
}

// A server that sends one elsewhere is well: else its breaker would wait for that probe for good.
TEST_F(LaneTest, AProbeThatIsSentElsewhereHasSucceeded) {
  open();
  pass(milliseconds(50));
  ask();
  node.reply_error("MOVED 1 127.0.0.1:7001");
  EXPECT_EQ(asked_again, 1);
  EXPECT_EQ(lane.breaker(), Breaker::State::closed);
}

}  // namespace
}  // namespace sluice::store
