#include "server/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>

#include "net/fd.h"
#include "server/line_limit.h"
#include "server/log_writer.h"

namespace sluice::server {
namespace {

using namespace std::chrono_literals;

std::string line(LogFormat format, std::string_view message, std::span<const LogField> fields = {}) {
  return log_line(format, std::chrono::system_clock::time_point(1772366400104ms), Level::info, message,
                  fields);
}

TEST(LogLine, TextAndJson) {
  const std::array<LogField, 6> fields = {{{"limit", "api"},
                                           {"key", "a \"b\\"},
                                           {"cost", std::int64_t{3}},
                                           {"shadow", false},
                                           {"wait", Duration(1500ms)},
                                           {"full", kNever}}};
  EXPECT_EQ(
      line(LogFormat::text, "refused", fields),
      "2026-03-01T12:00:00.104Z info refused limit=api key=\"a \\\"b\\\\\" cost=3 shadow=false wait=1.5 "
      "full=never\n");
  EXPECT_EQ(
      line(LogFormat::json, "refused", fields),
      "{\"time\":\"2026-03-01T12:00:00.104Z\",\"level\":\"info\",\"message\":\"refused\",\"limit\":\"api\","
      "\"key\":\"a \\\"b\\\\\",\"cost\":3,\"shadow\":false,\"wait\":1.5,\"full\":\"never\"}\n");
}

TEST(LogLine, NoBytesReachTheTerminalOrForgeALine) {
  const struct {
    std::string_view bytes, text, json;
  } kRows[] = {
      {"a\nb\r", "a\\nb\\x0d", "a\\u000ab\\u000d"},
      {std::string_view("\0\x1b[2J\x7f", 6), "\\x00\\x1b[2J\\x7f", "\\u0000\\u001b[2J\\u007f"},
      {"\xff\xc3", "\\xff\\xc3", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xc2\x9b"
       "31m",
       "\\u009b31m", "\\u009b31m"},                                         // CSI as one character.
      {"\xe2\x80\xa8|\xe2\x80\xae", "\\u2028|\\u202e", "\\u2028|\\u202e"},  // End of line; written backwards.
      {"\xe2\x81\xa6", "\\u2066", "\\u2066"},
      {"gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\x80", "gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\x80",
       "gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\x80"},
      {"", "", ""},
  };
  for (const auto& row : kRows) {
    const LogField field{"key", row.bytes};
    EXPECT_EQ(line(LogFormat::text, row.bytes, {&field, 1}), "2026-03-01T12:00:00.104Z info " +
                                                                 std::string(row.text) + " key=\"" +
                                                                 std::string(row.text) + "\"\n");
    EXPECT_EQ(line(LogFormat::json, row.bytes, {&field, 1}),
              "{\"time\":\"2026-03-01T12:00:00.104Z\",\"level\":\"info\",\"message\":\"" +
                  std::string(row.json) + "\",\"key\":\"" + std::string(row.json) + "\"}\n");
  }
}

TEST(LogLine, LongTextIsCutBetweenCharacters) {
  std::string long_text(kLogTextMax - 1, 'a');
  EXPECT_EQ(line(LogFormat::text, long_text + "\xc3\xbc"), line(LogFormat::text, long_text));
  EXPECT_EQ(line(LogFormat::text, long_text + "bc"), line(LogFormat::text, long_text + "b"));
}

TEST(LineLimit, CountsWhatItLeavesOut) {
  LineLimit limit(2, 1min);
  const Time now = Clock::now();
  EXPECT_EQ(limit.line(now), 0);
  EXPECT_EQ(limit.line(now), 0);
  EXPECT_EQ(limit.line(now), std::nullopt);
  EXPECT_EQ(limit.line(now + 59s), std::nullopt);
  EXPECT_EQ(limit.line(now + 60s), 2);
  EXPECT_EQ(limit.line(now + 120s), 0);
}

class LogWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    read_ = net::Fd(ends[0]);
    // As the log's own: open until the process ends.
    writer_ = std::make_unique<LogWriter>(ends[1], 64 * 1024,
                                          [](std::uint64_t n) { return "lost " + std::to_string(n) + "\n"; });
  }
  /// What comes until `end` is among it.
  std::string read_until(std::string_view end) {
    std::string all;
    char part[4096];
    while (all.find(end) == all.npos) {
      const auto n = ::read(read_.get(), part, sizeof part);
      if (n <= 0) break;
      all.append(part, static_cast<std::size_t>(n));
    }
    return all;
  }
  net::Fd read_;
  std::unique_ptr<LogWriter> writer_;
};

TEST_F(LogWriterTest, WritesInOrder) {
  for (int i = 0; i < 1000; ++i) writer_->put(std::to_string(i) + "\n");
  std::string want;
  for (int i = 0; i < 1000; ++i) want += std::to_string(i) + "\n";
  EXPECT_EQ(read_until("999\n"), want);
  EXPECT_TRUE(writer_->flush(20s));
  EXPECT_EQ(writer_->written(), 1000);
  EXPECT_EQ(writer_->lost(), 0);
}

TEST_F(LogWriterTest, ANobodyWhoReadsCostsLinesAndNoTime) {
  const std::string line = std::string(99, 'x') + "\n";
  const int put = 10'000;  // A million bytes: far more than queue and pipe hold. It would hang if it waited.
  for (int i = 0; i < put; ++i) writer_->put(line);
  EXPECT_FALSE(writer_->flush(1ms));
  const auto lost = writer_->lost();
  EXPECT_GT(lost, 0);
  const auto whole = [](std::string_view text) {
    return static_cast<std::uint64_t>(std::ranges::count(text, 'x')) / 99;
  };
  std::string all = read_until("lost ");
  while (whole(all) + lost < put) all += read_until("\n");  // It may say so more than once.
  EXPECT_NE(all.find("lost "), all.npos);
  EXPECT_EQ(whole(all) + lost, put);
}

TEST_F(LogWriterTest, GoesAwayWhileNobodyReads) {
  for (int i = 0; i < 10'000; ++i) writer_->put(std::string(99, 'x') + "\n");
  writer_.reset();
}

TEST_F(LogWriterTest, AReaderThatEndedIsNoSignal) {
  read_.reset();
  writer_->put("one\n");
  EXPECT_TRUE(writer_->flush(20s));
  EXPECT_EQ(writer_->lost(), 1);
}

TEST(LogWriter, AFullDiskLosesLinesAndNothingElse) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  LogWriter writer(full, 1024, [](std::uint64_t) { return "lost\n"; });
  for (int i = 0; i < 100; ++i) {
    writer.put("a line\n");
    ASSERT_TRUE(writer.flush(20s));
  }
  EXPECT_EQ(writer.lost(), 100);
  EXPECT_EQ(writer.written(), 0);
}

TEST(Log, LevelsHaveNames) {
  for (const Level level : {Level::debug, Level::info, Level::warning, Level::error, Level::off})
    EXPECT_EQ(level_of(level_name(level)), level);
  EXPECT_EQ(level_of("loud"), std::nullopt);
}

}  // namespace
}  // namespace sluice::server
