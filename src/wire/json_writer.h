// json_writer.h: JSON values (RFC 8259), appended to a string.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/time.h"

namespace sluice::wire {

/// In quotes, escaped. Bytes that are not UTF-8 become U+FFFD.
void json_string(std::string& out, std::string_view text);
void json_integer(std::string& out, std::int64_t value);
/// Seconds with their fraction, exact and as short as can be: 0, 1.5, 0.000000001. REQUIRES: value >= 0.
void json_seconds(std::string& out, Duration value);

}  // namespace sluice::wire
