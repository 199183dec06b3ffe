#include "simulate/timeline.h"

#include <gtest/gtest.h>

namespace sluice::simulate {
namespace {

TEST(TimelineTest, WidensAndLosesNothing) {
  Timeline timeline(-4 * 3600);
  constexpr std::uint32_t kBegin = 807249601;
  std::uint64_t n = 0;
  for (std::uint32_t s = 0; s < 2'000'000; s += 7, ++n) {
    auto& interval = timeline.at(kBegin + s);
    ++interval.requests;
    interval.refused[1] += n % 2;
    ASSERT_LE(timeline.intervals().size(), Timeline::kIntervalsMax);
  }
  std::uint64_t requests = 0, refused = 0;
  for (const auto& i : timeline.intervals()) requests += i.requests, refused += i.refused[1];
  EXPECT_EQ(requests, n);
  EXPECT_EQ(refused, n / 2);
  EXPECT_EQ(timeline.width(), 10800);
  EXPECT_LE(timeline.begin(), kBegin);
  EXPECT_EQ((timeline.begin() - 4 * 3600) % 10800, 0);  // A whole multiple in the log's zone.
  const auto narrow = timeline.narrowed(24);
  EXPECT_LE(narrow.intervals().size(), 24U);
  EXPECT_EQ(narrow.width(), 86400);
}

TEST(TimelineTest, OneLeapOfACentury) {
  Timeline timeline;
  ++timeline.at(0).requests;
  ++timeline.at(4'294'967'295U).requests;
  ASSERT_LE(timeline.intervals().size(), Timeline::kIntervalsMax);
  EXPECT_EQ(timeline.intervals().front().requests, 1U);
  EXPECT_EQ(timeline.intervals().back().requests, 1U);
}

}  // namespace
}  // namespace sluice::simulate
