#include "door/resp/values.h"

#include <gtest/gtest.h>

#include <string>

#include "door/seconds.h"

namespace sluice::door {
namespace {

using Kind = DecimalSeconds::Kind;

TEST(WholeNumber, Table) {
  EXPECT_EQ(whole_number("0"), 0);
  EXPECT_EQ(whole_number("-7"), -7);
  EXPECT_EQ(whole_number("+7"), 7);
  EXPECT_EQ(whole_number("007"), 7);
  EXPECT_EQ(whole_number("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(whole_number("-9223372036854775808"), INT64_MIN);
  for (const auto* text : {"", "+", "-", "+-1", "9223372036854775808", "1.0", "1e3", " 1", "1 ", "0x1", "a"})
    EXPECT_FALSE(whole_number(text)) << text;
}

TEST(DecimalSeconds, Table) {
  struct {
    const char* text;
    Kind kind;
    std::int64_t ns;
  } const cases[] = {
      {"60", Kind::good, 60'000'000'000},
      {"0.5", Kind::good, 500'000'000},
      {".5", Kind::good, 500'000'000},
      {"5.", Kind::good, 5'000'000'000},
      {"+1", Kind::good, 1'000'000'000},
      {"1e-9", Kind::good, 1},
      {"1.5E2", Kind::good, 150'000'000'000},
      {"1e-3", Kind::good, 1'000'000},
      {"0.1", Kind::good, 100'000'000},  // No double is exactly this.
      {"0.000000001", Kind::good, 1},
      {"0.0000000010000", Kind::good, 1},
      {"9223372036.854775807", Kind::good, INT64_MAX},
      {"9223372036.854775808", Kind::too_long, 0},
      {"1e12", Kind::too_long, 0},
      {"1e999999999", Kind::too_long, 0},
      {"inf", Kind::too_long, 0},
      {"0.0000000001", Kind::too_fine, 0},
      {"1e-99", Kind::too_fine, 0},
      {"1.00000000000000000000000000000000000000001", Kind::too_fine, 0},
      {"0", Kind::zero, 0},
      {"-0.0", Kind::zero, 0},
      {"0e999", Kind::zero, 0},
      {"-1", Kind::negative, 0},
      {"-1e999", Kind::negative, 0},
      {"", Kind::malformed, 0},
      {".", Kind::malformed, 0},
      {"1.2.3", Kind::malformed, 0},
      {"1e", Kind::malformed, 0},
      {"nan", Kind::malformed, 0},
      {"1 ", Kind::malformed, 0},
  };
  for (const auto& c : cases) {
    const auto got = decimal_seconds(c.text);
    EXPECT_EQ(got.kind, c.kind) << c.text;
    EXPECT_EQ(got.value.count(), c.ns) << c.text;
  }
  EXPECT_EQ(decimal_seconds("1" + std::string(60'000, '0')).kind, Kind::too_long);
  EXPECT_EQ(decimal_seconds("0." + std::string(60'000, '0') + "1").kind, Kind::too_fine);
}

TEST(SecondsUp, NeverEarly) {
  EXPECT_EQ(seconds_up(Duration{0}), 0);
  EXPECT_EQ(seconds_up(Duration{1}), 1);
  EXPECT_EQ(seconds_up(Duration{1'000'000'000}), 1);
  EXPECT_EQ(seconds_up(Duration{1'000'000'001}), 2);
  EXPECT_EQ(seconds_up(Duration::max()), 9'223'372'037);
}

}  // namespace
}  // namespace sluice::door
