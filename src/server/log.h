// log.h: the process's log, on standard error. Thread-safe, and never waits for whoever reads it
// (log_writer.h). Lines of one place in the code are limited in number; the next one says how many were left
// out. Not called for a request, but for those refusals that are sampled (refusal_log.h).
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <span>
#include <string_view>

#include "server/log_line.h"
#include "sluice/time.h"

namespace sluice::server {

void set_log_level(Level level);  ///< info unless set. Lines below it are dropped.
void set_log_format(LogFormat format);
Level log_level();
inline bool logs(Level level) { return level >= log_level() && level != Level::off; }

void log(Level level, std::string_view message, std::source_location where = std::source_location::current());
/// For who limits its lines itself.
void log_always(Level level, std::string_view message, std::span<const LogField> fields = {});

/// As set_log_level(), told of by a line that comes whatever the level is.
void change_log_level(Level level, std::string_view why);

/// Waits for the lines so far to be written, but not longer than `most`.
void flush_log(Duration most);

struct LogNumbers {
  std::uint64_t written = 0;
  std::uint64_t limited = 0;  ///< Left out, since there were many of their kind.
  std::uint64_t lost = 0;     ///< Neither read in time nor kept by a disk.
};
LogNumbers log_numbers();

std::string_view level_name(Level level);
std::optional<Level> level_of(std::string_view name);

}  // namespace sluice::server
