// Envoy's rate limit service for clients without gRPC, as envoyproxy/ratelimit serves it, and what it goes
// by.
#include "door/http/asking.h"
#include "door/rls/json.h"

namespace sluice::door::http {

namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";

}  // namespace

void should_rate_limit(Call& call) {
  if (!has_json(call)) return;
  std::string bytes;
  rls::Scratch scratch;
  const auto problem = rls::read_json(call.request.body, bytes);
  if (!problem.empty()) return refuse(call, 400, problem);
  if (!rls::read_request(bytes, scratch.asked)) return refuse(call, 400, "the body is no RateLimitRequest");
  if (refuse_domain(call, scratch.asked.domain)) return;
  rls::Part part;
  const auto fault = rls::ask(scratch.asked, call.door.options().rls, call.door.policies(), scratch,
                              call.batch.rls, call.batch.asks, part);
  if (fault) return refuse(call, 400, fault->message);
  call.batch.replies.push_back(
      {.form = Reply::Form::rls, .close = call.close(), .first = part.first, .count = part.count});
}

void policies(Call& call) { show(call, {.content_type = kPlain, .body = call.door.policies()->text()}); }

/// /readyz, in envoyproxy/ratelimit's way.
void healthcheck(Call& call) {
  const auto& ready = call.door.options().ready;
  const bool serves = !ready || ready();
  show(call, {.status = serves ? 200 : 500, .content_type = kPlain, .body = serves ? "OK" : ""});
}

}  // namespace sluice::door::http
