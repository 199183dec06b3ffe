// Requests under the named limits.
#include <algorithm>

#include "door/http/answer.h"
#include "door/http/routes.h"

namespace sluice::door::http {

namespace {

/// Without parameters: "application/json; charset=utf-8" is application/json.
std::string_view media_type(std::string_view value) {
  value = value.substr(0, std::min(value.find(';'), value.size()));
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  return value;
}

/// Web pages can make a browser ask here, in the name of its user and from inside the network. Browsers say
/// whose page it is, and of another site's nothing is done.
/// Not asked of /v1/auth, to which nginx hands on the fields of its own clients.
bool from_foreign_page(const wire::HttpRequest& request) {
  if (const auto* site = request.find("sec-fetch-site"))
    if (*site == "cross-site" || *site == "same-site") return true;
  const auto* const origin = request.find("origin");
  if (origin == nullptr) return false;
  const auto* const host = request.find("host");
  const auto authority = origin->find("://");
  return host == nullptr || authority == std::string_view::npos || origin->substr(authority + 3) != *host;
}

/// True if the body is there and says that it is JSON; otherwise the call is answered.
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

/// The text, for as long as the batch lasts.
std::string_view keep(Call& call, const wire::JsonString& string) {
  if (string.escaped) return call.batch.kept.emplace_back(string.text());
  return call.request.chunked ? call.batch.kept.emplace_back(string.raw) : string.raw;
}

const NamedLimits& limits_of(Call& call) {
  if (call.batch.limits == nullptr) call.batch.limits = call.door.limits();
  return *call.batch.limits;
}

void ask(Call& call, const NamedLimit* named, std::string_view key, Op op, const Wish& wish) {
  HttpBatch& batch = call.batch;
  const auto first = static_cast<std::uint32_t>(batch.asks.size());
  if (named != nullptr) policy::append_asks(*named->limit, key, wish.cost, op, wish.max_wait, batch.asks);
  batch.items.push_back({named, op, first, static_cast<std::uint32_t>(batch.asks.size() - first)});
}

void answer_by(Call& call, Reply::Form form, std::size_t items) {
  call.batch.replies.push_back({.form = form,
                                .close = call.close(),
                                .first = static_cast<std::uint32_t>(call.batch.items.size() - items),
                                .count = static_cast<std::uint32_t>(items)});
}

const NamedLimit* find(const NamedLimits& limits, const wire::JsonString& name) {
  return name.escaped ? limits.find(name.text()) : limits.find(name.raw);
}

void decide(Call& call, Op op, std::uint8_t fields) {
  if (!has_json(call)) return;
  auto& wishes = call.batch.wishes;
  bool many = false;
  const auto problem = read_wishes(call.request.body, fields, call.door.options().requests_max, wishes, many);
  if (!problem.empty()) return refuse(call, 400, problem);
  const NamedLimits& limits = limits_of(call);
  if (!many && find(limits, wishes[0].limit) == nullptr) return refuse(call, 404, kNoSuchLimit);
  for (const Wish& wish : wishes) {
    ask(call, find(limits, wish.limit), keep(call, wish.key), wish.partial ? Op::take_up_to : op, wish);
  }
  answer_by(call, many ? Reply::Form::list : Reply::Form::one, wishes.size());
}

/// What auth is asked: by query or by field, each once.
struct AuthWish {
  std::optional<std::string> limit, key, cost;
  std::string problem;

  void put(std::string_view name, std::optional<std::string> value) {
    auto* const to = name == "limit" ? &limit : name == "key" ? &key : name == "cost" ? &cost : nullptr;
    if (to == nullptr)
      problem =
          std::string(name.substr(0, 64)) + ": is no parameter of this request; it has limit, key, cost";
    else if (*to)
      problem = std::string(name) + ": stands there twice";
    else if (!value)
      problem = std::string(name) + ": % must be followed by two hexadecimal digits";
    else
      *to = std::move(value);
  }
};

AuthWish read_auth(const Call& call) {
  AuthWish wish;
  auto query = call.target.query;
  for (std::string_view name, value; wish.problem.empty() && wire::next_parameter(query, name, value);)
    wish.put(name, wire::decode_query(value));
  for (const auto& f : call.request.fields) {
    constexpr std::string_view kPrefix = "x-sluice-";
    if (f.name.size() <= kPrefix.size() || !wire::same_name(f.name.substr(0, kPrefix.size()), kPrefix))
      continue;
    for (const std::string_view name : {"limit", "key", "cost"})
      if (wish.problem.empty() && wire::same_name(f.name.substr(kPrefix.size()), name))
        wish.put(name, std::string(f.value));
  }
  if (!wish.problem.empty()) return wish;
  if (!wish.limit)
    wish.problem = "limit: is missing; give the name of a limit";
  else if (!wish.key)
    wish.problem = "key: is missing; give whom the limit counts";
  return wish;
}

}  // namespace

void take(Call& call) { decide(call, Op::take, kLimit | kKey | kCost | kPartial); }
void peek(Call& call) { decide(call, Op::peek, kLimit | kKey | kCost); }
void refund(Call& call) { decide(call, Op::refund, kLimit | kKey | kCost); }
void reset(Call& call) { decide(call, Op::reset, kLimit | kKey); }
void reserve(Call& call) { decide(call, Op::reserve, kLimit | kKey | kCost | kMaxWait); }

void auth(Call& call) {
  AuthWish asked = read_auth(call);
  Wish wish;
  if (asked.problem.empty() && asked.cost && (!wire::json_whole(*asked.cost, wish.cost) || wish.cost < 0))
    asked.problem = "cost: must be a whole number from 0 to 9223372036854775807";
  if (!asked.problem.empty()) return refuse(call, 400, asked.problem);
  const NamedLimit* const named = limits_of(call).find(*asked.limit);
  if (named == nullptr) return refuse(call, 404, kNoSuchLimit);
  ask(call, named, call.batch.kept.emplace_back(std::move(*asked.key)), Op::take, wish);
  answer_by(call, Reply::Form::auth, 1);
}

}  // namespace sluice::door::http
