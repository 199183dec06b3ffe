#include "wire/resp_writer.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

namespace sluice::wire {
namespace {

using Write = std::function<void(RespWriter&)>;

std::string written(RespVersion version, const Write& write) {
  std::string out;
  RespWriter writer(out, version);
  write(writer);
  return out;
}

void expect(const Write& write, std::string_view resp2, std::string_view resp3) {
  EXPECT_EQ(written(RespVersion::resp2, write), resp2);
  EXPECT_EQ(written(RespVersion::resp3, write), resp3);
}

TEST(RespWriter, EachTypeInBothVersions) {
  using W = RespWriter;
  expect([](W& w) { w.simple("OK"); }, "+OK\r\n", "+OK\r\n");
  expect([](W& w) { w.error("ERR a\r\nb"); }, "-ERR a  b\r\n", "-ERR a  b\r\n");
  expect([](W& w) { w.integer(-12); }, ":-12\r\n", ":-12\r\n");
  expect([](W& w) { w.bulk("a\r\nb"); }, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n");
  expect([](W& w) { w.bulk(""); }, "$0\r\n\r\n", "$0\r\n\r\n");
  expect([](W& w) { w.null(); }, "$-1\r\n", "_\r\n");
  expect([](W& w) { w.boolean(true); }, ":1\r\n", "#t\r\n");
  expect([](W& w) { w.boolean(false); }, ":0\r\n", "#f\r\n");
  expect([](W& w) { w.verbatim("hi"); }, "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
  expect([](W& w) { w.array(10); }, "*10\r\n", "*10\r\n");
  expect([](W& w) { w.map(6); }, "*12\r\n", "%6\r\n");
  expect([](W& w) { w.set(2); }, "*2\r\n", "~2\r\n");
  expect([](W& w) { w.seconds(Duration{1'500'000'000}); }, "$3\r\n1.5\r\n", ",1.5\r\n");
}

TEST(RespWriter, Integers) {
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  expect([](RespWriter& w) { w.integers({0, 9, 10, -1, kMax}); },
         "*5\r\n:0\r\n:9\r\n:10\r\n:-1\r\n:9223372036854775807\r\n",
         "*5\r\n:0\r\n:9\r\n:10\r\n:-1\r\n:9223372036854775807\r\n");
  const std::string longest = ":-9223372036854775808\r\n";
  std::string eight = "*8\r\n";
  for (int i = 0; i < 8; ++i) eight += longest;
  expect([](RespWriter& w) { w.integers({kMin, kMin, kMin, kMin, kMin, kMin, kMin, kMin}); }, eight, eight);
}

TEST(RespWriter, SecondsAreExactAndShort) {
  struct {
    std::int64_t ns;
    std::string_view text;
  } const cases[] = {
      {0, "0"},
      {1, "0.000000001"},
      {10, "0.00000001"},
      {250'000'000, "0.25"},
      {1'000'000'000, "1"},
      {60'000'000'001, "60.000000001"},
      {9'223'372'036'854'775'807, "9223372036.854775807"},
  };
  for (const auto& c : cases) {
    char text[24];
    EXPECT_EQ(std::string(text, write_seconds(text, Duration{c.ns})), c.text);
  }
}

}  // namespace
}  // namespace sluice::wire
