#include "door/http/answer.h"

#include "core/decision_names.h"
#include "door/ratelimit_fields.h"
#include "door/rls/json.h"
#include "wire/http_writer.h"
#include "wire/json_writer.h"

namespace sluice::door::http {

namespace {

/// One decided request, ready to be told.
struct Told {
  Told(const Item& item, std::span<const Decision> all, const Explaining& from)
      : named(*item.named),
        chain(all.subspan(item.first, item.count)),
        op(item.op),
        hold(item.hold),
        explaining(from) {
    if (item.with_id) applied = all[item.first + item.count].allowed();
    verdict = policy::combine(chain);
    shadowed = !verdict.decision.allowed() && named.limit->mode == policy::Mode::shadow;
    allowed = verdict.decision.allowed() || shadowed;
  }
  /// Only what asks to pass can be refused; who peeks has got an answer.
  bool refused() const { return !allowed && op != Op::peek; }

  const NamedLimit& named;
  const std::span<const Decision> chain;
  const Op op;
  const std::optional<HoldId> hold;
  const Explaining& explaining;
  std::optional<bool> applied;  // Of a refund with an id: whether it was done now, or before.
  policy::Verdict verdict;
  bool allowed;
  bool shadowed;
};

void append_members(const Told& told, std::string& body) {
  const Decision& d = told.verdict.decision;
  body.append(told.allowed ? "\"allowed\":true" : "\"allowed\":false");
  body.append(told.named.quotas[told.verdict.decided].json);
  wire::json_integer(body, d.remaining);
  body.append(",\"retry_after\":");
  if (told.allowed)
    body.append("0");
  else if (d.outcome == Outcome::never)
    body.append("null");
  else
    wire::json_seconds(body, d.retry_after);
  body.append(",\"reset_after\":");
  wire::json_seconds(body, d.reset_after);
  if (told.op == Op::take_up_to) {
    body.append(",\"granted\":");
    wire::json_integer(body, d.granted);
  } else if (told.op == Op::reserve) {
    body.append(",\"due_after\":");
    wire::json_seconds(body, d.due_after);
  }
  if (told.applied) body.append(*told.applied ? ",\"applied\":true" : ",\"applied\":false");
  if (told.hold) body.append(",\"hold\":\"").append(told.hold->text()).append("\"");
  if (told.shadowed) body.append(",\"shadow_refused\":true");
  if (d.origin == Origin::degraded) body.append(",\"degraded\":true");
  if (!told.explaining.on) return;
  body.append(",\"version\":\"").append(told.explaining.version);
  body.append("\",\"store\":\"").append(store_name(d.origin, told.explaining.shared)).append("\"");
}

/// {"type":..,..,"violated-policies":["api"],"allowed":false,..}: RFC 9457 with the RateLimit draft's type.
void append_refusal(const Told& told, std::string& body) {
  body.append(
      "{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\","
      "\"title\":\"Request cannot be satisfied as assigned quota has been "
      "exceeded\",\"status\":429,\"detail\":");
  body.append(told.verdict.decision.outcome == Outcome::never
                  ? "\"the cost is above the quota's capacity, so it can never pass; ask for less\""
                  : "\"too few tokens are left; come again after retry_after seconds\"");
  body.append(",\"violated-policies\":[");
  bool first = true;
  for (std::size_t i = 0; i < told.chain.size(); ++i) {
    if (told.chain[i].allowed()) continue;
    if (!first) body.append(",");
    first = false;
    body.append(told.named.quotas[i].policy);
  }
  body.append("],");
  append_members(told, body);
  body.append("}");
}

/// RateLimit-Policy, RateLimit and, of what may come again, Retry-After.
void append_fields(const Told& told, std::string& out) {
  out.append(told.named.policy_field).append("RateLimit: ");
  for (std::size_t i = 0; i < told.chain.size(); ++i) {
    const Decision& d = told.chain[i];
    if (i > 0) out.append(", ");
    out.append(told.named.quotas[i].member);
    append_remaining(out, d);
  }
  out.append("\r\n");
  const Decision& d = told.verdict.decision;
  if (!told.refused() || d.outcome == Outcome::never) return;
  out.append("Retry-After: ");
  wire::append_number(out, static_cast<std::uint64_t>(seconds_up(d.retry_after)));
  out.append("\r\n");
}

void append_end(const Reply& reply, std::string_view body, std::string& out) {
  out.append("Content-Length: ");
  wire::append_number(out, body.size());
  out.append(reply.close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
  out.append(body);
}

void write_one(const Reply& reply, const Told& told, std::string& body, std::string& out) {
  if (told.refused()) {
    append_refusal(told, body);
    out.append("HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\n");
  } else {
    body.append("{");
    append_members(told, body);
    body.append("}");
    out.append("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
  }
  append_fields(told, out);
  append_end(reply, body, out);
}

void append_problem(int status, std::string_view detail, std::string& body) {
  body.append("{\"type\":\"about:blank\",\"title\":");
  wire::json_string(body, wire::http_reason(status));
  body.append(",\"status\":");
  wire::json_integer(body, status);
  body.append(",\"detail\":");
  wire::json_string(body, detail);
  body.append("}");
}

void write_list(const Reply& reply, std::span<const Item> items, std::span<const Decision> decisions,
                const Explaining& explaining, std::string& body, std::string& out) {
  body.append("{\"results\":[");
  for (const Item& item : items) {
    if (&item != items.data()) body.append(",");
    if (item.named == nullptr) {
      append_problem(item.problem->status, item.problem->detail, body);
      continue;
    }
    const Told told(item, decisions, explaining);
    if (told.refused()) {
      append_refusal(told, body);
      continue;
    }
    body.append("{\"status\":200,");
    append_members(told, body);
    body.append("}");
  }
  body.append("]}");
  out.append("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
  append_end(reply, body, out);
}

void write_auth(const Reply& reply, const Told& told, std::string& out) {
  const std::string_view outcome = told.shadowed                                     ? "shadow-refused"
                                   : told.allowed                                    ? "allowed"
                                   : told.verdict.decision.outcome == Outcome::never ? "never"
                                                                                     : "refused";
  out.append(told.allowed ? "HTTP/1.1 204 No Content\r\n"
                          : "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n");
  append_fields(told, out);
  out.append("X-Sluice-Outcome: ").append(outcome);
  if (told.verdict.decision.origin == Origin::degraded) out.append("\r\nX-Sluice-Degraded: true");
  if (told.explaining.on) {
    const auto& named = told.named.quotas[told.verdict.decided];
    out.append("\r\nX-Sluice-Quota: ").append(named.text);
    out.append("\r\nX-Sluice-Version: ").append(told.explaining.version);
    out.append("\r\nX-Sluice-Store: ");
    out.append(store_name(told.verdict.decision.origin, told.explaining.shared));
  }
  out.append(reply.close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
}

}  // namespace

void write_reply(const Reply& reply, std::span<const Item> items, std::span<const Decision> decisions,
                 const Explaining& explaining, std::string& body, std::string& out) {
  body.clear();
  switch (reply.form) {
    case Reply::Form::text:
    case Reply::Form::why:
    case Reply::Form::rls:
    case Reply::Form::page:
      return;
    case Reply::Form::one:
      return write_one(reply, Told(items[0], decisions, explaining), body, out);
    case Reply::Form::list:
      return write_list(reply, items, decisions, explaining, body, out);
    case Reply::Form::auth:
      return write_auth(reply, Told(items[0], decisions, explaining), out);
  }
}

void write_rls(const rls::Requests& requests, std::span<const Decision> decisions, const Reply& reply,
               const RlsOptions& options, std::string& body, std::string& out) {
  rls::Response response;
  std::string fields;
  rls::answer(requests, decisions, {reply.first, reply.count}, options, response, &fields);
  body.clear();
  rls::write_json(response, body);
  const bool over = response.overall_code() == rls::Response::OVER_LIMIT;
  wire::write_response({.status = over ? 429 : 200,
                        .fields = fields,
                        .content_type = "application/json",
                        .body = body,
                        .close = reply.close},
                       out);
}

void write_page(const PageMade& page, const Reply& reply, std::string& out) {
  if (page.status != 200)
    return write_problem(
        {.status = page.status, .detail = page.body, .close = reply.close, .head_only = reply.head_only},
        out);
  wire::write_response({.content_type = "application/json",
                        .body = page.body,
                        .close = reply.close,
                        .head_only = reply.head_only},
                       out);
}

void write_problem(const Problem& problem, std::string& out) {
  std::string body;
  append_problem(problem.status, problem.detail, body);
  wire::write_response({.status = problem.status,
                        .fields = problem.fields,
                        .content_type = "application/problem+json",
                        .body = body,
                        .close = problem.close,
                        .head_only = problem.head_only},
                       out);
}

}  // namespace sluice::door::http
