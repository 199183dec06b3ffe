// http_target.h: what a request target says: path, and query as name=value pairs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::wire {

struct HttpTarget {
  std::string_view path;   ///< As sent, not decoded. "/" for "http://host".
  std::string_view query;  ///< Without its '?'.
};
/// Of "/path?query" and of "http://host/path?query", whose host is dropped.
HttpTarget split_target(std::string_view target);

/// Decodes %XX, and + as a space as forms do. Nothing if a % is not followed by two hexadecimal digits.
std::optional<std::string> decode_query(std::string_view text);

/// Takes the next name=value off the front of `query`; a name without '=' has an empty value. False at the
/// end.
bool next_parameter(std::string_view& query, std::string_view& name, std::string_view& value);

}  // namespace sluice::wire
