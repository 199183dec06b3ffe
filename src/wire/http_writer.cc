#include "wire/http_writer.h"

#include <charconv>

namespace sluice::wire {

namespace {

/// The whole status line.
std::string_view status_line(int status) {
  switch (status) {
#define SLUICE_STATUS(code, reason) \
  case code:                        \
    return "HTTP/1.1 " #code " " reason "\r\n";
    SLUICE_STATUS(200, "OK")
    SLUICE_STATUS(204, "No Content")
    SLUICE_STATUS(304, "Not Modified")
    SLUICE_STATUS(308, "Permanent Redirect")
    SLUICE_STATUS(400, "Bad Request")
    SLUICE_STATUS(401, "Unauthorized")
    SLUICE_STATUS(403, "Forbidden")
    SLUICE_STATUS(404, "Not Found")
    SLUICE_STATUS(405, "Method Not Allowed")
    SLUICE_STATUS(408, "Request Timeout")
    SLUICE_STATUS(409, "Conflict")
    SLUICE_STATUS(411, "Length Required")
    SLUICE_STATUS(413, "Content Too Large")
    SLUICE_STATUS(414, "URI Too Long")
    SLUICE_STATUS(415, "Unsupported Media Type")
    SLUICE_STATUS(417, "Expectation Failed")
    SLUICE_STATUS(429, "Too Many Requests")
    SLUICE_STATUS(431, "Request Header Fields Too Large")
    SLUICE_STATUS(501, "Not Implemented")
    SLUICE_STATUS(503, "Service Unavailable")
    SLUICE_STATUS(505, "HTTP Version Not Supported")
#undef SLUICE_STATUS
    default:
      return "HTTP/1.1 500 Internal Server Error\r\n";
  }
}

}  // namespace

std::string_view http_reason(int status) {
  const auto line = status_line(status);
  return line.substr(13, line.size() - 15);
}

void append_number(std::string& out, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

void write_response(const HttpResponse& response, std::string& out) {
  out.append(status_line(response.status)).append(response.fields);
  if (response.close) out.append("Connection: close\r\n");
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) {
    if (!response.content_type.empty())
      out.append("Content-Type: ").append(response.content_type).append("\r\n");
    out.append("Content-Length: ");
    append_number(out, response.body.size());
    out.append("\r\n");
  }
  out.append("\r\n");
  if (!response.head_only && !bodiless) out.append(response.body);
}

}  // namespace sluice::wire
