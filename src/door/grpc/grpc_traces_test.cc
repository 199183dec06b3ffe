// Which calls are traced, and what their traces tell.
#include <gtest/gtest.h>

#include "door/grpc/testing.h"

namespace sluice::door::grpc {
namespace {

using policy::Unit;

const wire::FieldList kTraced = {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}};
const wire::FieldList kUntraced = {
    {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}};

struct Traced {
  std::vector<observe::TracedRequest> taken() {
    std::vector<observe::TracedRequest> all;
    queue.take(all);
    return all;
  }
  observe::TraceQueue queue{100};
  observe::Tracer tracer{queue, {.ratio_millionths = 0, .seed = 1}};
  TestDoor door{{test_descriptor("user", "", test_rule(1, Unit::minute)),
                 test_descriptor("tenant", "", test_rule(3, Unit::hour, "per_tenant")),
                 test_descriptor("shut", "", test_rule(0, Unit::second))},
                {.tracer = &tracer}};
};

TEST(GrpcTraces, TellTheRuleThatDecided) {
  Traced t;
  const auto request = request_of({{{"user", "a"}}, {{"tenant", "x"}}});
  EXPECT_EQ(t.door.call(request).status, "0");
  EXPECT_EQ(t.door.call(request, kUntraced).status, "0");
  EXPECT_TRUE(t.taken().empty());
  EXPECT_EQ(t.door.call(request, kTraced).status, "0");
  const auto all = t.taken();
  ASSERT_EQ(all.size(), 1u);
  const auto& r = all[0];
  EXPECT_EQ(r.door, "grpc");
  EXPECT_EQ(r.operation, kShouldRateLimit);
  EXPECT_EQ(r.trace[15], 0x36);
  EXPECT_EQ(r.domain, "d");
  EXPECT_EQ(r.rule, "d.user");
  EXPECT_EQ(r.quota, "1/min");
  EXPECT_EQ(r.key, "user=a");
  EXPECT_EQ(r.decision.outcome, sluice::Outcome::refused);
  EXPECT_EQ(r.decisions, 2u);
  EXPECT_EQ(r.refused, 1u);
  EXPECT_NE(r.asked, Time{});
}

TEST(GrpcTraces, OfWhatNoBucketDecides) {
  Traced t;
  t.door.call(request_of({{{"shut", "a"}}}), kTraced);
  t.door.call(request_of({{{"nobody's", "a"}}}), kTraced);
  const auto all = t.taken();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].decision.outcome, sluice::Outcome::never);
  EXPECT_EQ(all[0].asked, Time{});  // No store was asked.
  EXPECT_EQ(all[1].decisions, 0u);
}

TEST(GrpcTraces, OneCallsFieldIsNotTheNexts) {
  Traced t;
  const auto request = request_of({{{"user", "a"}}});
  t.door.call(request, kTraced);
  t.door.call(request);  // The stream's memory is used again.
  EXPECT_EQ(t.taken().size(), 1u);
  t.door.call(kShouldRateLimit, framed("no message"), kTraced);
  t.door.call("/grpc.health.v1.Health/Check", framed(""), kTraced);
  EXPECT_TRUE(t.taken().empty());
}

}  // namespace
}  // namespace sluice::door::grpc
