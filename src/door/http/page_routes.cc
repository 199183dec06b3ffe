// Pages about the server, which need no decision.
#include "door/http/openapi.h"
#include "door/http/routes.h"

namespace sluice::door::http {

namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";

}  // namespace

void list_limits(Call& call) {
  std::string body("{\"limits\":[");
  bool first = true;
  for (const auto& named : call.door.limits()->limits) {
    if (!first) body.append(",");
    first = false;
    body.append(named.json);
  }
  show(call, {.body = body.append("]}")});
}

void health(Call& call) { show(call, {.content_type = kPlain, .body = "ok\n"}); }

void readiness(Call& call) {
  const auto& ready = call.door.options().ready;
  if (ready && !ready()) return refuse(call, 503, "this server is starting or going down; ask another");
  const auto& up = call.door.options().store_up;
  show(call,
       {.content_type = kPlain,
        .body = !up || up() ? "ready\n"
                            : "ready; the shared store is away, each limit's on_store_failure decides\n"});
}

void metrics(Call& call) {
  const auto& text = call.door.options().metrics;
  if (!text) return refuse(call, 404, "this server keeps no metrics");
  show(call, {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = text()});
}

void openapi(Call& call) {
  constexpr std::string_view kMark = "@VERSION@";
  std::string document(kOpenApi);
  document.replace(document.find(kMark), kMark.size(), call.door.options().version);
  show(call, {.body = document});
}

}  // namespace sluice::door::http
