#include "door/http/routes.h"

#include <algorithm>

#include "door/http/answer.h"
#include "wire/http_writer.h"

namespace sluice::door::http {

namespace {

constexpr Route kRoutes[] = {
    {"POST", "/v1/take", take},           {"GET", "/v1/auth", auth},
    {"POST", "/v1/peek", peek},           {"POST", "/v1/refund", refund},
    {"POST", "/v1/reset", reset},         {"POST", "/v1/reserve", reserve},
    {"POST", "/v1/hold", hold},           {"POST", "/v1/settle", settle},
    {"GET", "/v1/limits", list_limits},   {"GET", "/healthz", health},
    {"GET", "/readyz", readiness},        {"GET", "/metrics", metrics},
    {"POST", "/json", should_rate_limit}, {"GET", "/rlconfig", policies},
    {"GET", "/healthcheck", healthcheck}, {"GET", "/openapi.json", openapi},
    {"GET", "/v1/explain", explain},
};

constexpr std::string_view kMethods[] = {"GET",     "HEAD",  "POST",  "PUT",    "DELETE",
                                         "OPTIONS", "PATCH", "TRACE", "CONNECT"};

/// No route for this method: the path is unknown, or the method is.
void refuse_method(Call& call) {
  if (std::find(std::begin(kMethods), std::end(kMethods), call.request.method) == std::end(kMethods))
    return refuse(call, 501, "this server knows no such method");
  std::string allowed;
  for (const auto& r : kRoutes)
    if (r.path == call.target.path) allowed.append(r.method == "GET" ? "GET, HEAD" : r.method);
  if (allowed.empty())
    return refuse(call, 404, "there is nothing at this path; GET /openapi.json lists what there is");
  refuse(call, 405, "this path is asked by " + allowed, "Allow: " + allowed + "\r\n");
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

void show(Call& call, const Page& page) {
  wire::write_response({.status = page.status,
                        .content_type = page.content_type,
                        .body = page.body,
                        .close = call.close(),
                        .head_only = call.head_only()},
                       call.out);
}

void refuse(Call& call, int status, std::string_view detail, std::string_view fields) {
  write_problem({.status = status,
                 .detail = detail,
                 .fields = fields,
                 .close = call.close(),
                 .head_only = call.head_only()},
                call.out);
}

void answer_request(Call& call) {
  call.target = wire::split_target(call.request.target);
  const std::string_view method = call.head_only() ? std::string_view("GET") : call.request.method;
  for (const auto& r : kRoutes)
    if (r.path == call.target.path && r.method == method) return r.answer(call);
  refuse_method(call);
}

}  // namespace sluice::door::http
