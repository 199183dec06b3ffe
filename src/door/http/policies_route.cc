// GET /v1/policies: the files in force, and what they say.
#include <string>
#include <vector>

#include "door/http/asking.h"
#include "door/http/query.h"
#include "policy/policy_set.h"
#include "wire/json_object.h"

namespace sluice::door::http {

namespace {

constexpr std::size_t kRulesTold = 1000;                 // Of one file.
constexpr std::size_t kTextTold = std::size_t{1} << 20;  // Bytes.

using Rules = std::vector<std::string>;  // JSON.

void append_file(const policy::Source& source, std::string_view kind, std::size_t total, const Rules& rules,
                 bool with_text, std::string& out) {
  if (!out.ends_with('[')) out.append(",");
  wire::JsonObject file(out);
  file.text("file", source.name);
  file.text("kind", kind);
  file.text("version", source.version);
  file.time("loaded", source.read_wall_ns);
  file.number("bytes", source.text.size());
  file.number("rules_total", total);
  file.name("rules") += '[';
  for (const auto& rule : rules) {
    if (&rule != rules.data()) out.append(",");
    out.append(rule);
  }
  out.append("]");
  if (!with_text) return;
  if (source.text.size() <= kTextTold)
    file.text("text", source.text);
  else
    file.name("text") += "null";
}

std::string rule_json(const policy::Rule& rule) {
  std::string out;
  {
    wire::JsonObject one(out);
    one.text("rule", rule.full_name);
    one.text("name", rule.name);
    one.text("domain", rule.domain);
    one.number("line", static_cast<std::uint64_t>(rule.line));
    one.text("limit", rule.text());
    one.text("mode", rule.mode == policy::Mode::shadow ? "shadow" : "enforce");
  }
  return out;
}

/// Of each file of the set, in its order, the rules that are told, and how many there are.
struct RulesOfFile {
  std::size_t total = 0;
  std::vector<const policy::Rule*> first;
};
std::vector<RulesOfFile> rules_by_file(const policy::PolicySet& set) {
  std::vector<RulesOfFile> all(set.sources().size());
  for (const policy::Rule* rule : set.rules()) {
    const auto* const source = set.source_of(*rule);
    if (source == nullptr) continue;
    auto& of = all[static_cast<std::size_t>(source - set.sources().data())];
    if (++of.total <= kRulesTold) of.first.push_back(rule);
  }
  return all;
}

}  // namespace

void list_policies(Call& call) {
  Query query(call.target.query, {"file"});
  if (!query.problem().empty()) return refuse(call, 400, query.problem());
  const auto& file = query["file"];
  const auto wanted = [&](const policy::Source& source) {
    return !source.version.empty() && (!file || *file == source.name);
  };
  std::string body("{\"files\":[");
  const auto limits = call.door.limits();
  if (const auto& source = limits->set->source(); wanted(source)) {
    Rules rules;
    for (const auto& named : limits->limits) rules.push_back(named.json);
    append_file(source, "limits", rules.size(), rules, file.has_value(), body);
  }
  const auto set = call.door.policies();
  const auto by_file = rules_by_file(*set);
  for (std::size_t i = 0; i < by_file.size(); ++i) {
    if (!wanted(set->sources()[i])) continue;
    Rules rules;
    for (const policy::Rule* rule : by_file[i].first) rules.push_back(rule_json(*rule));
    append_file(set->sources()[i], "policies", by_file[i].total, rules, file.has_value(), body);
  }
  if (file && body.ends_with('['))
    return refuse(call, 404, "file: none of this name is in force; GET /v1/policies lists them");
  show(call, {.body = body.append("]}")});
}

}  // namespace sluice::door::http
