// testing.h: a client's side of an HTTP session, for the tests beside this file.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "door/http/http_door.h"
#include "door/testing.h"

namespace sluice::door::http {

inline std::string get(std::string_view target, std::string_view fields = {}) {
  return std::string("GET ").append(target).append(" HTTP/1.1\r\nHost: t\r\n").append(fields).append("\r\n");
}
inline std::string post(std::string_view path, std::string_view body, std::string_view fields = {}) {
  return std::string("POST ")
      .append(path)
      .append(" HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n")
      .append(fields)
      .append("\r\n")
      .append(body);
}

/// One response, taken apart.
struct Response {
  int status = 0;
  std::string head;  ///< With the status line.
  std::string body;

  /// A field's value; "" if it is not there.
  std::string field(std::string_view name) const {
    const auto at = head.find(std::string("\r\n").append(name).append(": "));
    if (at == std::string::npos) return {};
    const auto from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

/// Takes one response off the front of `in`; status 0 if it is not whole.
inline Response read_response(std::string_view& in, bool head_only = false) {
  Response r;
  const auto end = in.find("\r\n\r\n");
  if (end == std::string_view::npos || !in.starts_with("HTTP/1.1 ")) return r;
  r.head = in.substr(0, end + 2);
  const auto length = r.field("Content-Length");
  const std::size_t bytes = length.empty() || head_only ? 0 : std::stoul(length);
  if (in.size() < end + 4 + bytes) return r;
  r.status = std::stoi(r.head.substr(9, 3));
  r.body = in.substr(end + 4, bytes);
  in.remove_prefix(end + 4 + bytes);
  return r;
}

struct TestDoor : DoorUnderTest<HttpDoor, HttpOptions> {
  explicit TestDoor(HttpOptions options = {}, std::vector<policy::Limit> limits = {},
                    store::Store* other = nullptr, observe::Decisions* decisions = nullptr,
                    std::size_t max_keys = std::size_t{1} << 16)
      : DoorUnderTest(std::move(options), std::move(limits), other, decisions, max_keys) {}

  /// One request, one response.
  Response ask(std::string_view request) {
    const std::string out = raw(request);
    std::string_view in = out;
    Response r = read_response(in, request.starts_with("HEAD "));
    if (!in.empty()) r.status = -1;
    return r;
  }
};

}  // namespace sluice::door::http
