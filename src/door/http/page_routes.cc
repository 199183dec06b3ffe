// Pages about the server, which need no decision.
#include "door/http/openapi.h"
#include "door/http/routes.h"
#include "wire/http_writer.h"

namespace sluice::door::http {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kPlain = "text/plain; charset=utf-8";

void page(Call& call, std::string_view content_type, std::string_view body) {
  wire::write_response(
      {.content_type = content_type, .body = body, .close = call.close(), .head_only = call.head_only()},
      call.out);
}

}  // namespace

void list_limits(Call& call) {
  std::string body("{\"limits\":[");
  bool first = true;
  for (const auto& named : call.door.limits()->limits) {
    if (!first) body.append(",");
    first = false;
    body.append(named.json);
  }
  page(call, kJson, body.append("]}"));
}

void health(Call& call) { page(call, kPlain, "ok\n"); }

void readiness(Call& call) {
  const auto& ready = call.door.options().ready;
  if (ready && !ready()) return refuse(call, 503, "this server is starting or going down; ask another");
  page(call, kPlain, "ready\n");
}

void metrics(Call& call) {
  const auto& text = call.door.options().metrics;
  if (!text) return refuse(call, 404, "this server keeps no metrics");
  page(call, "text/plain; version=0.0.4; charset=utf-8", text());
}

void openapi(Call& call) {
  constexpr std::string_view kMark = "@VERSION@";
  std::string document(kOpenApi);
  document.replace(document.find(kMark), kMark.size(), call.door.options().version);
  page(call, kJson, document);
}

}  // namespace sluice::door::http
