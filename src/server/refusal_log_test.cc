#include "server/refusal_log.h"

#include <gtest/gtest.h>

#include "observe/metrics.h"
#include "server/config.h"

namespace sluice::server {
namespace {

using namespace std::chrono_literals;
using observe::RefusalSampler;
using observe::RefusalSampling;

TEST(RefusalWish, IsReadAndWrittenBack) {
  const Setting* const setting = find_setting("log-refusals");
  ASSERT_NE(setting, nullptr);
  for (const char* text : {"0", "0.01", "1", "1/s", "20/s", "1000/s"}) {
    Config config;
    ASSERT_TRUE(setting->set(config, text)) << text;
    EXPECT_EQ(setting->get(config), text);
  }
  for (const char* text : {"", "2", "-1", "0/s", "1001/s", "10/min", "/s", "1%", "0.01/s"}) {
    Config config;
    EXPECT_FALSE(setting->set(config, text)) << text;
  }
}

class RefusalSamplerTest : public testing::Test {
 protected:
  int picked(int refusals) {
    int n = 0;
    for (int i = 0; i < refusals; ++i)
      if (const auto unlogged = sampler_.pick()) {
        ++n;
        told_ += 1 + *unlogged;
      }
    return n;
  }
  RefusalSampling sampling_;
  RefusalSampler sampler_{sampling_};
  Time now_ = Clock::now();
  std::uint64_t told_ = 0;  // Refusals that lines told of or counted.
};

TEST_F(RefusalSamplerTest, NoneUnlessWished) { EXPECT_EQ(picked(1000), 0); }

TEST_F(RefusalSamplerTest, SoManyASecond) {
  sampling_.set({.per_second = 10});
  now_ = std::max(now_, Clock::now());
  sampler_.at(now_);
  EXPECT_EQ(picked(1000), 10);
  sampler_.at(now_ + 500ms);
  EXPECT_EQ(picked(1000), 5);
  sampler_.at(now_ + 500ms);
  EXPECT_EQ(picked(1000), 0);
  sampler_.at(now_ + 1600ms);
  EXPECT_EQ(picked(1), 1);
  EXPECT_EQ(told_, 3001);
}

TEST_F(RefusalSamplerTest, APartOfAll) {
  sampling_.set({.millionths = 10'000});
  int n = 0;
  for (int second = 0; second < 10; ++second) {
    sampler_.at(now_ += 2s);
    n += picked(10'000);
  }
  EXPECT_GT(n, 800);  // 1000, give or take six deviations of 31.
  EXPECT_LT(n, 1200);
  EXPECT_LE(told_, 100'000);
}

TEST_F(RefusalSamplerTest, NeverMoreThanTheMost) {
  sampling_.set({.millionths = 1'000'000});
  sampler_.at(std::max(now_, Clock::now()));
  EXPECT_EQ(picked(100'000), observe::kRefusalsPerSecondMax);
}

TEST_F(RefusalSamplerTest, AWishIsTakenOverAtOnce) {
  sampling_.set({.per_second = 1});
  sampler_.at(now_ = std::max(now_, Clock::now()));
  EXPECT_EQ(picked(10), 1);
  sampling_.set({.per_second = 5});
  sampler_.at(now_ = std::max(now_, Clock::now()));
  EXPECT_EQ(picked(10), 5);
  sampling_.set({});
  EXPECT_EQ(picked(10), 0);
}

TEST(DoorMetrics, TellsWhoWasRefused) {
  struct Teller final : observe::RefusalTeller {
    void tell(const observe::Refusal& r, std::string_view door, std::string_view client,
              std::uint64_t unlogged) override {
      text = std::string(r.limit) + " " + std::string(door) + " " + std::string(client) + " " +
             std::to_string(unlogged);
    }
    std::string text;
  } teller;
  observe::Metrics metrics(10, false, &teller);
  metrics.tell_refusals({.millionths = 1'000'000});
  auto& door = metrics.door("resp");
  door.serving("1.2.3.4:5", Clock::now());
  const auto unlogged = door.refusal_sampler()->pick();
  ASSERT_TRUE(unlogged);
  const auto quota = *Quota::parse("1/s");
  door.refused(
      {.limit = "api", .quota = &quota, .index = 0, .key = "k", .cost = 1, .decision = {}, .shadow = false},
      *unlogged);
  EXPECT_EQ(teller.text, "api resp 1.2.3.4:5 0");
  EXPECT_EQ(observe::Metrics().door("resp").refusal_sampler(), nullptr);
}

}  // namespace
}  // namespace sluice::server
