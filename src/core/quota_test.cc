#include "sluice/quota.h"

#include <gtest/gtest.h>

#include "reference/sequences.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

TEST(Quota, ReadsWhatPeopleWrite) {
  const struct {
    const char* text;
    Quota::Spec spec;
    const char* canonical;
  } rows[] = {
      {"10/s", {10, 10, 1s}, "10/s"},
      {"600/min burst 50", {50, 600, 60s}, "600/min burst 50"},
      {"5/h", {5, 5, 3600s}, "5/h"},
      {"1/day burst 3", {3, 1, 86400s}, "1/day burst 3"},
      {"  100 / 30 seconds  burst 7 ", {7, 100, 30s}, "100/30s burst 7"},
      {"10MB/s burst 50MB", {50'000'000, 10'000'000, 1s}, "10000000/s burst 50000000"},
      {"1KiB/ms", {1024, 1024, 1ms}, "1024/ms"},
      {"2Gi/2weeks", {std::int64_t{2} << 30, std::int64_t{2} << 30, 336h}, "2147483648/2week"},
      {"9223372036854775807/ns", {INT64_MAX, INT64_MAX, 1ns}, nullptr},
      {"1/90s", {1, 1, 90s}, "1/90s"},
      {"1/120s", {1, 1, 120s}, "1/2min"},
  };
  for (const auto& row : rows) {
    const auto quota = Quota::parse(row.text);
    if (row.canonical == nullptr) {
      EXPECT_FALSE(quota);
      continue;
    }
    ASSERT_TRUE(quota) << row.text << ": " << quota.error().message;
    EXPECT_EQ(quota->capacity(), row.spec.capacity) << row.text;
    EXPECT_EQ(quota->tokens(), row.spec.tokens) << row.text;
    EXPECT_EQ(quota->period(), row.spec.period) << row.text;
    EXPECT_EQ(quota->text(), row.canonical);
  }
}

TEST(Quota, RefusesTheImpossibleAndSaysWhy) {
  const struct {
    const char* text;
    const char* says;
  } rows[] = {
      {"", "expected a whole number of tokens"},
      {"ten/s", "expected a whole number of tokens"},
      {"-1/s", "expected a whole number of tokens"},
      {"1.5/s", "expected '/'"},
      {"10", "expected '/'"},
      {"10/", "unknown period ''"},
      {"10/fortnight", "unknown period 'fortnight': use ns, us"},
      {"10/0s", "period 0 ns must be at least 1 ns"},
      {"0/s", "capacity 0 must be at least 1"},
      {"10/s burst 0", "capacity 0 must be at least 1"},
      {"0/s burst 5", "tokens per period 0 must be at least 1"},
      {"10/s bust 5", "expected 'burst N'"},
      {"10/s burst", "expected a whole number of tokens"},
      {"10/s burst 5 5", "unexpected text behind the burst: '5'"},
      {"99999999999999999999/s", "a number is above 2^63-1"},
      {"9999999999G/s", "a number is above 2^63-1"},
      {"10Q/s", "unknown unit 'Q'"},
      {"1/9223372036854775807s", "the period is above 292 years"},
      {"1/15250weeks burst 9223372036854775807", "above 2^124"},
      {"9223372036854775807/ns", "2^61 or more"},
  };
  for (const auto& row : rows) {
    const auto quota = Quota::parse(row.text);
    ASSERT_FALSE(quota) << row.text;
    EXPECT_NE(quota.error().message.find(row.says), std::string::npos)
        << row.text << " -> " << quota.error().message;
    EXPECT_NE(quota.error().message.find(std::string("quota '") + row.text), std::string::npos)
        << quota.error().message;
  }
}

TEST(Quota, TextReadsBackAsItself) {
  reference::Random random(7);
  for (int i = 0; i < 5000; ++i) {
    const auto quota = Quota::make(reference::random_quota(random));
    ASSERT_TRUE(quota);
    const auto again = Quota::parse(quota->text());
    ASSERT_TRUE(again) << quota->text() << ": " << again.error().message;
    EXPECT_EQ(*quota, *again) << quota->text();
  }
}

TEST(Quota, TimeToFill) {
  EXPECT_EQ(Quota::parse("10/s")->time_to_fill(), 1s);
  EXPECT_EQ(Quota::parse("3/s burst 1")->time_to_fill(), 333'333'334ns);
  EXPECT_EQ(Quota::parse("1/day burst 1000000000000")->time_to_fill(), Duration::max());
}

}  // namespace
}  // namespace sluice
