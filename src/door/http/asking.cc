#include "door/http/asking.h"

#include <algorithm>

#include "store/once.h"

namespace sluice::door::http {

namespace {

/// Without parameters: "application/json; charset=utf-8" is application/json.
std::string_view media_type(std::string_view value) {
  value = value.substr(0, std::min(value.find(';'), value.size()));
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  return value;
}

}  // namespace

bool from_foreign_page(const wire::HttpRequest& request) {
  if (const auto* site = request.find("sec-fetch-site"))
    if (*site == "cross-site" || *site == "same-site") return true;
  const auto* const origin = request.find("origin");
  if (origin == nullptr) return false;
  const auto* const host = request.find("host");
  const auto authority = origin->find("://");
  return host == nullptr || authority == std::string_view::npos || origin->substr(authority + 3) != *host;
}

bool has_json(Call& call) {
  if (from_foreign_page(call.request))
    return refuse(call, 403, "a web page of another origin may not ask here"), false;
  if (!call.request.framed)
    return refuse(call, 411, "the request has no body; send one with a Content-Length"), false;
  const auto* const type = call.request.find("content-type");
  if (type == nullptr) return true;
  const auto media = media_type(*type);
  // What `curl -d` says of any body, if not told otherwise.
  if (wire::same_name(media, "application/json") ||
      wire::same_name(media, "application/x-www-form-urlencoded"))
    return true;
  return refuse(call, 415, "Content-Type must be application/json"), false;
}

bool read_body(Call& call, std::uint16_t fields, bool& many) {
  if (!has_json(call)) return false;
  const auto problem =
      read_wishes(call.request.body, fields, call.door.options().requests_max, call.batch.wishes, many);
  if (!problem.empty()) return refuse(call, 400, problem), false;
  return true;
}

std::string_view keep(Call& call, const wire::JsonString& string) {
  if (string.escaped) return call.batch.kept.emplace_back(string.text());
  return call.request.chunked ? call.batch.kept.emplace_back(string.raw) : string.raw;
}

const NamedLimits& limits_of(Call& call) {
  if (call.batch.limits == nullptr) call.batch.limits = call.door.limits();
  return *call.batch.limits;
}

Sought seek(Call& call, std::string_view name) {
  if (const auto& scope = call.gate.scope(); scope != nullptr && !scope->has_limit(name)) {
    call.gate.count_out_of_scope();
    return {nullptr, &kNotForToken};  // Whether there is one is not told.
  }
  return {limits_of(call).find(name)};
}

Sought seek(Call& call, const wire::JsonString& name) {
  return name.escaped ? seek(call, name.text()) : seek(call, name.raw);
}

Item& ask(Call& call, const NamedLimit& named, std::string_view key, const Asked& asked) {
  HttpBatch& batch = call.batch;
  const auto first = static_cast<std::uint32_t>(batch.asks.size());
  const bool with_id = !asked.id.empty();
  if (with_id)
    policy::append_refund_once(*named.limit, key, asked.amount,
                               batch.kept.emplace_back(store::once_key(key, asked.id)), batch.asks);
  else
    policy::append_asks(*named.limit, key, asked.amount, asked.op, asked.max_wait, batch.asks);
  const auto count = static_cast<std::uint32_t>(batch.asks.size() - first - (with_id ? 1 : 0));
  return batch.items.emplace_back(
      Item{.named = &named, .op = asked.op, .first = first, .count = count, .with_id = with_id});
}

bool refuse_domain(Call& call, std::string_view domain) {
  const auto& scope = call.gate.scope();
  if (scope == nullptr || scope->has_domain(domain)) return false;
  call.gate.count_out_of_scope();
  refuse(
      call, 403,
      "domain: the token is not for this domain; its domains in the server's file of tokens say for which");
  return true;
}

void ask_nothing(Call& call, const ItemProblem& problem) {
  call.batch.items.push_back({.problem = &problem});
}

void answer_by(Call& call, Reply::Form form, std::size_t items) {
  call.batch.replies.push_back({.form = form,
                                .close = call.close(),
                                .first = static_cast<std::uint32_t>(call.batch.items.size() - items),
                                .count = static_cast<std::uint32_t>(items)});
}

}  // namespace sluice::door::http
