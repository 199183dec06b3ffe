// http_writer.h: HTTP/1.1 responses, appended to a string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::wire {

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// "Too Many Requests"; for a status that this server does not use, "".
std::string_view http_reason(int status);

struct HttpResponse {
  int status = 200;
  std::string_view fields;  ///< Whole lines, each with its CR LF: "Allow: GET\r\n".
  std::string_view content_type;
  std::string_view body;
  bool close = false;      ///< Says Connection: close.
  bool head_only = false;  ///< The answer to HEAD: all but the body.
};
/// Appends one response. 204 and 304 have no body and no length.
void write_response(const HttpResponse& response, std::string& out);

/// Decimal, as fast as can be.
void append_number(std::string& out, std::uint64_t value);

}  // namespace sluice::wire
