// Requests under the named limits.
#include "door/http/answer.h"
#include "door/http/asking.h"

namespace sluice::door::http {

namespace {

void decide(Call& call, Op op, std::uint16_t fields) {
  bool many = false;
  if (!read_body(call, fields, many)) return;
  const auto& wishes = call.batch.wishes;
  for (const Wish& wish : wishes) {
    const Sought sought = seek(call, wish.limit);
    if (sought.named != nullptr)
      ask(call, *sought.named, keep(call, wish.key),
          {.op = wish.partial ? Op::take_up_to : op,
           .amount = wish.cost,
           .max_wait = wish.max_wait,
           .id = wish.id.raw.empty() ? std::string_view{} : keep(call, wish.id)});
    else if (many)
      ask_nothing(call, *sought.problem);
    else
      return refuse(call, *sought.problem);
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
void refund(Call& call) { decide(call, Op::refund, kLimit | kKey | kCost | kId); }
void reset(Call& call) { decide(call, Op::reset, kLimit | kKey); }
void reserve(Call& call) { decide(call, Op::reserve, kLimit | kKey | kCost | kMaxWait); }

void auth(Call& call) {
  AuthWish asked = read_auth(call);
  std::int64_t cost = 1;
  if (asked.problem.empty() && asked.cost && (!wire::json_whole(*asked.cost, cost) || cost < 0))
    asked.problem = "cost: must be a whole number from 0 to 9223372036854775807";
  if (!asked.problem.empty()) return refuse(call, 400, asked.problem);
  const Sought sought = seek(call, *asked.limit);
  if (sought.problem == &kNotForToken)
    return refuse(call, 401, kNotForToken.detail, kAskForToken);  // As in admit().
  if (sought.named == nullptr) return refuse(call, *sought.problem);
  ask(call, *sought.named, call.batch.kept.emplace_back(std::move(*asked.key)), {.amount = cost});
  answer_by(call, Reply::Form::auth, 1);
}

}  // namespace sluice::door::http
