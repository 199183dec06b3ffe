#include "redis/command.h"

#include <gtest/gtest.h>

#include <limits>

#include "wire/resp_parser.h"

namespace sluice::redis {
namespace {

TEST(Command, AsItIsWritten) {
  EXPECT_EQ(command("PING"), "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(command("SET", "", std::string(12, 'x')), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$12\r\nxxxxxxxxxxxx\r\n");
  EXPECT_EQ(command("X", 0, -1, std::int64_t{10}), "*4\r\n$1\r\nX\r\n$1\r\n0\r\n$2\r\n-1\r\n$2\r\n10\r\n");
  EXPECT_EQ(command(std::numeric_limits<std::int64_t>::min()), "*1\r\n$20\r\n-9223372036854775808\r\n");
}

// What the door reads is what was written: every length about a power of ten, any byte.
TEST(Command, IsReadBack) {
  for (const std::size_t n : {0, 1, 9, 10, 11, 99, 100, 999, 1000, 65536}) {
    std::string argument(n, '\0');
    for (std::size_t i = 0; i < n; ++i) argument[i] = static_cast<char>(i * 7);
    std::string text;
    append_header(text, 12);
    for (int i = 0; i < 12; ++i) append_argument(text, argument);
    wire::RespParser parser({});
    std::string_view in = text;
    ASSERT_EQ(parser.feed(in), wire::RespParser::Event::command) << parser.error();
    ASSERT_EQ(parser.args().size(), 12U);
    for (const auto arg : parser.args()) ASSERT_EQ(arg, argument);
    EXPECT_TRUE(in.empty());
  }
}

}  // namespace
}  // namespace sluice::redis
