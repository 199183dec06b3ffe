#include "observe/tracer.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice::observe {
namespace {

TraceParent parent(bool sampled) {
  TraceParent p;
  p.present = true;
  p.sampled = sampled;
  p.trace.fill(7);
  p.span.fill(9);
  return p;
}

TracedRequest request(const TraceParent& p = {}) {
  TracedRequest r;
  r.parent = p;
  return r;
}

int sampled_of_10000(std::int64_t millionths) {
  TraceQueue queue(1);
  Tracer tracer(queue, {.ratio_millionths = millionths, .seed = 1});
  int n = 0;
  for (int i = 0; i < 10'000; ++i) n += tracer.samples({}) ? 1 : 0;
  return n;
}

TEST(Tracer, SamplesByRatio) {
  EXPECT_EQ(sampled_of_10000(0), 0);
  EXPECT_EQ(sampled_of_10000(1'000'000), 10'000);
  EXPECT_NEAR(sampled_of_10000(10'000), 100, 50);
  EXPECT_NEAR(sampled_of_10000(500'000), 5000, 250);
}

TEST(Tracer, TheParentsWordGoesBeforeTheRatio) {
  TraceQueue queue(1);
  Tracer none(queue, {.ratio_millionths = 0});
  Tracer all(queue, {.ratio_millionths = 1'000'000});
  EXPECT_TRUE(none.samples(parent(true)));
  EXPECT_FALSE(all.samples(parent(false)));
}

TEST(Tracer, GoesOnWithTheParentsTraceOrBeginsOne) {
  TraceQueue queue(3);
  Tracer tracer(queue, {.seed = 1});
  tracer.record(request(parent(true)));
  tracer.record(request());
  tracer.record(request());
  std::vector<TracedRequest> got;
  queue.take(got);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].trace, parent(true).trace);
  EXPECT_NE(got[1].trace, TraceId{});
  EXPECT_NE(got[1].trace, got[2].trace);
}

TEST(TraceQueue, IsBoundedUntilWhatWasTakenIsLetGoOf) {
  TraceQueue queue(2);
  for (int i = 0; i < 5; ++i)
    if (queue.has_room()) queue.put(request());
  EXPECT_EQ(queue.held(), 2u);
  EXPECT_EQ(queue.dropped(), 3u);
  std::vector<TracedRequest> got;
  queue.take(got);
  EXPECT_EQ(got.size(), 2u);
  EXPECT_FALSE(queue.has_room());
  queue.let_go(1);
  queue.put(request());
  queue.put(request());
  EXPECT_EQ(queue.recorded(), 3u);
  EXPECT_EQ(queue.dropped(), 5u);
  queue.take(got);
  EXPECT_EQ(got.size(), 3u);
}

TEST(Tracer, KeysAreHashedUnlessToBePlain) {
  TraceQueue queue(1);
  const KeyHash hash("secret");
  const Tracer hashed(queue, {.key_hash = &hash}), plain(queue, {});
  EXPECT_EQ(plain.key_text("alice"), "alice");
  EXPECT_EQ(plain.key_text(std::string(1000, 'a')).size(), kTraceTextMax);
  EXPECT_EQ(hashed.key_text("alice"), key_hash("secret", "alice"));  // As in the log.
}

TEST(Tracer, ToldOfCallsThatAnswerWhatIsWatched) {
  TraceQueue queue(1);
  Tracer tracer(queue, {});
  EXPECT_FALSE(tracer.wants_calls());
  std::array<store::Ask, 4> asks, others;
  Tracer::Watched watched{.asks = asks, .calls = {}};
  tracer.watch(watched);
  EXPECT_TRUE(tracer.wants_calls());
  tracer.call_answered(std::span(asks).subspan(2, 2), {.asks = 7});
  tracer.call_answered(others, {.asks = 8});
  ASSERT_EQ(watched.calls.size(), 1u);
  EXPECT_EQ(watched.calls[0].ask, 2u);
  EXPECT_EQ(watched.calls[0].call.asks, 7u);
  tracer.forget(watched);
  EXPECT_FALSE(tracer.wants_calls());
}

}  // namespace
}  // namespace sluice::observe
