// Envoy's rate limit service for clients without gRPC, as envoyproxy/ratelimit serves it, and what it goes
// by.
#include "door/http/asking.h"
#include "door/rls/json.h"
#include "policy/explanation.h"
#include "wire/http_writer.h"

namespace sluice::door::http {

namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";

void page(Call& call, int status, std::string_view body) {
  wire::write_response({.status = status,
                        .content_type = kPlain,
                        .body = body,
                        .close = call.close(),
                        .head_only = call.head_only()},
                       call.out);
}

/// False: the call is answered.
bool read_request(Call& call, rls::Request& request) {
  if (!has_json(call)) return false;
  const auto problem = rls::read_json(call.request.body, request);
  if (!problem.empty()) return refuse(call, 400, problem), false;
  return true;
}

}  // namespace

void should_rate_limit(Call& call) {
  rls::Request request;
  if (!read_request(call, request)) return;
  rls::Scratch scratch;
  rls::Part part;
  const auto fault = rls::ask(request, call.door.options().rls, call.door.policies(), scratch, call.batch.rls,
                              call.batch.asks, part);
  if (fault) return refuse(call, 400, fault->message);
  call.batch.replies.push_back(
      {.form = Reply::Form::rls, .close = call.close(), .first = part.first, .count = part.count});
}

void explain(Call& call) {
  rls::Request request;
  if (!read_request(call, request)) return;
  if (static_cast<std::size_t>(request.descriptors_size()) > call.door.options().rls.descriptors_max)
    return refuse(call, 400, "descriptors: too many");
  std::vector<std::vector<policy::Entry>> descriptors;
  for (const auto& descriptor : request.descriptors()) {
    auto& entries = descriptors.emplace_back();
    for (const auto& entry : descriptor.entries()) entries.push_back({entry.key(), entry.value()});
  }
  std::string text;
  for (const auto& explained : policy::explain(*call.door.policies(), request.domain(), descriptors)) {
    if (descriptors.size() > 1) text.append(text.empty() ? "" : "\n");
    text.append(policy::explanation_text(explained));
  }
  page(call, 200, text);
}

void policies(Call& call) { page(call, 200, call.door.policies()->text()); }

/// /readyz, in envoyproxy/ratelimit's way.
void healthcheck(Call& call) {
  const auto& ready = call.door.options().ready;
  const bool serves = !ready || ready();
  page(call, serves ? 200 : 500, serves ? "OK" : "");
}

}  // namespace sluice::door::http
