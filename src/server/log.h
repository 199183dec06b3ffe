// log.h: lines for people, on standard error: time, level, words. spdlog stays in log.cc. Thread-safe. Never
// called for a request.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::server {

enum class Level : std::uint8_t { debug, info, warning, error, off };

void set_log_level(Level level);  ///< info unless set. Lines below it are dropped.
void log(Level level, std::string_view line);

}  // namespace sluice::server
