#include "simulate/access_log.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace sluice::simulate {
namespace {

std::string line_at(const std::string& time) { return "h - - [" + time + "] \"GET / HTTP/1.0\" 200 1"; }

std::optional<std::uint32_t> second_of(const std::string& time) {
  AccessLogParser parser;
  Entry entry;
  if (!parser.parse(line_at(time), entry)) return {};
  return entry.second;
}

TEST(AccessLog, Formats) {
  struct Row {
    const char* line;
    const char* host;
    const char* user;
    const char* path;
    std::int64_t bytes;
  };
  const Row rows[] = {
      {R"(in24.inetnebr.com - - [01/Aug/1995:00:00:01 -0400] "GET /a/b.txt HTTP/1.0" 200 1839)",
       "in24.inetnebr.com", "-", "/a/b.txt", 1839},
      {R"(h - - [01/Aug/1995:00:00:01 -0400] "GET /x?q=1#f HTTP/1.0" 304 -)", "h", "-", "/x", 0},
      {R"(::1 - ann [01/Aug/1995:00:00:01 +0000] "POST /y HTTP/1.1" 200 5 "http://r/" "Agent \"q\" 1.0" 0.003)",
       "::1", "ann", "/y", 5},
      {R"([::1]:80 i Ann Bee [01/Aug/1995:00:00:01 +0000] "GET / HTTP/2.0" 200 0 "-" "-")", "[::1]:80",
       "Ann Bee", "/", 0},
      {R"(h - odd [name] [01/Aug/1995:00:00:01 +0000] "GET / HTTP/1.0" 200 1)", "h", "odd [name]", "/", 1},
      {R"(h - - [01/Aug/1995:00:00:01 +0000] "GET /a"b\"c HTTP/1.0" 404 7)", "h", "-", "/a\"b\\\"c", 7},
      {R"(h - - [01/Aug/1995:00:00:01 +0000] "GET /a b HTTP/1.0" 404 7)", "h", "-", "/a b", 7},
      {R"(h - - [01/Aug/1995:00:00:01 +0000] "GET /old" 200 7)", "h", "-", "/old", 7},
      {R"(h - - [01/Aug/1995:00:00:01 +0000] "GET http://site/p?x HTTP/1.1" 200 7)", "h", "-", "/p", 7},
      {R"(h - - [01/Aug/1995:00:00:01 +0000] "GET http://site HTTP/1.1" 200 7)", "h", "-", "/", 7},
      {R"(h - - [01/Aug/1995:00:00:01 +0000] "-" 408 0)", "h", "-", "-", 0},
      {R"(h - - [01/Aug/1995:00:00:01 +0000] "" 400 0)", "h", "-", "-", 0},
      {R"(h - - [01/Aug/1995:00:00:01 +0000] "\x16\x03" 400 9223372036854775800)", "h", "-", "-",
       9223372036854775800},
  };
  AccessLogParser parser;
  for (const auto& row : rows) {
    Entry entry;
    ASSERT_TRUE(parser.parse(row.line, entry)) << row.line;
    EXPECT_EQ(entry.host, row.host) << row.line;
    EXPECT_EQ(entry.user, row.user) << row.line;
    EXPECT_EQ(path_of(entry.request), row.path) << row.line;
    EXPECT_EQ(entry.bytes, row.bytes) << row.line;
  }
}

TEST(AccessLog, DamagedLines) {
  const char* const rows[] = {
      "",
      " ",
      "h",
      "h - -",
      "hello world, this is not a log",
      R"( - - [01/Aug/1995:00:00:01 +0000] "GET / HTTP/1.0" 200 1)",
      R"(h - [01/Aug/1995:00:00:01 +0000] "GET / HTTP/1.0" 200 1)",
      R"(h - - 01/Aug/1995:00:00:01 +0000 "GET / HTTP/1.0" 200 1)",
      R"(h - - [01/Aug/1995:00:00:01 +0000 "GET / HTTP/1.0" 200 1)",
      R"(h - - [01/Aug/1995:00:00:01 +0000] GET / HTTP/1.0 200 1)",
      R"(h - - [01/Aug/1995:00:00:01 +0000] "GET / HTTP/1.0 200 1)",
      R"(h - - [01/Aug/1995:00:00:01 +0000] "GET / HTTP/1.0" 20 1)",
      R"(h - - [01/Aug/1995:00:00:01 +0000] "GET / HTTP/1.0" 200)",
      R"(h - - [01/Aug/1995:00:00:01 +0000] "GET / HTTP/1.0" 200 x)",
      R"(h - - [01/Aug/1995:00:00:01 +0000] "GET / HTTP/1.0" 200 1x)",
      R"(h - - [01/Aug/1995:00:00:01 +0000] "GET / HTTP/1.0" 200 -5)",
      R"(h - - [01/Aug/1995:00:00:01 +0000] "GET / HTTP/1.0" 200 9223372036854775808)",
  };
  AccessLogParser parser;
  Entry entry;
  for (const auto* row : rows) EXPECT_FALSE(parser.parse(row, entry)) << row;
}

// No prefix of a line may be read beyond its end (the sanitizers see it), nor taken for a line that it is
// not.
TEST(AccessLog, EveryPrefixOfALine) {
  const std::string whole = R"(host - ann [01/Aug/1995:00:00:01 -0400] "GET /a HTTP/1.0" 200 1839)";
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::string part(whole, 0, n);
    AccessLogParser parser;
    Entry entry;
    EXPECT_EQ(parser.parse(part, entry), n > whole.size() - 4) << part;  // The bytes may be cut short.
  }
}

TEST(AccessLog, TimesAndZones) {
  struct Row {
    const char* time;
    std::optional<std::uint32_t> second;
  };
  const Row rows[] = {
      {"01/Jan/1970:00:00:00 +0000", 0},
      {"01/Aug/1995:00:00:01 -0400", 807249601},
      {"01/Aug/1995:09:30:01 +0530", 807249601},
      {"29/Feb/2000:12:00:00 +0000", 951825600},  // A century that is a leap year.
      {"29/Feb/2024:23:59:59 +0000", 1709251199},
      {"31/Dec/2016:23:59:60 +0000", 1483228800},  // A leap second.
      {"31/Dec/2105:23:59:59 +0000", 4291747199},
      {"29/Feb/2023:00:00:00 +0000", {}},
      {"29/Feb/2100:00:00:00 +0000", {}},
      {"31/Apr/2020:00:00:00 +0000", {}},
      {"00/Apr/2020:00:00:00 +0000", {}},
      {"01/apr/2020:00:00:00 +0000", {}},
      {"01/anF/2020:00:00:00 +0000", {}},
      {"01/Apr/1969:00:00:00 +0000", {}},
      {"01/Jan/1970:00:00:00 +0100", {}},  // Before 1970 in UTC.
      {"01/Apr/2106:00:00:00 +0000", {}},
      {"01/Apr/2020:24:00:00 +0000", {}},
      {"01/Apr/2020:00:60:00 +0000", {}},
      {"01/Apr/2020:00:00:61 +0000", {}},
      {"01/Apr/2020:00:00:00 *0000", {}},
      {"01/Apr/2020:00:00:00 +1600", {}},
      {"01/Apr/2020:00:00:00 +0060", {}},
      {"01/Apr/2020 00:00:00 +0000", {}},
      {"1/Apr/2020:00:00:00 +0000 ", {}},
  };
  for (const auto& row : rows) EXPECT_EQ(second_of(row.time), row.second) << row.time;
}

TEST(AccessLog, ADamagedTimeIsNotRemembered) {
  AccessLogParser parser;
  Entry entry;
  ASSERT_TRUE(parser.parse(line_at("01/Aug/1995:00:00:01 -0400"), entry));
  EXPECT_EQ(entry.zone, -4 * 3600);
  EXPECT_FALSE(parser.parse(line_at("32/Aug/1995:00:00:01 -0400"), entry));
  EXPECT_FALSE(parser.parse(line_at("32/Aug/1995:00:00:01 -0400"), entry));
  ASSERT_TRUE(parser.parse(line_at("01/Aug/1995:00:00:02 +0000"), entry));
  EXPECT_EQ(entry.second, 807235202U);
  EXPECT_EQ(entry.zone, 0);
}

}  // namespace
}  // namespace sluice::simulate
