#include "server/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "server/line_limit.h"
#include "server/log_writer.h"

namespace sluice::server {

namespace {

constexpr std::size_t kWaitingMax = 1 << 20;  // Bytes of lines that nobody has read yet.
constexpr Duration kLastWait = std::chrono::seconds(1);
constexpr std::array kLevels = {std::pair("debug", Level::debug), std::pair("info", Level::info),
                                std::pair("warning", Level::warning), std::pair("error", Level::error),
                                std::pair("off", Level::off)};

// relaxed, all three: a line more or less while they change.
std::atomic<Level> level_now{Level::info};
std::atomic<LogFormat> format_now{LogFormat::text};
std::atomic<std::uint64_t> limited{0};

std::string made(Level level, std::string_view message, std::span<const LogField> fields) {
  return log_line(format_now.load(std::memory_order_relaxed), std::chrono::system_clock::now(), level,
                  message, fields);
}

std::string lost_line(std::uint64_t lines) {
  return made(
      Level::warning,
      std::to_string(lines) + " lines of this log were lost: it was not read in time, or its disk is full",
      {});
}

LogWriter& writer() {
  static LogWriter& it = *[] {
    auto* writer =
        new LogWriter(STDERR_FILENO, kWaitingMax, lost_line);  // Never deleted: threads may still log.
    std::atexit([] { flush_log(kLastWait); });
    return writer;
  }();
  return it;
}

/// Lines of one place in the code. Debug has more, to follow connections.
struct Most {
  std::int64_t at_once;
  Duration one_more;
};
constexpr Most kMost{20, std::chrono::seconds(3)};
constexpr Most kMostDebug{1000, std::chrono::milliseconds(1)};

std::optional<std::uint64_t> may_write(Level level, const std::source_location& where) {
  static std::mutex mutex;
  static auto& limits = *new std::map<std::pair<const char*, std::uint_least32_t>, LineLimit>;  // By mutex.
  const std::scoped_lock lock(mutex);
  const Most most = level == Level::debug ? kMostDebug : kMost;
  const auto key = std::pair(where.file_name(), where.line());
  return limits.try_emplace(key, most.at_once, most.one_more).first->second.line(Clock::now());
}

}  // namespace

void set_log_level(Level level) { level_now.store(level, std::memory_order_relaxed); }
void set_log_format(LogFormat format) { format_now.store(format, std::memory_order_relaxed); }
Level log_level() { return level_now.load(std::memory_order_relaxed); }

void log(Level level, std::string_view message, std::source_location where) {
  if (!logs(level)) return;
  const auto left_out = may_write(level, where);
  if (!left_out) {
    limited.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const LogField field{"left_out", static_cast<std::int64_t>(*left_out)};
  log_always(level, message, std::span(&field, *left_out == 0 ? 0 : 1));
}

void log_always(Level level, std::string_view message, std::span<const LogField> fields) {
  if (logs(level)) writer().put(made(level, message, fields));
}

void change_log_level(Level level, std::string_view why) {
  const Level before = log_level();
  set_log_level(level);
  const auto text = std::string(why) + ": log level " + std::string(level_name(level)) + ", was " +
                    std::string(level_name(before));
  writer().put(made(Level::info, text, {}));
}

void flush_log(Duration most) { writer().flush(most); }

LogNumbers log_numbers() {
  return {writer().written(), limited.load(std::memory_order_relaxed), writer().lost()};
}

std::string_view level_name(Level level) { return kLevels[static_cast<std::size_t>(level)].first; }

std::optional<Level> level_of(std::string_view name) {
  for (const auto& [word, level] : kLevels)
    if (name == word) return level;
  return {};
}

}  // namespace sluice::server
