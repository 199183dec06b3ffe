#include "observe/rule_counts.h"

namespace sluice::observe {

void RuleCounts::hit(const CountedRule& rule, const RuleHits& hits) {
  if (rule.set != set_) {
    set_ = rule.set;
    table_.assign(rule.rules, nullptr);
  }
  Cell*& found = table_[rule.index];
  if (found == nullptr) found = &cell(rule.domain, rule.name);
  for (std::size_t i = 0; i < kRuleCounts; ++i)
    if (Counter& c = found->counts[i]; hits[i] != 0)  // relaxed: one writer, and nothing hangs on it.
      c.store(c.load(std::memory_order_relaxed) + hits[i], std::memory_order_relaxed);
}

RuleCounts::Cell& RuleCounts::cell(std::string_view domain, std::string_view name) {
  if (const auto it = by_name_.find({domain, name}); it != by_name_.end()) return *it->second;
  if (cells_.size() >= kRulesCountedMax && name != kOtherNames) return cell({}, kOtherNames);
  Cell& added = cells_.emplace_back(domain, name);
  added.before = latest_.load(std::memory_order_relaxed);
  by_name_.emplace(RuleName(added.domain, added.name), &added);
  latest_.store(&added, std::memory_order_release);
  return added;
}

void RuleCounts::add_to(RuleSums& sums) const {
  for (const Cell* c = latest_.load(std::memory_order_acquire); c != nullptr; c = c->before) {
    RuleHits& sum = sums[{c->domain, c->name}];
    for (std::size_t i = 0; i < kRuleCounts; ++i) sum[i] += c->counts[i].load(std::memory_order_relaxed);
  }
}

void NamedCounts::hit(std::string_view domain, std::string_view name, const RuleHits& hits) {
  const std::lock_guard lock(mutex_);
  auto at = names_.domains.find(domain);
  if (at == names_.domains.end()) at = names_.domains.emplace(domain, ByName()).first;
  ByName& of_domain = at->second;
  auto found = of_domain.find(name);
  if (found == of_domain.end()) {
    const bool fits = named_ < max_ && name.size() <= kNameBytesMax;
    fits ? ++named_ : ++names_.refused;
    found = of_domain.try_emplace(std::string(fits ? name : kOtherNames)).first;
  }
  for (std::size_t i = 0; i < kRuleCounts; ++i) found->second[i] += hits[i];
}

void NamedCounts::unknown_domain(std::string_view domain) {
  const std::lock_guard lock(mutex_);
  auto& domains = names_.unknown_domains;
  auto found = domains.find(domain);
  if (found == domains.end()) {
    const bool fits = domains.size() < max_ && domain.size() <= kNameBytesMax;
    if (!fits) ++names_.refused;
    found = domains.try_emplace(std::string(fits ? domain : kOtherNames), 0).first;
  }
  ++found->second;
}

NamedCounts::Names NamedCounts::names() const {
  const std::lock_guard lock(mutex_);
  return names_;
}

namespace {

struct Told {
  std::string_view name, help;
};
constexpr std::array<Told, kRuleCounts> kFamilies = {{
    {"sluice_rule_hits_total", "Hits that fell under a rule of the policies."},
    {"sluice_rule_within_limit_total", "Hits of descriptors that passed."},
    {"sluice_rule_near_limit_total", "Of those within the limit the hits beyond near_limit_ratio of it."},
    {"sluice_rule_over_limit_total", "Hits of descriptors over their limit."},
    {"sluice_rule_shadow_mode_total", "Of those over the limit the hits that passed all the same."},
    {"sluice_rule_negative_hits_total", "Hits that were to be given back (is_negative_hits)."},
}};

void append_label(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append("=\"");
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    c == '\n' ? out.append("\\n") : out.append(1, c);
  }
  out += '"';
}

void append_head(const Told& family, std::string& out) {
  out.append("# HELP ").append(family.name).append(" ").append(family.help);
  out.append("\n# TYPE ").append(family.name).append(" counter\n");
}

void append_line(std::string_view family, std::string_view labels, std::uint64_t value, std::string& out) {
  out.append(family);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out.append(" ").append(std::to_string(value)).append("\n");
}

}  // namespace

void append_rules(const RuleSums& rules, const NamedCounts::Names& named, std::string& out) {
  constexpr std::size_t kBesideLabels = 64;  // Of a line: the family's name and the number.
  std::size_t bytes = 0;
  std::vector<std::pair<std::string, const RuleHits*>> series;
  const auto add = [&](std::string_view domain, std::string_view name, const RuleHits& hits) {
    std::string labels;
    append_label("domain", domain, labels);
    append_label(",rule", name, labels);
    bytes += labels.size() + kBesideLabels;
    series.emplace_back(std::move(labels), &hits);
  };
  for (const auto& [name, hits] : rules) add(name.first, name.second, hits);
  for (const auto& [domain, names] : named.domains)
    for (const auto& [name, hits] : names) add(domain, name, hits);
  out.reserve(out.size() + bytes * kRuleCounts);
  for (std::size_t i = 0; i < kRuleCounts; ++i) {
    append_head(kFamilies[i], out);
    for (const auto& [labels, hits] : series) append_line(kFamilies[i].name, labels, (*hits)[i], out);
  }

  const Told refused{"sluice_rule_series_refused_total",
                     "Descriptors counted under #other, since max_detailed_series names were taken."};
  append_head(refused, out);
  append_line(refused.name, {}, named.refused, out);
  const Told unknown{"sluice_domain_not_found_total",
                     "Descriptors of requests for a domain without a policy."};
  append_head(unknown, out);
  for (const auto& [domain, n] : named.unknown_domains) {
    std::string labels;
    append_label("domain", domain, labels);
    append_line(unknown.name, labels, n, out);
  }
}

}  // namespace sluice::observe
