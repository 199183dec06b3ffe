// RESP has no place for a traceparent: its requests are traced by chance.
#include <gtest/gtest.h>

#include "door/resp/testing.h"

namespace sluice::door {
namespace {

TEST(RespTraces, OfAPipelineThoseThatDecide) {
  observe::TraceQueue queue(100);
  observe::Tracer tracer(queue, {.ratio_millionths = 1'000'000, .seed = 1});
  TestDoor t({.tracer = &tracer}, {test_limit("api", {"1/s"})});
  t.raw(
      "CL.THROTTLE k 0 1 60\r\nPING\r\ncl.throttle k 0 1 60\r\nSLUICE.TAKE api a\r\nSLUICE.TAKE no "
      "a\r\nNONE\r\n");
  std::vector<observe::TracedRequest> all;
  queue.take(all);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].operation, "cl.throttle");
  EXPECT_EQ(all[0].limit, "#throttle");
  EXPECT_EQ(all[0].decision.outcome, Outcome::allowed);
  EXPECT_EQ(all[1].decision.outcome, Outcome::refused);
  EXPECT_EQ(all[1].key, "k");
  EXPECT_EQ(all[2].operation, "sluice.take");
  EXPECT_EQ(all[2].quota, "1/s");
  EXPECT_FALSE(all[2].parent.present);
}

}  // namespace
}  // namespace sluice::door
