// http_response.h: an HTTP/1.1 response, as one who asked reads it (RFC 9112). No more of it than is needed
// to know how a request came out: the status, when to come again, and a short body.
//
//     HttpResponse response;
//     if (read_http_response(in, response) == HttpResponseRead::whole) ...;   // `in`: all bytes so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/time.h"

namespace sluice::wire {

inline constexpr std::size_t kHttpResponseMax = 64 * 1024;  ///< Bytes, the body among them.

struct HttpResponse {
  int status = 0;
  std::optional<Duration> retry_after;  ///< If it is said in seconds.
  std::string_view body;                ///< Empty where its length is not said.
  bool reusable = false;                ///< Another request may follow on the connection.
};

enum class HttpResponseRead : std::uint8_t {
  need_more,
  whole,  ///< Of a response that does not say its length that is its head.
  malformed,
};

/// Looks at `in` from its begin each time. Interim responses (1xx) are passed over. The views are into `in`.
HttpResponseRead read_http_response(std::string_view in, HttpResponse& response);

}  // namespace sluice::wire
