#include "door/http/routes.h"

#include <algorithm>

#include "door/http/answer.h"
#include "wire/http_writer.h"

namespace sluice::door::http {

namespace {

constexpr access::Need kToChangeAll{access::kChange, true};

constexpr Route kRoutes[] = {
    {"POST", "/v1/take", take, access::kToTake, true},
    {"GET", "/v1/auth", auth, access::kToTake, true},
    {"POST", "/v1/peek", peek, access::kToLook, true},
    {"POST", "/v1/refund", refund, access::kToTake},
    {"POST", "/v1/reset", reset, access::kToChange},
    {"POST", "/v1/reserve", reserve, access::kToTake, true},
    {"POST", "/v1/hold", hold, access::kToTake, true},
    {"POST", "/v1/settle", settle, access::kToTake},
    {"POST", "/json", should_rate_limit, access::kToTake, true},
    {"GET", "/v1/explain", explain, access::kToExplain},
    {"GET", "/v1/live", live, kToListen},
    {"GET", "/v1/top", top},
    {"GET", "/v1/history", history},
    {"GET", "/v1/why", why, access::kToExplain},
    {"GET", "/v1/limits", list_limits},
    {"GET", "/v1/policies", list_policies},
    {"POST", "/v1/reload", reload, kToChangeAll},
    {"POST", "/v1/log-level", log_level, kToChangeAll},
    {"GET", "/rlconfig", policies},
    {"GET", "/metrics", metrics},
    {"GET", "/openapi.json", openapi, access::kAnyToken},
    {"GET", "/healthz", health, access::kOpen},
    {"GET", "/readyz", readiness, access::kOpen},
    {"GET", "/healthcheck", healthcheck, access::kOpen},
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

/// Of the field Authorization; of two of them none.
std::string_view authorization(const wire::HttpRequest& request) {
  std::string_view value;
  for (const auto& field : request.fields) {
    if (!wire::same_name(field.name, "authorization")) continue;
    if (!value.empty()) return "twice";
    value = field.value;
  }
  return value;
}

/// False: the call is answered. RFC 6750 has the words of WWW-Authenticate.
bool admit(Call& call, const Route& route) {
  if (!call.gate.on()) return true;
  const auto shown = authorization(call.request);
  call.gate.come(shown);
  const auto denied = call.gate.refuses(route.need);
  if (!denied) return true;
  std::string field(kAskForToken.substr(0, kAskForToken.size() - 2));
  if (denied->known)
    field.append(", error=\"insufficient_scope\", scope=\"")
        .append(access::roles_text(route.need.any_of, " "))
        .append("\"");
  else if (!shown.empty())
    field.append(", error=\"invalid_token\"");
  // To nginx 403 is a refusal for want of tokens in a bucket.
  const bool as_refusal = denied->known && route.answer != auth;
  refuse(call, as_refusal ? 403 : 401, denied->message, field.append("\r\n"));
  return false;
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
    if (r.path == call.target.path && r.method == method) {
      if (!admit(call, r)) return;
      return r.asks && call.session.sheds() ? refuse(call, 503, kOverloaded, kRetryInASecond)
                                            : r.answer(call);
    }
  if (!show_ui(call)) refuse_method(call);
}

}  // namespace sluice::door::http
