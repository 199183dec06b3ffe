#include "sluice/wait.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace sluice {
namespace {

using namespace std::chrono_literals;

Quota quota(std::string_view text) { return *Quota::parse(text); }

// Real time passes here; nothing is asserted about how late a thread wakes, only that none is early.

TEST(Wait, ReturnsAtOnceWhileThereAreTokens) {
  Bucket bucket(quota("1/day burst 3"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(wait_for(bucket, 1, 0ns).due_after, 0ns);
  EXPECT_FALSE(wait_for(bucket, 1, 0ns).allowed());
  EXPECT_EQ(wait_for(bucket, 4).outcome, Outcome::never);
  EXPECT_FALSE(wait_until(bucket, 1, Time::min()).allowed());
}

TEST(Wait, SleepsUntilTheTokensAreDue) {
  Bucket bucket(quota("20/s burst 1"));
  const Time start = Clock::now();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(wait_for(bucket, 1, 60s).allowed());
  EXPECT_GE(Clock::now() - start, 149ms);  // Three tokens, 50 ms each, less what passed before `start`.
}

TEST(Wait, RefusesAtOnceWhatWouldBeLate) {
  Bucket bucket(quota("1/h burst 1"));
  ASSERT_TRUE(bucket.take(1).allowed());
  const auto refused = wait_for(bucket, 1, 59min);
  EXPECT_EQ(refused.outcome, Outcome::refused);
  EXPECT_GT(refused.retry_after, 0s);
  EXPECT_LE(bucket.peek(1).retry_after, 1h) << "it took nothing";
}

TEST(Wait, CancelGivesBack) {
  Bucket bucket(quota("1/h burst 1"));
  ASSERT_TRUE(bucket.take(1).allowed());
  std::stop_source stop;
  auto answer = std::async(std::launch::async, [&] { return wait_for(bucket, 1, 2h, stop.get_token()); });
  while (bucket.peek(1).retry_after < 90min)
    std::this_thread::yield();  // It has reserved, and sleeps or will.
  stop.request_stop();
  const auto d = answer.get();
  EXPECT_EQ(d.outcome, Outcome::refused);
  EXPECT_EQ(d.granted, 0);
  EXPECT_LE(bucket.peek(1).retry_after, 1h);
  EXPECT_FALSE(wait_for(bucket, 1, 2h, stop.get_token()).allowed()) << "stopped before";
  EXPECT_LE(bucket.peek(1).retry_after, 1h);
}

TEST(Wait, ForAKey) {
  auto limiter = std::move(*KeyedLimiter::make({"20/s burst 1", "1000/h"}));
  const Time start = Clock::now();
  ASSERT_TRUE(wait_for(limiter, "a", 1).allowed());
  ASSERT_TRUE(wait_for(limiter, 1, 1).allowed());
  EXPECT_GT(wait_for(limiter, "a", 1).due_after, 0ns);
  EXPECT_GE(Clock::now() - start, 49ms);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(wait_for(limiter, "a", 1, 1h, stop.get_token()).allowed());
}

TEST(Wait, NoMoreThanTheQuotaWhoeverWaits) {
  Bucket bucket(quota("200/s burst 5"));
  const Time start = Clock::now();
  std::atomic<int> served = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      while (Clock::now() - start < 200ms) {
        if (!wait_for(bucket, 1, 50ms).allowed()) continue;
        ++served;
      }
    });
  for (auto& t : threads) t.join();
  const auto passed = Clock::now() - start;
  EXPECT_LE(served, 5 + 1 + passed / 5ms);
  EXPECT_GE(served, 5);
}

}  // namespace
}  // namespace sluice
