#include "net/wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace sluice::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTick = milliseconds(100);
Time at(Duration d) { return Time(d); }

struct Node : WheelNode {
  int id = 0;
};

TEST(Wheel, LooksAtItsTimeAndNotBefore) {
  Wheel wheel(kTick, at(seconds(1)));
  Node node;
  wheel.put(node, at(milliseconds(1501)));
  int looks = 0;
  const auto look = [&](WheelNode&) { ++looks; };
  wheel.advance(at(milliseconds(1599)), look);
  EXPECT_EQ(looks, 0);
  wheel.advance(at(milliseconds(1600)), look);
  EXPECT_EQ(looks, 1);
  wheel.advance(at(seconds(100)), look);
  EXPECT_EQ(looks, 1) << "looked at once, then out of the wheel";
}

TEST(Wheel, AnEarlierTimeWinsALaterOneDoesNot) {
  Wheel wheel(kTick, at(seconds(0)));
  Node node;
  wheel.put(node, at(seconds(5)));
  wheel.by(node, at(seconds(9)));
  wheel.by(node, at(seconds(2)));
  Time seen{};
  for (int i = 0; i < 100; ++i) wheel.advance(at(kTick * i), [&](WheelNode&) { seen = at(kTick * i); });
  EXPECT_EQ(seen, at(seconds(2)));
}

TEST(Wheel, FarTimesAreLookedAtByTheHorizonAndALongSleepLosesNone) {
  Wheel wheel(kTick, at(seconds(0)));
  Node far;
  wheel.put(far, Time::max());
  int looks = 0;
  wheel.advance(at(kTick * 511), [&](WheelNode& n) { ++looks, wheel.put(n, Time::max()); });
  EXPECT_EQ(looks, 1);
  wheel.advance(at(seconds(1'000'000)), [&](WheelNode&) { ++looks; });
  EXPECT_EQ(looks, 2);
}

// Against the obvious: every node is looked at in the first tick at or after its time, whatever is moved and
// destroyed in between.
TEST(Wheel, AgreesWithAListOfTimes) {
  std::mt19937 random(20261124);
  Wheel wheel(kTick, at(seconds(0)));
  std::vector<std::unique_ptr<Node>> nodes(200);
  std::vector<std::int64_t> due(nodes.size(), -1);
  std::int64_t looks = 0;
  for (std::int64_t tick = 1; tick < 3000; ++tick) {
    for (int i = 0; i < 5; ++i) {
      const auto k = random() % nodes.size();
      if (random() % 8 == 0) {
        nodes[k].reset();
        due[k] = -1;
        continue;
      }
      const std::int64_t want = tick + static_cast<std::int64_t>(random() % 400);
      if (!nodes[k]) nodes[k] = std::make_unique<Node>(), nodes[k]->id = static_cast<int>(k);
      if (due[k] < 0)
        wheel.put(*nodes[k], at(kTick * want)), due[k] = want;
      else
        wheel.by(*nodes[k], at(kTick * want)), due[k] = std::min(due[k], want);
    }
    wheel.advance(at(kTick * tick), [&](WheelNode& n) {
      const auto k = static_cast<std::size_t>(static_cast<Node&>(n).id);
      ASSERT_EQ(due[k], tick);
      due[k] = -1;
      ++looks;
    });
    for (const auto d : due) ASSERT_TRUE(d < 0 || d > tick);
  }
  EXPECT_GT(looks, 1000);
}

TEST(Wheel, EachVisitsAllOnceThoughTheyVanish) {
  Wheel wheel(kTick, at(seconds(0)));
  std::vector<Node*> nodes;
  for (int i = 0; i < 50; ++i) {
    nodes.push_back(new Node);
    wheel.put(*nodes.back(), at(seconds(i)));
  }
  int visits = 0;
  wheel.each([&](WheelNode& n) {
    ++visits;
    if (visits % 2 == 0) delete static_cast<Node*>(&n);
  });
  EXPECT_EQ(visits, 50);
  visits = 0;
  wheel.each([&](WheelNode& n) { ++visits, delete static_cast<Node*>(&n); });
  EXPECT_EQ(visits, 25);
}

}  // namespace
}  // namespace sluice::net
