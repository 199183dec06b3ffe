// What was seen: GET /v1/top, the heaviest keys, GET /v1/why, one key now and its latest refusals, and
// GET /v1/history.
#include <algorithm>
#include <string>
#include <utility>

#include "core/decision_names.h"
#include "door/http/asking.h"
#include "door/http/query.h"
#include "policy/policy_set.h"
#include "wire/json_writer.h"

namespace sluice::door::http {

namespace {

constexpr std::size_t kTopMax = 1000;
constexpr std::size_t kRefusalsTold = 20;

constexpr std::pair<std::string_view, std::int64_t> kSteps[] = {{"1s", 1}, {"1m", 60}, {"1h", 3600}};

/// A rule of the policies that has buckets, by its full name. Null: there is none, or it is not for the
/// token.
const policy::Rule* seek_rule(Call& call, std::string_view name) {
  auto& set = call.batch.rls.policies;
  if (set == nullptr) set = call.door.policies();
  const auto& scope = call.gate.scope();
  for (const policy::Rule* rule : set->rules())
    if (rule->limit && rule->limit->name == name)
      return scope == nullptr || scope->has_domain(rule->domain) ? rule : nullptr;
  return nullptr;
}

}  // namespace

void top(Call& call) {
  const auto& tells = call.door.options().top;
  if (!tells) return refuse(call, 404, "this server counts no keys: its setting top_keys is 0");
  Query query(call.target.query, {"limit", "by", "n"});
  std::int64_t n = 20;
  if (query["n"] && (!wire::json_whole(*query["n"], n) || n < 1 || n > static_cast<std::int64_t>(kTopMax)))
    query.wrong("n: must be a whole number from 1 to 1000");
  const std::string by = query["by"].value_or("asked");
  if (by != "asked" && by != "refused") query.wrong("by: must be asked or refused");
  if (!query.problem().empty()) return refuse(call, 400, query.problem());
  show(call, {.body = tells(query["limit"].value_or(""), by == "refused", static_cast<std::size_t>(n))});
}

void history(Call& call) {
  const auto& ask = call.door.options().history;
  if (!ask) return refuse(call, 404, "this server keeps no history: its setting history names no file");
  Query query(call.target.query, {"limit", "outcome", "from", "to", "step"});
  observe::HistoryQuery asked;
  for (const auto& [name, to] : {std::pair("from", &asked.from), {"to", &asked.to}})
    if (!query[name])
      query.wrong(std::string(name) + ": is missing; give seconds since 1970");
    else if (!wire::json_whole(*query[name], *to) || *to < 0)
      query.wrong(std::string(name) + ": must be seconds since 1970, a whole number");
  const std::string step = query["step"].value_or("1s");
  const auto* const known = std::ranges::find(kSteps, step, [](const auto& s) { return s.first; });
  if (known == std::end(kSteps))
    query.wrong("step: must be 1s, 1m or 1h");
  else
    asked.step = known->second;
  if (query["outcome"]) {
    const auto* const of = std::ranges::find(kOutcomeNames, std::string_view(*query["outcome"]));
    if (of == kOutcomeNames.end())
      query.wrong("outcome: must be allowed, refused or never");
    else
      asked.outcome = static_cast<Outcome>(of - kOutcomeNames.begin());
  }
  if (!query.problem().empty()) return refuse(call, 400, query.problem());
  asked.limit = query["limit"].value_or("");
  const bool taken = answer_later(call, [&](auto tell) {
    return ask(std::move(asked), [tell](Result<std::string> told) {
      if (told) return tell({.body = std::move(*told)});
      tell({.status = told.error().code == Code::out_of_range ? 400 : 503, .body = told.error().message});
    });
  });
  if (!taken) refuse(call, 503, "too many questions about the history wait; come again", kRetryInASecond);
}

void why(Call& call) {
  Query query(call.target.query, {"limit", "key"});
  for (const std::string_view name : {"limit", "key"})
    if (!query[name]) query.wrong(std::string(name) + ": is missing; ask as in ?limit=api&key=alice");
  if (!query.problem().empty()) return refuse(call, 400, query.problem());
  std::string_view version;
  Sought sought = seek(call, *query["limit"]);
  if (sought.named == nullptr) {
    if (const auto* rule = seek_rule(call, *query["limit"])) {
      sought.named = &call.batch.rules.emplace_back(*rule->limit);
      if (const auto* const source = call.batch.rls.policies->source_of(*rule)) version = source->version;
    } else {
      return refuse(call, *sought.problem);
    }
  }
  const auto& tells = call.door.options().refusals;
  const std::string& refusals = call.batch.kept.emplace_back(
      tells ? tells(*query["limit"], *query["key"], kRefusalsTold) : std::string("null"));
  Item& item =
      ask(call, *sought.named, call.batch.kept.emplace_back(std::move(*query["key"])), {.op = Op::peek});
  item.refusals = &refusals;
  item.version = version;
  answer_by(call, Reply::Form::why, 1);
  call.batch.replies.back().head_only = call.head_only();
}

}  // namespace sluice::door::http
