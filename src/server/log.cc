#include "server/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace sluice::server {

namespace {

spdlog::level::level_enum of(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      break;
  }
  return spdlog::level::off;
}

spdlog::logger& logger() {
  static spdlog::logger& it = *[] {
    auto* made =
        new spdlog::logger("sluice", std::make_shared<spdlog::sinks::stderr_sink_mt>());  // Never deleted:
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                      spdlog::pattern_time_type::utc);  // threads may still log.
    return made;
  }();
  return it;
}

}  // namespace

void set_log_level(Level level) { logger().set_level(of(level)); }
void log(Level level, std::string_view line) { logger().log(of(level), "{}", line); }

}  // namespace sluice::server
