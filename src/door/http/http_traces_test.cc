// Which requests over HTTP are traced, and what their traces tell.
#include <gtest/gtest.h>

#include "door/http/testing.h"

namespace sluice::door::http {
namespace {

constexpr std::string_view kTraced =
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
constexpr std::string_view kUntraced =
    "TraceParent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\r\n";
constexpr std::string_view kAsk = R"({"limit":"api","key":"a"})";

Time later() { return DoorUnderTest<HttpDoor, HttpOptions>::kStart + std::chrono::seconds(1); }

/// Decides when told to, by the local store's word or without it.
struct Late final : store::Store {
  void decide(store::Batch& batch, store::Completion& done) override {
    asked = &batch;
    completion = &done;
  }
  void answer(Origin origin) {
    for (auto& d : asked->decisions) d = {.origin = origin, .granted = 1, .capacity = 3, .remaining = 2};
    completion->decided();
  }
  store::Batch* asked = nullptr;
  store::Completion* completion = nullptr;
};

struct Traced : ::testing::Test {
  explicit Traced(std::int64_t millionths = 0)
      : tracer(queue, {.ratio_millionths = millionths, .now = later, .seed = 1}) {}
  std::vector<observe::TracedRequest> taken() {
    std::vector<observe::TracedRequest> all;
    queue.take(all);
    return all;
  }

  observe::TraceQueue queue{100};
  observe::Tracer tracer;
  Late late;
};
struct TracedAll : Traced {
  TracedAll() : Traced(1'000'000) {}
};

TEST_F(Traced, TheFieldSaysWhich) {
  TestDoor t({.tracer = &tracer}, {test_limit("api", {"1/s burst 1"})});
  t.ask(post("/v1/take", kAsk));
  t.ask(post("/v1/take", kAsk, kUntraced));
  EXPECT_TRUE(taken().empty());
  t.ask(post("/v1/take", kAsk, kTraced));
  t.ask(post("/v1/take", kAsk, std::string(kTraced) + std::string(kTraced)));  // Two are none.
  const auto all = taken();
  ASSERT_EQ(all.size(), 1u);
  const auto& r = all[0];
  EXPECT_EQ(r.door, "http");
  EXPECT_EQ(r.operation, "/v1/take");
  EXPECT_EQ(r.trace[0], 0x4b);
  EXPECT_EQ(r.parent.span[7], 0xb7);
  EXPECT_EQ(r.limit, "api");
  EXPECT_EQ(r.key, "a");
  EXPECT_EQ(r.quota, "1/s");
  EXPECT_EQ(r.decision.outcome, sluice::Outcome::refused);
  EXPECT_EQ(r.decision.retry_after, std::chrono::seconds(1));
  EXPECT_EQ(r.began, TestDoor::kStart);
  EXPECT_EQ(r.asked, later());
  EXPECT_EQ(r.ended, later());
  EXPECT_FALSE(tracer.wants_calls());
}

TEST_F(TracedAll, EachOfAPipelineStandsForItself) {
  TestDoor t({.tracer = &tracer}, {test_limit("api", {"3/s"}), test_limit("other", {"1/h"})});
  t.raw(post("/v1/take", kAsk) + get("/healthz") + get("/v1/auth?limit=other&key=b") +
        post("/v1/take", "{}") +
        post("/v1/peek", R"({"requests":[{"limit":"api","key":"a"},{"limit":"no","key":"a"},)"
                         R"({"limit":"other","key":"b"}]})"));
  const auto all = taken();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].operation, "/v1/take");
  EXPECT_EQ(all[1].operation, "/v1/auth");
  EXPECT_EQ(all[1].limit, "other");
  EXPECT_EQ(all[2].operation, "/v1/peek");
  EXPECT_EQ(all[2].decisions, 2u);
  EXPECT_EQ(all[2].refused, 1u);
  EXPECT_EQ(all[2].limit, "other");  // The one that refuses.
  EXPECT_FALSE(all[0].trace == all[1].trace);
}

TEST_F(Traced, WhatWasDecidedWithoutTheStoreIsTracedInAnyCase) {
  TestDoor t({.tracer = &tracer}, {test_limit("api", {"3/s"})}, &late);
  for (const auto fields : {std::string_view(), kUntraced, kTraced})
    for (const auto origin : {Origin::bucket, Origin::degraded}) {
      EXPECT_EQ(t.raw(post("/v1/take", kAsk, fields)), "");
      EXPECT_EQ(tracer.wants_calls(), fields == kTraced);
      late.answer(origin);
      EXPECT_FALSE(tracer.wants_calls());
      EXPECT_NE(t.raw(""), "");
    }
  const auto all = taken();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_FALSE(all[0].sampled);
  EXPECT_FALSE(all[0].parent.present);
  EXPECT_EQ(all[0].began, TestDoor::kStart);
  EXPECT_EQ(all[0].asked, Time{});
  EXPECT_EQ(all[1].operation, "/v1/take");
  EXPECT_TRUE(all[1].parent.present);
  EXPECT_TRUE(all[2].sampled);
  EXPECT_EQ(all[2].decision.origin, Origin::bucket);
  EXPECT_EQ(all[3].decision.origin, Origin::degraded);
}

TEST_F(TracedAll, CallsOfTheStoreGoToTheirRequests) {
  TestDoor t({.tracer = &tracer}, {test_limit("api", {"3/s"})}, &late);
  t.raw(post("/v1/take", kAsk) + post("/v1/take", kAsk));
  ASSERT_TRUE(tracer.wants_calls());
  tracer.call_answered(late.asked->asks.subspan(1, 1), {.sent = later(), .answered = later(), .asks = 9});
  late.answer(Origin::bucket);
  t.raw("");
  const auto all = taken();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0].calls.empty());
  ASSERT_EQ(all[1].calls.size(), 1u);
  EXPECT_EQ(all[1].calls[0].asks, 9u);
}

TEST_F(TracedAll, AConnectionThatWentAwayIsNotTold) {
  TestDoor t({.tracer = &tracer}, {test_limit("api", {"3/s"})}, &late);
  t.raw(post("/v1/take", kAsk));
  t.session.reset();
  late.answer(Origin::bucket);
  EXPECT_FALSE(tracer.wants_calls());
  EXPECT_TRUE(taken().empty());
}

TEST_F(TracedAll, BeyondTheQueueAllIsAsEver) {
  TestDoor t({.tracer = &tracer}, {test_limit("api", {"1000/s"})});
  for (int i = 0; i < 150; ++i) EXPECT_EQ(t.ask(post("/v1/take", kAsk)).status, 200);
  EXPECT_EQ(queue.held(), 100u);
  EXPECT_EQ(queue.dropped(), 50u);
}

}  // namespace
}  // namespace sluice::door::http
