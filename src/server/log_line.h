// log_line.h: one line of the log, as text or as JSON. Whatever bytes the words are made of, the line is one
// line of valid UTF-8 without a control character, and JSON is valid: nobody who chooses a key or an address
// can forge a line, end a string or reach the terminal that shows it.
//
//     2026-03-01T12:00:00.104Z info refused limit=api key="a b" cost=1
//     {"time":"2026-03-01T12:00:00.104Z","level":"info","message":"refused","limit":"api","key":"a
//     b","cost":1}
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "sluice/time.h"

namespace sluice::server {

enum class Level : std::uint8_t { debug, info, warning, error, off };
enum class LogFormat : std::uint8_t { text, json };

/// A duration is written in seconds, kNever as "never".
struct LogField {
  std::string_view name;  ///< Our own word: lower case and _.
  std::variant<std::string_view, std::int64_t, bool, Duration> value;
};

inline constexpr std::size_t kLogTextMax =
    4096;  ///< Bytes of one text before it is escaped; the rest is cut.

/// Ends in a newline.
std::string log_line(LogFormat format, std::chrono::system_clock::time_point time, Level level,
                     std::string_view message, std::span<const LogField> fields = {});

}  // namespace sluice::server
