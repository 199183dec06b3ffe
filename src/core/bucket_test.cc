#include "sluice/bucket.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "reference/sequences.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

Quota quota(std::string_view text) {
  auto q = Quota::parse(text);
  EXPECT_TRUE(q) << text;
  return *q;
}

struct Row {
  Duration at;
  std::int64_t cost;
  bool allowed;
  std::int64_t remaining;
  Duration retry_after;
};

void run(const Quota& q, const std::vector<Row>& rows) {
  Bucket bucket(q, Time{});
  for (const auto& row : rows) {
    const auto d = bucket.take(row.cost, Time(row.at));
    SCOPED_TRACE("at " + std::to_string(row.at.count()) + " cost " + std::to_string(row.cost));
    EXPECT_EQ(d.allowed(), row.allowed);
    EXPECT_EQ(d.remaining, row.remaining);
    EXPECT_EQ(d.retry_after, row.retry_after);
  }
}

TEST(Bucket, CapacityThreeTenPerSecond) {
  run(quota("10/s burst 3"), {
                                 //  at  cost allowed left retry_after
                                 {0ms, 2, true, 1, 0ms},
                                 {0ms, 2, false, 1, 100ms},  // One token short; a refusal takes nothing.
                                 {0ms, 1, true, 0, 0ms},
                                 {100ms, 4, false, 1, kNever},  // More than the bucket can ever hold.
                                 {100ms, 1, true, 0, 0ms},
                                 {50ms, 1, false, 0, 100ms},  // The clock stepped back: it is still 100 ms.
                                 {199ms, 1, false, 0, 1ms},
                                 {200ms, 1, true, 0, 0ms},
                                 {200ms, 0, true, 0, 0ms},
                             });
}

// A known peer admits 17 of 10 here: it lets a bucket that was idle for part of its burst fill beyond its
// capacity.
TEST(Bucket, BurstAfterPartialIdleIsTheBurst) {
  for (const auto idle : {0s, 1s, 3s, 5s, 8s, 9s, 10s, 60s}) {
    Bucket bucket(quota("60/min burst 10"), Time{});
    ASSERT_TRUE(bucket.take(1, Time{}).allowed());
    int admitted = 0;
    while (bucket.take(1, Time(idle)).allowed()) ++admitted;
    EXPECT_EQ(admitted, std::min<std::int64_t>(10, 9 + idle.count())) << idle.count() << " s";
  }
}

TEST(Bucket, ThreeTokensASecondNeverTellAClientToComeTooEarly) {
  Bucket bucket(quota("3/s burst 1"), Time{});
  ASSERT_TRUE(bucket.take(1, Time{}).allowed());
  const auto d = bucket.take(1, Time{});
  EXPECT_EQ(d.retry_after, 333'333'334ns);
  EXPECT_FALSE(bucket.take(1, Time(333'333'333ns)).allowed());
  EXPECT_TRUE(bucket.take(1, Time(333'333'334ns)).allowed());
}

TEST(Bucket, ReserveTellsTheWaitAndCancelGivesBack) {
  Bucket bucket(quota("10/s burst 2"), Time{});
  EXPECT_EQ(bucket.reserve(2, 1s, Time{}).due_after, 0ms);
  EXPECT_EQ(bucket.reserve(1, 1s, Time{}).due_after, 100ms);
  EXPECT_EQ(bucket.reserve(2, 1s, Time{}).due_after, 300ms);
  const auto late = bucket.reserve(1, 399ms, Time{});  // It would be due in 400 ms.
  EXPECT_EQ(late.outcome, Outcome::refused);
  EXPECT_EQ(late.retry_after, 1ms);
  EXPECT_EQ(bucket.reserve(3, 1h, Time{}).outcome, Outcome::never);
  bucket.refund(2, Time{});
  EXPECT_EQ(bucket.reserve(1, 1s, Time{}).due_after, 200ms);
}

TEST(Bucket, DebtIsWaitedOut) {
  Bucket bucket(quota("10/s burst 10"), Time{});
  bucket.charge(25, Time{});
  const auto d = bucket.take(1, Time{});
  EXPECT_EQ(d.retry_after, 1600ms);
  EXPECT_EQ(d.remaining, 0);
  EXPECT_FALSE(bucket.take(0, Time{}).allowed());
  EXPECT_TRUE(bucket.take(0, Time(1500ms)).allowed());
  EXPECT_TRUE(bucket.take(1, Time(1600ms)).allowed());
}

TEST(Bucket, RefundNeverGoesAboveFull) {
  for (const auto* text : {"10/s burst 10", "7/min burst 10", "10000000019/s burst 10"}) {
    Bucket bucket(quota(text), Time{});
    bucket.take(3, Time{});
    EXPECT_EQ(bucket.refund(INT64_MAX, Time{}).remaining, 10) << text;
    EXPECT_EQ(bucket.take(11, Time{}).outcome, Outcome::never);
    EXPECT_TRUE(bucket.take(10, Time{}).allowed());
  }
}

TEST(Bucket, DecidesAsOneThatCountsTokens) {
  const auto seed = reference::seed_from_environment(1);
  const int rounds = reference::rounds_from_environment(3000);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed + static_cast<std::uint64_t>(round)));
    reference::Random random(seed + static_cast<std::uint64_t>(round));
    const auto spec = reference::random_quota(random);
    const std::int64_t start = random() % 2 == 0 ? 0 : reference::any_size(random, INT64_MAX / 4);
    Bucket bucket(*Quota::make(spec), Time(Duration(start)));
    reference::compare(random, spec, 200, start, [&](Op op, std::int64_t amount, std::int64_t ns) {
      const Time now{Duration(ns)};
      switch (op) {
        case Op::take:
          return bucket.take(amount, now);
        case Op::peek:
          return bucket.peek(amount, now);
        case Op::take_up_to:
          return bucket.take_up_to(amount, now);
        case Op::charge:
          return bucket.charge(amount, now);
        case Op::refund:
          return bucket.refund(amount, now);
        case Op::reset:
          return bucket.reset(now);
        case Op::reserve:
          break;
      }
      return bucket.reserve(amount, Duration{0}, now);
    });
    if (HasFatalFailure()) return;
  }
}

TEST(Bucket, OddQuotasExhaustively) {
  for (const auto& spec : reference::odd_quotas()) {
    reference::Random random(99);
    Bucket bucket(*Quota::make(spec), Time{});
    reference::compare(random, spec, 2000, 0, [&](Op op, std::int64_t amount, std::int64_t ns) {
      const Time now{Duration(ns)};
      return op == Op::take     ? bucket.take(amount, now)
             : op == Op::peek   ? bucket.peek(amount, now)
             : op == Op::refund ? bucket.refund(amount, now)
             : op == Op::charge ? bucket.charge(amount, now)
             : op == Op::reset  ? bucket.reset(now)
                                : bucket.take_up_to(amount, now);
    });
    if (HasFatalFailure()) return;
  }
}

TEST(Bucket, ThreadsTogetherGetExactlyTheCapacity) {
  for (const auto* text : {"1/day burst 30000", "7/week burst 30000"}) {
    Bucket bucket(quota(text), Time{});
    std::atomic<int> admitted = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 10'000; ++i) admitted += bucket.take(1, Time(Duration(i))).allowed() ? 1 : 0;
      });
    for (auto& t : threads) t.join();
    EXPECT_EQ(admitted, 30'000) << text;
  }
}

}  // namespace
}  // namespace sluice
