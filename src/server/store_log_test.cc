#include "server/store_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::server {
namespace {

using namespace std::chrono_literals;

class StoreLogTest : public testing::Test {
 protected:
  std::vector<std::string> lines() { return std::exchange(lines_, {}); }
  std::vector<std::string> lines_;
  StoreLog log_{"redis://h", [this](Level, std::string_view line) { lines_.emplace_back(line); }};
  Time now_ = Clock::now();
};

TEST_F(StoreLogTest, TellsUpsAndDowns) {
  log_.up("h:1");
  log_.down("it went", now_);
  log_.up("h:1");
  EXPECT_EQ(lines(), (std::vector<std::string>{
                         "store: connected to redis://h at h:1",
                         "store: redis://h: it went; until it is back, each limit's on_store_failure decides",
                         "store: connected to redis://h at h:1",
                     }));
}

TEST_F(StoreLogTest, AStoreThatFlapsTakesFewLines) {
  log_.up("h:1");
  for (int i = 0; i < 1000; ++i) {
    log_.down("it went", now_);
    log_.up("h:1");
    log_.look(now_);
  }
  EXPECT_EQ(lines().size(), 1 + 4 * 2);
  now_ += 60s;
  log_.down("it went", now_);
  EXPECT_EQ(lines(), std::vector<std::string>{
                         "store: redis://h: it went; until it is back, each limit's on_store_failure decides "
                         "(and 996 other failures since the last such line)"});
}

TEST_F(StoreLogTest, ADownThatLastsIsToldInTheEnd) {
  log_.up("h:1");
  for (int i = 0; i < 5; ++i) {
    log_.down("it went", now_);
    if (i < 4) log_.up("h:1");
  }
  lines();
  log_.look(now_ + 59s);
  EXPECT_TRUE(lines().empty());
  log_.look(now_ + 60s);
  log_.look(now_ + 200s);
  EXPECT_EQ(lines().size(), 1);
}

TEST_F(StoreLogTest, WhatIsDecidedWithoutItIsToldOnceAMinute) {
  for (int i = 0; i < 150; ++i) log_.decided_without(i % 2 == 0 ? 10 : 0, now_ + i * 1s);
  EXPECT_EQ(lines(), (std::vector<std::string>{
                         "store: redis://h: 310 requests were decided without it in the last minute",
                         "store: redis://h: 310 requests were decided without it in the last minute",
                     }));
  for (int i = 150; i < 400; ++i) log_.decided_without(0, now_ + i * 1s);
  EXPECT_EQ(lines().size(), 1u);  // The rest.
}

TEST_F(StoreLogTest, FailedCallsAreToldOnceAMinute) {
  for (int i = 0; i < 100; ++i) log_.trouble("OOM", now_);
  EXPECT_EQ(lines(), std::vector<std::string>{"store: redis://h: OOM"});
  log_.trouble("OOM", now_ + 61s);
  EXPECT_EQ(lines(), std::vector<std::string>{
                         "store: redis://h: OOM (and 99 other failed calls since the last such line)"});
}

}  // namespace
}  // namespace sluice::server
