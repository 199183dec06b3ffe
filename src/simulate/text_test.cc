#include "simulate/text.h"

#include <gtest/gtest.h>

#include "sluice/time.h"

namespace sluice::simulate {
namespace {

TEST(TextTest, UntrustedBytesAreHarmless) {
  EXPECT_EQ(printable("plain ä €😀"), "plain ä €😀");
  EXPECT_EQ(printable("\x1b[31m\r\n\x7f"), "\\x1B[31m\\x0D\\x0A\\x7F");
  EXPECT_EQ(printable("\xff\xc0\x80\xed\xa0\x80"), "\\xFF\\xC0\\x80\\xED\\xA0\\x80");
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "x"),
            "\\xE2\\x80\\xAEx");  // Right-to-left override.
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\xe2\x82"), "\\xE2\\x82");
  EXPECT_EQ(json_string("a\"\\\n"), R"("a\"\\\\x0A")");
  EXPECT_EQ(html_escaped("<script>'\"&"), "&lt;script&gt;&#39;&quot;&amp;");
}

TEST(TextTest, Shortened) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefghij", 7), "abcd…ij");
  EXPECT_EQ(columns_of(shortened("äöüäöüäöü", 4)), 4U);
}

TEST(TextTest, Numbers) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(percent(0, 0), "0 %");
  EXPECT_EQ(percent(1, 3), "33.33 %");
  EXPECT_EQ(percent(1, 1'000'000), "<0.01 %");
  EXPECT_EQ(percent(999'999, 1'000'000), ">99.99 %");
  EXPECT_EQ(percent(7, 7), "100 %");
}

TEST(TextTest, WaitsRoundUp) {
  EXPECT_EQ(wait_text(0), "0 s");
  EXPECT_EQ(wait_text(1), "1 µs");
  EXPECT_EQ(wait_text(850'000'000), "850 ms");
  EXPECT_EQ(wait_text(1'000'000'001), "2 s");
  EXPECT_EQ(wait_text(59'000'000'001), "1 min");
  EXPECT_EQ(wait_text(200'000'000'000), "3 min 20 s");
  EXPECT_EQ(wait_text(7'500'000'000'000), "2 h 5 min");
  EXPECT_EQ(wait_text(86'400'000'000'000), "1 day");
  EXPECT_EQ(wait_text(273'600'000'000'000), "3 days 4 h");
  EXPECT_EQ(wait_text(kNever.count()), "never");
}

TEST(TextTest, Times) {
  EXPECT_EQ(iso_text(807249601, -4 * 3600), "1995-08-01T00:00:01-04:00");
  EXPECT_EQ(iso_text(807249601, 19800), "1995-08-01T09:30:01+05:30");
  EXPECT_EQ(iso_text(0, -3600), "1969-12-31T23:00:00-01:00");
}

}  // namespace
}  // namespace sluice::simulate
