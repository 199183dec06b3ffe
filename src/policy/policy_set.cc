#include "policy/policy_set.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "policy/domain.h"

namespace sluice::policy {

namespace {

// Between entries stands "|", between key and value "=". What an entry holds of the first is escaped, so that
// no client can write itself into another one's bucket; a "=" needs none, since a descriptor of the policy
// tells where the key ends.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '|' || c == '\\') out += '\\';
    out += c;
  }
}

void append_entry(std::string& keys, bool first, std::string_view key, std::string_view value) {
  if (!first) keys += '|';
  append_escaped(keys, key);
  keys += '=';
  append_escaped(keys, value);
}

/// Of a node that an entry has met and that holds a star: not by its key alone.
bool met_by_value(const Domain::Node& node, std::string_view key, std::string_view value) {
  return node.text != key || Pattern(node.text).fits(std::string(key).append("_").append(value));
}

/// The key the long way: escaped, and with patterns in place of values that share a threshold. Goes up the
/// levels, so that nothing is kept of them on the way down.
void append_key(const Domain& domain, const Domain::Node& node, std::span<const Entry> descriptor,
                std::string& keys) {
  const auto [key, value] = descriptor.back();
  const auto above = descriptor.first(descriptor.size() - 1);
  if (!above.empty()) append_key(domain, domain.parent(node), above, keys);
  append_entry(keys, above.empty(), key,
               node.share_threshold && met_by_value(node, key, value) ? node.pattern_value(key) : value);
}

/// From what Domain::reach() wrote at `at`.
void finish_key(std::span<const Entry> descriptor, std::size_t at, std::string& keys) {
  for (const Entry& e : descriptor) {
    at += e.key.size();
    keys[at] = '=';
    at += e.value.size() + 2;
  }
  keys.pop_back();  // The last "|".
}

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{0};  // Sets are read on several threads. relaxed: a number, no more.
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

enum class Listed : std::uint8_t { no, allowed, denied };

Listed listed(const Domain& domain, const Domain::Node& node, std::span<const Entry> descriptor) {
  Listed said = Listed::no;
  const Domain::Node* at = &node;
  for (std::size_t i = descriptor.size(); i-- > 0; at = &domain.parent(*at)) {
    if (!at->lists) continue;
    if (at->deny.contains(descriptor[i].value)) return Listed::denied;
    if (at->allow.contains(descriptor[i].value)) said = Listed::allowed;
  }
  return said;
}

Match::Outcome outcome_of(const Rule& rule) {
  switch (rule.kind) {
    case Rule::Kind::quota:
      return Match::Outcome::ask;
    case Rule::Kind::unlimited:
      return Match::Outcome::allow;
    case Rule::Kind::closed:
      return Match::Outcome::refuse;
    case Rule::Kind::lists:
      break;
  }
  return Match::Outcome::none;
}

bool shares(Step::How how, const Domain::Node& node) {
  return how == Step::How::pattern && node.share_threshold;
}

void append_stat(std::string& name, std::string_view key, std::string_view value) {
  name.append(".").append(key);
  if (!value.empty()) name.append("_").append(value);
}

}  // namespace

std::string Descriptor::text() const { return value.empty() ? key : key + "_" + value; }

PolicySet::PolicySet() : PolicySet(std::vector<Policy>()) {}
PolicySet::~PolicySet() = default;

PolicySet::PolicySet(std::vector<Policy> policies, std::vector<Source> sources)
    : sources_(std::move(sources)), serial_(next_serial()) {
  std::ranges::sort(sources_, {}, &Source::name);
  for (Policy& policy : policies) {
    auto domain = std::make_unique<Domain>(std::move(policy));
    for (Rule& rule : domain->rules()) {
      rule.domain = domain->name();
      rule.index = static_cast<std::uint32_t>(rules_.size());
      rules_.push_back(&rule);
    }
    const std::string& name = domain->name();
    domains_.emplace(name, std::move(domain));
  }
}

const Source* PolicySet::source_of(const Rule& rule) const {
  const auto it = std::ranges::lower_bound(sources_, rule.file, {}, &Source::name);
  return it == sources_.end() || it->name != rule.file ? nullptr : &*it;
}

const Domain* PolicySet::find(std::string_view domain) const {
  const auto it = domains_.find(domain);
  return it == domains_.end() ? nullptr : it->second.get();
}

std::vector<std::string_view> PolicySet::domains() const {
  std::vector<std::string_view> names;
  for (const auto& [name, domain] : domains_) names.push_back(name);
  return names;
}

Match PolicySet::match(const Domain* domain, std::span<const Entry> descriptor, std::string& keys) const {
  if (domain == nullptr) return {};
  Match match{.key_at = keys.size()};
  keys.resize(match.key_at + Domain::written_size(descriptor));
  const auto [node, plain] = domain->reach(descriptor, keys.data() + match.key_at);
  if (node != nullptr && node->rule != nullptr) {
    const Listed said = node->lists_on_path ? listed(*domain, *node, descriptor) : Listed::no;
    match.rule = node->rule;
    match.by_list = said != Listed::no;
    match.outcome = said == Listed::denied    ? Match::Outcome::refuse
                    : said == Listed::allowed ? Match::Outcome::allow
                                              : outcome_of(*match.rule);
  }
  if (match.outcome == Match::Outcome::none) {
    keys.resize(match.key_at);
    return {};
  }
  if (plain && !node->shares_on_path) {
    finish_key(descriptor, match.key_at, keys);
  } else {
    keys.resize(match.key_at);
    append_key(*domain, *node, descriptor, keys);
  }
  match.key_size = keys.size() - match.key_at;
  return match;
}

std::unique_ptr<const Rule> PolicySet::override_rule(const Domain* domain, std::span<const Entry> descriptor,
                                                     std::uint32_t requests_per_unit, Unit unit) const {
  if (domain == nullptr || unit == Unit::unknown) return nullptr;
  auto rule = std::make_unique<Rule>();
  rule->full_name = domain->name();
  rule->domain = domain->name();
  rule->stat_by_value = true;
  for (const Entry& e : descriptor) append_stat(rule->full_name, e.key, e.value);
  rule->requests_per_unit = requests_per_unit;
  rule->unit = unit;
  rule->kind = requests_per_unit == 0 ? Rule::Kind::closed : Rule::Kind::quota;
  if (requests_per_unit == 0) return rule;
  const auto quota =
      Quota::make({.capacity = requests_per_unit, .tokens = requests_per_unit, .period = unit_period(unit)});
  if (!quota) return nullptr;
  rule->limit.emplace(domain->name() + ":override/" + std::string(unit_name(unit)), std::vector{*quota});
  return rule;
}

Match PolicySet::match_override(const Rule& rule, std::span<const Entry> descriptor, std::string& keys) {
  Match match{.rule = &rule, .outcome = outcome_of(rule), .key_at = keys.size()};
  for (std::size_t i = 0; i < descriptor.size(); ++i)
    append_entry(keys, i == 0, descriptor[i].key, descriptor[i].value);
  match.key_size = keys.size() - match.key_at;
  return match;
}

std::string PolicySet::stat_name(const Domain& domain, std::span<const Entry> descriptor) const {
  std::string all = domain.name();   // Every value, but those that share a threshold.
  std::string some = domain.name();  // Those values that value_to_metric asks for.
  bool shared = false;
  const auto* node = domain.walk(descriptor, [&](std::size_t i, Step::How how, const Domain::Node& n) {
    const auto [key, value] = descriptor[i];
    const auto pattern = how == Step::How::pattern ? n.pattern_value(key) : std::string_view();
    shared |= shares(how, n);
    append_stat(all, key, shares(how, n) ? pattern : value);
    append_stat(some, key,
                how == Step::How::exact                          ? value
                : how == Step::How::pattern && shares(how, n)    ? pattern
                : n.value_to_metric && how != Step::How::nothing ? value
                                                                 : pattern);
  });
  if (node == nullptr || node->rule == nullptr) return {};
  if (!node->rule->stat_by_value) return node->rule->full_name;
  if (!node->rule->detailed_metric) return some;
  if (shared) return all;
  all = domain.name();  // Then the reference tells empty values apart from none.
  for (const Entry& e : descriptor) all.append(".").append(e.key).append("_").append(e.value);
  return all;
}

std::vector<Step> PolicySet::explain(const Domain& domain, std::span<const Entry> descriptor) const {
  std::vector<Step> steps;
  const Domain::Node* above = nullptr;
  domain.walk(descriptor, [&](std::size_t i, Step::How how, const Domain::Node& node) {
    Step step{.how = how, .descriptor = node.text, .shadowed = {}};
    if (how == Step::How::pattern) {
      const Entry& e = descriptor[i];
      for (const auto& text : domain.all_patterns(above == nullptr ? domain.root() : *above,
                                                  std::string(e.key).append(1, '_').append(e.value)))
        if (text != node.text) step.shadowed += (step.shadowed.empty() ? "" : ", ") + text;
    }
    above = &node;
    steps.push_back(std::move(step));
  });
  return steps;
}

std::string PolicySet::text() const {
  std::string s;
  for (const Rule* rule : rules_) s += rule->full_name + ": " + rule->text() + "\n";
  return s;
}

void drop_replaced(std::span<Match> matches) {
  const auto replaced = [&](const std::string& name) {
    return std::any_of(matches.begin(), matches.end(), [&](const Match& m) {
      return m.rule != nullptr &&
             std::find(m.rule->replaces.begin(), m.rule->replaces.end(), name) != m.rule->replaces.end();
    });
  };
  for (Match& match : matches) {
    if (match.rule == nullptr || match.rule->name.empty() || match.by_list) continue;
    if (match.outcome != Match::Outcome::ask && match.outcome != Match::Outcome::refuse) continue;
    if (replaced(match.rule->name)) match.outcome = Match::Outcome::none;
  }
}

}  // namespace sluice::policy
