// The C interface under the sanitizers; tests/c_abi has it from C, Python, Node and Go.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "sluice.h"

namespace {

constexpr int64_t kSecond = 1'000'000'000;

sluice_quota quota(const char* text) {
  sluice_quota q{};
  EXPECT_EQ(sluice_quota_parse(text, &q, nullptr), SLUICE_OK) << text;
  return q;
}

struct Limiter {
  explicit Limiter(std::vector<sluice_quota> quotas) {
    EXPECT_EQ(sluice_limiter_new(quotas.data(), quotas.size(), nullptr, &handle, nullptr), SLUICE_OK);
  }
  ~Limiter() { sluice_limiter_free(handle); }
  sluice_decision take(const char* key, int64_t cost, int64_t now) {
    sluice_decision d{};
    EXPECT_EQ(sluice_limiter_take(handle, key, std::strlen(key), cost, now, &d), SLUICE_OK);
    return d;
  }
  sluice_limiter* handle = nullptr;
};

TEST(CAbi, QuotasAreReadCheckedAndWritten) {
  const auto q = quota("600/min burst 50");
  EXPECT_EQ(q.capacity, 50);
  EXPECT_EQ(q.tokens, 600);
  EXPECT_EQ(q.period_ns, 60 * kSecond);
  char text[32];
  size_t needed = 0;
  EXPECT_EQ(sluice_quota_text(&q, text, sizeof text, &needed), SLUICE_OK);
  EXPECT_STREQ(text, "600/min burst 50");
  EXPECT_EQ(needed, sizeof "600/min burst 50");
  EXPECT_EQ(sluice_quota_text(&q, text, needed, nullptr), SLUICE_OK);
  EXPECT_EQ(sluice_quota_text(&q, text, needed - 1, &needed), SLUICE_OUT_OF_RANGE);
  EXPECT_STREQ(text, "600/min burst 5");
  EXPECT_EQ(sluice_quota_text(&q, nullptr, 0, &needed), SLUICE_OUT_OF_RANGE);
  EXPECT_EQ(needed, sizeof "600/min burst 50");
}

TEST(CAbi, AnErrorSaysTheMendAndChangesNothing) {
  sluice_quota q{1, 2, 3};
  sluice_error e{};
  EXPECT_EQ(sluice_quota_parse("10/fortnight", &q, &e), SLUICE_INVALID_ARGUMENT);
  EXPECT_EQ(e.code, SLUICE_INVALID_ARGUMENT);
  EXPECT_NE(std::string(e.message).find("unknown period 'fortnight': use ns"), std::string::npos)
      << e.message;
  EXPECT_EQ(q.period_ns, 3);
  const sluice_quota bad{0, 1, 1};
  EXPECT_EQ(sluice_quota_check(&bad, &e), SLUICE_INVALID_ARGUMENT);
  EXPECT_NE(e.message[0], '\0');
  auto* limiter = reinterpret_cast<sluice_limiter*>(8);
  const sluice_quota one[] = {quota("1/s"), bad};
  EXPECT_NE(sluice_limiter_new(one, 2, nullptr, &limiter, &e), SLUICE_OK);
  EXPECT_EQ(limiter, reinterpret_cast<sluice_limiter*>(8));
  EXPECT_EQ(sluice_limiter_new(one, 0, nullptr, &limiter, &e), SLUICE_INVALID_ARGUMENT);
  const std::vector<sluice_quota> many(33, quota("1/s"));
  EXPECT_EQ(sluice_limiter_new(many.data(), many.size(), nullptr, &limiter, &e), SLUICE_OUT_OF_RANGE);
  EXPECT_EQ(sluice_limiter_new(many.data(), SIZE_MAX, nullptr, &limiter, &e), SLUICE_OUT_OF_RANGE);
  // A message longer than its room is cut between two characters.
  const std::string longest = "1/" + std::string(600, 'x');
  EXPECT_NE(sluice_quota_parse(longest.c_str(), &q, &e), SLUICE_OK);
  EXPECT_LT(std::strlen(e.message), sizeof e.message);
}

TEST(CAbi, EveryCodeHasASentence) {
  for (sluice_code code = SLUICE_OK; code <= SLUICE_OUT_OF_MEMORY; ++code)
    EXPECT_NE(*sluice_code_text(code), '\0');
  EXPECT_STREQ(sluice_code_text(99), sluice_code_text(-1));
}

TEST(CAbi, WhatIsNullIsAnError) {
  const auto q = quota("1/s");
  sluice_decision d{};
  sluice_bucket* b = nullptr;
  sluice_stop* stop = nullptr;
  uint64_t hold = 0;
  Limiter l({q});
  const sluice_request request{nullptr, 3, 1};
  const sluice_code codes[] = {
      sluice_quota_parse(nullptr, nullptr, nullptr),
      sluice_quota_parse("1/s", nullptr, nullptr),
      sluice_quota_check(nullptr, nullptr),
      sluice_quota_text(nullptr, nullptr, 0, nullptr),
      sluice_quota_text(&q, nullptr, 9, nullptr),
      sluice_stop_new(nullptr),
      sluice_stop_request(nullptr),
      sluice_bucket_new(nullptr, 0, &b, nullptr),
      sluice_bucket_new(&q, 0, nullptr, nullptr),
      sluice_bucket_take(nullptr, 1, 0, &d),
      sluice_bucket_peek(nullptr, 1, 0, &d),
      sluice_bucket_take_up_to(nullptr, 1, 0, &d),
      sluice_bucket_reserve(nullptr, 1, 0, 0, &d),
      sluice_bucket_charge(nullptr, 1, 0, nullptr),
      sluice_bucket_refund(nullptr, 1, 0, nullptr),
      sluice_bucket_reset(nullptr, 0, nullptr),
      sluice_bucket_wait(nullptr, 1, 0, nullptr, &d),
      sluice_limiter_new(nullptr, 1, nullptr, &l.handle, nullptr),
      sluice_limiter_new(&q, 1, nullptr, nullptr, nullptr),
      sluice_limiter_take(nullptr, "", 0, 1, 0, &d),
      sluice_limiter_take(l.handle, nullptr, 1, 1, 0, &d),
      sluice_limiter_take(l.handle, "", 0, 1, 0, nullptr),
      sluice_limiter_peek(nullptr, "", 0, 1, 0, &d),
      sluice_limiter_take_up_to(nullptr, "", 0, 1, 0, &d),
      sluice_limiter_reserve(nullptr, "", 0, 1, 0, 0, &d),
      sluice_limiter_charge(nullptr, "", 0, 1, 0, nullptr),
      sluice_limiter_refund(nullptr, "", 0, 1, 0, nullptr),
      sluice_limiter_reset(nullptr, "", 0, 0, nullptr),
      sluice_limiter_wait(nullptr, "", 0, 1, 0, nullptr, &d),
      sluice_limiter_take_many(nullptr, nullptr, 0, 0, nullptr),
      sluice_limiter_take_many(l.handle, nullptr, 1, 0, &d),
      sluice_limiter_take_many(l.handle, &request, 1, 0, nullptr),
      sluice_limiter_take_many(l.handle, &request, 1, 0, &d),
      sluice_limiter_hold(nullptr, "", 0, 1, 0, 0, &hold, &d, nullptr),
      sluice_limiter_hold(l.handle, nullptr, 1, 1, 0, 0, &hold, &d, nullptr),
      sluice_limiter_hold(l.handle, "", 0, 1, 0, 0, nullptr, &d, nullptr),
      sluice_limiter_hold(l.handle, "", 0, 1, 0, 0, &hold, nullptr, nullptr),
      sluice_limiter_settle(nullptr, 0, 0, 0, nullptr, nullptr),
      sluice_limiter_maintain(nullptr, 0),
      sluice_limiter_get_stats(nullptr, nullptr),
      sluice_limiter_get_stats(l.handle, nullptr),
  };
  for (size_t i = 0; i < std::size(codes); ++i) EXPECT_EQ(codes[i], SLUICE_INVALID_ARGUMENT) << i;
  EXPECT_EQ(l.take("", 0, 0).remaining, 1) << "none of them took anything";
  sluice_bucket_free(nullptr);
  sluice_limiter_free(nullptr);
  sluice_stop_free(stop);
}

TEST(CAbi, NegativeNumbersAreErrors) {
  const auto q = quota("1/s");
  sluice_decision d{};
  sluice_bucket* b = nullptr;
  ASSERT_EQ(sluice_bucket_new(&q, 0, &b, nullptr), SLUICE_OK);
  Limiter l({q});
  uint64_t hold = 0;
  const sluice_request request{"a", 1, -1};
  EXPECT_EQ(sluice_bucket_take(b, -1, 0, &d), SLUICE_INVALID_ARGUMENT);
  EXPECT_EQ(sluice_bucket_refund(b, INT64_MIN, 0, nullptr), SLUICE_INVALID_ARGUMENT);
  EXPECT_EQ(sluice_bucket_reserve(b, 1, -1, 0, &d), SLUICE_INVALID_ARGUMENT);
  EXPECT_EQ(sluice_limiter_take_many(l.handle, &request, 1, 0, &d), SLUICE_INVALID_ARGUMENT);
  EXPECT_EQ(sluice_limiter_hold(l.handle, "a", 1, -1, 0, 0, &hold, &d, nullptr), SLUICE_INVALID_ARGUMENT);
  EXPECT_EQ(sluice_limiter_hold(l.handle, "a", 1, 1, -1, 0, &hold, &d, nullptr), SLUICE_INVALID_ARGUMENT);
  sluice_limiter_options options{sizeof options, UINT64_MAX, 0};
  sluice_limiter* none = nullptr;
  sluice_error e{};
  const auto code = sluice_limiter_new(&q, 1, &options, &none, &e);
  if (code == SLUICE_OK) sluice_limiter_free(none);  // Memory is taken as keys come: any bound may be good.
  options.size = 4;
  EXPECT_EQ(sluice_limiter_new(&q, 1, &options, &none, &e), SLUICE_INVALID_ARGUMENT);
  sluice_bucket_free(b);
}

TEST(CAbi, ABucketDecidesAsInCpp) {
  const auto q = quota("10/s burst 3");
  sluice_bucket* b = nullptr;
  ASSERT_EQ(sluice_bucket_new(&q, 0, &b, nullptr), SLUICE_OK);
  sluice_decision d{};
  ASSERT_EQ(sluice_bucket_take(b, 3, 0, &d), SLUICE_OK);
  EXPECT_EQ(d.outcome, SLUICE_ALLOWED);
  EXPECT_EQ(d.granted, 3);
  EXPECT_EQ(d.capacity, 3);
  ASSERT_EQ(sluice_bucket_take(b, 1, kSecond / 20, &d), SLUICE_OK);
  EXPECT_EQ(d.outcome, SLUICE_REFUSED);
  EXPECT_EQ(d.retry_after_ns, kSecond / 20);
  ASSERT_EQ(sluice_bucket_take(b, 4, kSecond / 20, &d), SLUICE_OK);
  EXPECT_EQ(d.outcome, SLUICE_NEVER_ALLOWED);
  EXPECT_EQ(d.retry_after_ns, SLUICE_NEVER);
  ASSERT_EQ(sluice_bucket_take_up_to(b, 5, kSecond / 5, &d), SLUICE_OK);
  EXPECT_EQ(d.granted, 2);
  ASSERT_EQ(sluice_bucket_reserve(b, 2, kSecond, kSecond / 5, &d), SLUICE_OK);
  EXPECT_EQ(d.due_after_ns, kSecond / 5);
  ASSERT_EQ(sluice_bucket_refund(b, 2, kSecond / 5, nullptr), SLUICE_OK);
  ASSERT_EQ(sluice_bucket_charge(b, 4, kSecond / 5, &d), SLUICE_OK);
  ASSERT_EQ(sluice_bucket_peek(b, 1, kSecond / 5, &d), SLUICE_OK);
  EXPECT_EQ(d.retry_after_ns, kSecond / 2);
  ASSERT_EQ(sluice_bucket_reset(b, kSecond / 5, &d), SLUICE_OK);
  EXPECT_EQ(d.remaining, 3);
  sluice_bucket_free(b);
}

TEST(CAbi, ManyAtOnceAreOneAfterTheOther) {
  Limiter l({quota("1/h burst 70")});
  std::vector<sluice_request> requests(200, {"same", 4, 1});
  requests[7] = {nullptr, 0, 5};
  std::vector<sluice_decision> decisions(requests.size());
  ASSERT_EQ(sluice_limiter_take_many(l.handle, requests.data(), requests.size(), 0, decisions.data()),
            SLUICE_OK);
  for (size_t i = 0; i < requests.size(); ++i)
    EXPECT_EQ(decisions[i].outcome, i == 7 || i < 71 ? SLUICE_ALLOWED : SLUICE_REFUSED) << i;
  EXPECT_EQ(decisions[7].remaining, 65);
  EXPECT_EQ(sluice_limiter_take_many(l.handle, nullptr, 0, 0, nullptr), SLUICE_OK);
}

TEST(CAbi, SeveralQuotasHoldsAndStatistics) {
  Limiter l({quota("5/s burst 10"), quota("12/h")});
  EXPECT_EQ(l.take("alice", 8, 0).remaining, 2);
  EXPECT_EQ(l.take("alice", 3, kSecond).outcome, SLUICE_ALLOWED);
  const auto refused = l.take("alice", 2, kSecond);
  EXPECT_EQ(refused.outcome, SLUICE_REFUSED);
  EXPECT_EQ(refused.capacity, 12);
  uint64_t hold = 0;
  sluice_decision d{};
  sluice_error e{};
  ASSERT_EQ(sluice_limiter_hold(l.handle, "bob", 3, 6, kSecond, 0, &hold, &d, &e), SLUICE_OK);
  EXPECT_EQ(d.outcome, SLUICE_ALLOWED);
  sluice_limiter_stats stats{};
  ASSERT_EQ(sluice_limiter_get_stats(l.handle, &stats), SLUICE_OK);
  EXPECT_EQ(stats.holds, 1u);
  EXPECT_EQ(sluice_limiter_settle(l.handle, hold, -1, 0, nullptr, &e), SLUICE_INVALID_ARGUMENT);
  ASSERT_EQ(sluice_limiter_settle(l.handle, hold, 2, 0, &d, &e), SLUICE_OK);
  EXPECT_EQ(d.remaining, 8);
  EXPECT_EQ(sluice_limiter_settle(l.handle, hold, 2, 0, nullptr, &e), SLUICE_NOT_FOUND);
  EXPECT_NE(std::string(e.message).find("settled"), std::string::npos);
  EXPECT_EQ(sluice_limiter_maintain(l.handle, SLUICE_NOW), SLUICE_OK);
}

TEST(CAbi, AWaitIsServedRefusedOrStopped) {
  const auto q = quota("1/h burst 1");
  sluice_bucket* b = nullptr;
  ASSERT_EQ(sluice_bucket_new(&q, SLUICE_NOW, &b, nullptr), SLUICE_OK);
  sluice_decision d{};
  ASSERT_EQ(sluice_bucket_wait(b, 1, 0, nullptr, &d), SLUICE_OK);
  EXPECT_EQ(d.outcome, SLUICE_ALLOWED);
  ASSERT_EQ(sluice_bucket_wait(b, 1, kSecond, nullptr, &d), SLUICE_OK);
  EXPECT_EQ(d.outcome, SLUICE_REFUSED);
  sluice_stop* stop = nullptr;
  ASSERT_EQ(sluice_stop_new(&stop), SLUICE_OK);
  std::thread waits([&] { EXPECT_EQ(sluice_bucket_wait(b, 1, SLUICE_NEVER, stop, &d), SLUICE_OK); });
  EXPECT_EQ(sluice_stop_request(stop), SLUICE_OK);
  waits.join();
  EXPECT_EQ(d.outcome, SLUICE_REFUSED);
  sluice_stop_free(stop);
  sluice_bucket_free(b);
}

TEST(CAbi, ThreadsTogetherGetExactlyTheCapacity) {
  Limiter l({quota("1/day burst 1000")});
  std::atomic<int> admitted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) admitted += l.take("k", 1, 0).outcome == SLUICE_ALLOWED ? 1 : 0;
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(admitted, 1000);
}

}  // namespace
