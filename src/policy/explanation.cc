#include "policy/explanation.h"

#include <algorithm>

#include "policy/domain.h"
#include "policy/yaml.h"

namespace sluice::policy {

namespace {

std::string entry_text(const std::pair<std::string, std::string>& e) { return e.first + "=" + e.second; }

std::string no_domain(const PolicySet& set, std::string_view domain) {
  const auto known = set.domains();
  return "no policy has the domain " + quoted(domain) + nearest(domain, known);
}

/// REQUIRES: the domain is known and there is no rule.
std::string no_rule(const Explained& e) {
  if (e.entries.empty()) return "a descriptor without entries matches nothing";
  if (e.steps.empty()) return "the domain has no descriptors";
  const auto& last = e.steps.back();
  const std::size_t depth = e.steps.size();
  const std::string above = depth < 2 ? "at the top" : "below " + e.steps[depth - 2].descriptor;
  if (last.how == Step::How::nothing)
    return "nothing " + above + " fits " + entry_text(e.entries[depth - 1]) +
           ": neither this value, nor a pattern, nor the key without a value";
  if (depth < e.entries.size())
    return "nothing stands below " + last.descriptor + ", but the request goes on with " +
           entry_text(e.entries[depth]);
  return last.descriptor + " has no rate_limit, so nothing limits it";
}

std::string why(const Explained& e) {
  if (e.replaced) return "another rule of this request replaces \"" + e.rule->name + "\"";
  if (e.by_list) return e.outcome == Match::Outcome::refuse ? "on a deny list" : "on an allow list";
  if (e.rule->kind == Rule::Kind::closed) return "requests_per_unit is 0";
  return {};
}

Explained one(const PolicySet& set, const Domain& domain, const std::vector<Entry>& descriptor, Match match,
              std::string_view keys) {
  Explained e;
  for (const Entry& entry : descriptor) e.entries.emplace_back(entry.key, entry.value);
  e.steps = set.explain(domain, descriptor);
  e.outcome = match.outcome;
  e.by_list = match.by_list;
  e.rule = match.rule;
  if (const Source* source = e.rule == nullptr ? nullptr : set.source_of(*e.rule))
    e.version = source->version;
  e.replaced = match.rule != nullptr && match.outcome == Match::Outcome::none;
  e.key = match.key(keys);
  e.stat = set.stat_name(domain, descriptor);
  e.reason = e.rule == nullptr ? no_rule(e) : why(e);
  return e;
}

std::string step_text(const Step& step) {
  switch (step.how) {
    case Step::How::exact:
      return step.descriptor + ", key and value";
    case Step::How::pattern:
      return step.descriptor + ", the first pattern that fits" +
             (step.shadowed.empty() ? "" : " (before " + step.shadowed + ")");
    case Step::How::key_alone:
      return step.descriptor + ", the key without a value";
    case Step::How::nothing:
      break;
  }
  return "nothing fits";
}

std::string verdict_text(const Explained& e) {
  switch (e.outcome) {
    case Match::Outcome::none:
      return "not limited";
    case Match::Outcome::ask:
      return "asks its buckets";
    case Match::Outcome::allow:
      return "always allowed";
    case Match::Outcome::refuse:
      break;
  }
  return e.rule->mode == Mode::shadow ? "always over the limit, and allowed in shadow mode"
                                      : "always refused";
}

}  // namespace

std::string_view how_name(Step::How how) {
  constexpr std::string_view names[] = {"exact", "pattern", "key alone", "nothing"};
  return names[static_cast<std::size_t>(how)];
}

std::string_view outcome_name(Match::Outcome outcome) {
  constexpr std::string_view names[] = {"none", "quota", "allow", "refuse"};
  return names[static_cast<std::size_t>(outcome)];
}

std::vector<Explained> explain(const PolicySet& set, std::string_view domain,
                               std::span<const std::vector<Entry>> descriptors) {
  const Domain* found = set.find(domain);
  std::string keys;
  std::vector<Match> matches;
  for (const auto& descriptor : descriptors) matches.push_back(set.match(found, descriptor, keys));
  drop_replaced(matches);
  std::vector<Explained> all;
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    if (found != nullptr) {
      all.push_back(one(set, *found, descriptors[i], matches[i], keys));
      continue;
    }
    Explained& e = all.emplace_back();
    for (const Entry& entry : descriptors[i]) e.entries.emplace_back(entry.key, entry.value);
    e.reason = no_domain(set, domain);
  }
  return all;
}

std::string explanation_text(const Explained& e) {
  std::size_t width = 7;
  for (const auto& entry : e.entries) width = std::max(width, entry_text(entry).size());
  const auto row = [&](const std::string& left, const std::string& right) {
    return "  " + left + std::string(width - left.size() + 2, ' ') + right + "\n";
  };
  std::string text;
  for (std::size_t i = 0; i < e.entries.size(); ++i)
    text += row(entry_text(e.entries[i]), i < e.steps.size() ? step_text(e.steps[i]) : "not looked at");
  text += row("verdict", verdict_text(e) + (e.reason.empty() ? "" : ": " + e.reason));
  if (e.rule == nullptr) return text;
  const Rule& rule = *e.rule;
  text += row("rule", rule.full_name + (rule.name.empty() ? "" : " (" + rule.name + ")") + ", " + rule.file +
                          ":" + std::to_string(rule.line));
  text += row("limit", rule.text());
  if (rule.limit && e.outcome == Match::Outcome::ask)
    for (std::size_t i = 0; i < rule.limit->quotas.size(); ++i)
      text += row("bucket",
                  rule.limit->families[i].name + " " + e.key + " under " + rule.limit->quotas[i].text());
  if (e.stat != rule.full_name) text += row("counted", e.stat);
  return text;
}

}  // namespace sluice::policy
