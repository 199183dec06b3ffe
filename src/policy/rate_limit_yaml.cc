#include "policy/rate_limit_yaml.h"

#include <algorithm>
#include <utility>

#include "policy/store_rules.h"

#include "policy/limits_yaml.h"

namespace sluice::policy {

namespace {

const char* const kUnits = "second, minute, hour, day, week, month or year";

std::string or_remove(std::string nearest) { return nearest.empty() ? "; remove it" : std::move(nearest); }

/// Behind "a list of maps is expected".
std::string mend_of_list(std::string_view field) {
  return field == "descriptors" ? "; write - key: and a name"
         : field == "replaces"  ? "; write - name: and a name"
                                : "; write one value";
}

}  // namespace

struct FileReader::Written {
  bool has_unit = false, has_requests = false, has_burst = false, unit_is_good = true;
  std::optional<bool> unlimited = false;  // Nothing: it is neither true nor false.
  Place unit_at, requests_at, burst_at, quotas_at;
  std::string bad_unit;
  std::int64_t burst = 0;
  std::vector<Quota> quotas;
  bool has_quotas = false;
};

const YamlNode* FileReader::find(const YamlNode& map, std::string_view field) {
  for (std::size_t i = 0; i < map.keys.size(); ++i)
    if (map.keys[i].first == field) return &map.list[i];
  return nullptr;
}

void FileReader::check_names(const YamlNode& map) {
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    const auto& [name, place] = map.keys[i];
    const YamlNode& value = map.list[i];
    const PolicyField* field = find_field(name);
    if (field == nullptr) {
      problem(place, name == "unit_multiplier"
                         ? "unknown field \"unit_multiplier\"; write quotas: [20/5min] instead"
                         : "unknown field " + quoted(name) + or_remove(nearest(name, field_names())));
      continue;
    }
    if (name == "metadata") continue;  // Its names are the user's.
    if (value.kind == YamlNode::Kind::map) {
      check_names(value);
    } else if (value.kind == YamlNode::Kind::list && !(field->ours)) {
      for (const YamlNode& item : value.list)
        item.kind == YamlNode::Kind::map
            ? check_names(item)
            : problem(item.place, "a list of maps is expected in " + name + ", found " + item.kind_name() +
                                      mend_of_list(name));
    } else if (looks_like_fraction(value)) {
      problem(value.place,
              "the number " + quoted(value.scalar) +
                  " is not whole, or too large; write a whole one, or a text in quotation marks");
    }
  }
}

void FileReader::misplaced(const std::string& name, Place place, Level level) {
  const PolicyField* field = find_field(name);
  if (field == nullptr || field->at(level)) return;
  const std::string message =
      name + " has no effect in " + std::string(level_name(level)) + "; it belongs in " + field->places();
  field->ours ? problem(place, message) : warning(place, message);
}

std::string FileReader::text(const YamlNode& node, std::string_view field) {
  if (node.kind == YamlNode::Kind::scalar) return node.scalar;
  if (node.kind != YamlNode::Kind::null)
    problem(node.place, std::string(field) + " is a text, found " + node.kind_name() + "; write one value");
  return {};
}

bool FileReader::flag(const YamlNode& node, std::string_view field) {
  if (node.kind == YamlNode::Kind::null) return false;
  const auto value = as_bool(node);
  if (!value)
    problem(node.place, std::string(field) + " is true or false, without quotation marks, found " +
                            (node.kind == YamlNode::Kind::scalar ? quoted(node.scalar) : node.kind_name()));
  return value.value_or(false);
}

std::int64_t FileReader::number(const YamlNode& node, std::string_view field, std::int64_t min,
                                std::int64_t max, std::int64_t fallback) {
  if (node.kind == YamlNode::Kind::null || looks_like_fraction(node)) return fallback;
  const auto value = as_integer(node);
  if (value && *value >= min && *value <= max) return *value;
  problem(node.place, std::string(field) + " is a whole number from " + std::to_string(min) + " to " +
                          std::to_string(max) + ", without quotation marks, found " +
                          (node.kind == YamlNode::Kind::scalar ? quoted(node.scalar) : node.kind_name()));
  return fallback;
}

void FileReader::values(const YamlNode& node, std::string_view field, ValueList& list) {
  if (node.kind == YamlNode::Kind::null) return;
  const std::string example = std::string(field) + ": [10.0.0.0/8, bob]";
  if (node.kind != YamlNode::Kind::list)
    return problem(node.place,
                   std::string(field) + " is a list, found " + node.kind_name() + "; write " + example);
  for (const YamlNode& item : node.list) {
    if (item.kind != YamlNode::Kind::scalar) {
      problem(item.place,
              std::string(field) + " lists single values, found " + item.kind_name() + "; write " + example);
    } else if (auto status = list.add(item.scalar); !status) {
      problem(item.place, status.error().message);
    }
  }
}

void FileReader::on_store_failure(const YamlNode& node, store::OnFailure& into) {
  read_on_failure(node, into, [&](std::string text) { problem(node.place, std::move(text)); });
}

void FileReader::consistency(const YamlNode& node, store::Consistency& into) {
  read_consistency(node, into, [&](std::string text) { problem(node.place, std::move(text)); });
}

void FileReader::hash_tag(const YamlNode& node, bool& one_slot) {
  read_hash_tag(node, one_slot, [&](std::string text) { problem(node.place, std::move(text)); });
}

StoreDefaults FileReader::store_defaults(const YamlNode& root) {
  StoreDefaults defaults;
  if (const YamlNode* node = find(root, "on_store_failure")) on_store_failure(*node, defaults.on_failure);
  if (const YamlNode* node = find(root, "consistency")) consistency(*node, defaults.consistency);
  if (const YamlNode* node = find(root, "hash_tag")) hash_tag(*node, defaults.one_slot);
  return defaults;
}

Rule FileReader::lists_rule(const DescriptorFlags& flags, Place place) const {
  Rule rule;
  rule.kind = Rule::Kind::lists;
  rule.mode = flags.shadow ? Mode::shadow : Mode::enforce;
  rule.quota_mode = flags.quota_mode;
  rule.detailed_metric = flags.detailed_metric;
  rule.metadata = flags.metadata;
  rule.file = file_;
  rule.line = place.line;
  return rule;
}

std::optional<Rule> FileReader::rate_limit(const YamlNode& node, Place field, const DescriptorFlags& flags,
                                           const StoreDefaults& defaults) {
  if (node.kind == YamlNode::Kind::null) return {};
  if (node.kind != YamlNode::Kind::map) {
    problem(node.place, std::string("rate_limit is a map, found ") + node.kind_name() +
                            "; write unit: and requests_per_unit: below it");
    return {};
  }
  Rule rule = lists_rule(flags, field);
  rule.kind = Rule::Kind::quota;
  rule.on_store_failure = defaults.on_failure;
  rule.one_slot = defaults.one_slot;
  rule.consistency = defaults.consistency;
  Written w;
  for (std::size_t i = 0; i < node.keys.size(); ++i)
    read_field(node.keys[i].first, node.keys[i].second, node.list[i], w, rule);
  for (const auto& name : rule.replaces)
    if (!name.empty() && name == rule.name)
      problem(find(node, "replaces")->place,
              "replaces should not contain " + quoted(name) +
                  ", the name of the same descriptor; remove it or rename one");
  if (w.unlimited && *w.unlimited)
    unlimited(w, rule);
  else if (w.unlimited)
    put_together(w, rule, field);
  return rule;
}

void FileReader::read_field(const std::string& field, Place place, const YamlNode& value, Written& w,
                            Rule& rule) {
  if (field == "unit") {
    w.unit_at = value.kind == YamlNode::Kind::null ? place : value.place;
    read_unit(value, rule, w);
  } else if (field == "requests_per_unit") {
    w.has_requests = value.kind != YamlNode::Kind::null;
    w.requests_at = place;
    rule.requests_per_unit = static_cast<std::uint32_t>(number(value, field, 0, UINT32_MAX, 1));
  } else if (field == "unlimited") {
    w.unlimited = flag(value, field);
    if (value.kind != YamlNode::Kind::null && !as_bool(value)) w.unlimited.reset();
  } else if (field == "name") {
    rule.name = text(value, field);
  } else if (field == "replaces") {
    replaces(value, rule);
  } else if (field == "burst") {
    w.has_burst = true;
    w.burst_at = place;
    w.burst = number(value, field, 1, INT64_MAX, 1);
  } else if (field == "quotas") {
    w.has_quotas = true;
    w.quotas_at = place;
    quota_list(value, w.quotas);
  } else if (field == "cost") {
    rule.cost = number(value, field, 1, INT64_MAX, 1);
  } else if (field == "enforce_percent") {
    rule.enforce_percent = static_cast<std::int32_t>(number(value, field, 0, 100, 100));
  } else if (field == "on_store_failure") {
    on_store_failure(value, rule.on_store_failure);
  } else if (field == "consistency") {
    consistency(value, rule.consistency);
  } else {
    misplaced(field, place, Level::rate_limit);
  }
}

void FileReader::read_unit(const YamlNode& node, Rule& rule, Written& w) {
  const auto word = text(node, "unit");
  if (word.empty()) return;
  w.has_unit = true;
  rule.unit = unit_from(word);
  if (rule.unit != Unit::unknown) return;
  w.unit_is_good = false;
  w.bad_unit = "invalid rate limit unit " + quoted(word) +
               nearest(word, {"second", "minute", "hour", "day", "week", "month", "year"}) + "; write " +
               kUnits;
}

void FileReader::replaces(const YamlNode& node, Rule& rule) {
  if (node.kind == YamlNode::Kind::null) return;
  if (node.kind != YamlNode::Kind::list)
    return problem(node.place, std::string("replaces is a list, found ") + node.kind_name() +
                                   "; write - name: and a name below it");
  for (const YamlNode& item : node.list) {
    if (item.kind != YamlNode::Kind::map) continue;  // Told of by check_names().
    for (const auto& [field, place] : item.keys) misplaced(field, place, Level::replaces);
    const YamlNode* name = find(item, "name");
    rule.replaces.push_back(name == nullptr ? std::string() : text(*name, "name"));
    if (rule.replaces.back().empty())
      problem(item.place, "an empty entry in replaces; write name: and the name of a rate_limit");
  }
}

Result<Quota> FileReader::accepted(Result<Quota> quota) const {
  if (quota && accepts_ != nullptr)
    if (const Status status = accepts_(*quota); !status) return status.error();
  return quota;
}

void FileReader::quota_list(const YamlNode& node, std::vector<Quota>& quotas) {
  if (node.kind != YamlNode::Kind::list || node.list.empty())
    return problem(node.place, std::string("quotas is a list of at least one, found ") +
                                   (node.kind == YamlNode::Kind::list ? "none" : node.kind_name()) +
                                   "; write quotas: [100/s, 5000/h]");
  for (const YamlNode& item : node.list) {
    if (item.kind != YamlNode::Kind::scalar) {
      problem(item.place,
              std::string("a quota is a single value, found ") + item.kind_name() + "; write 10/s");
      continue;
    }
    auto quota = accepted(Quota::parse(item.scalar));
    quota ? quotas.push_back(*quota) : problem(item.place, quota.error().message);
  }
}

void FileReader::unlimited(const Written& w, Rule& rule) {
  rule.kind = Rule::Kind::unlimited;
  if (w.has_unit && w.unit_is_good)
    problem(w.unit_at, "should not specify rate limit unit when unlimited; remove unit or unlimited");
  if (w.has_burst || w.has_quotas)
    problem(w.has_burst ? w.burst_at : w.quotas_at,
            "unlimited has neither burst nor quotas; remove them or unlimited");
  if (!w.unit_is_good) warning(w.unit_at, "unit has no effect beside unlimited; remove it");
  if (w.has_requests) warning(w.requests_at, "requests_per_unit has no effect beside unlimited; remove it");
}

void FileReader::put_together(const Written& w, Rule& rule, Place place) {
  const bool own = w.has_unit || w.has_requests || !w.has_quotas;  // unit and requests_per_unit are a quota.
  if (own && !w.has_unit)
    return problem(w.has_requests ? w.requests_at : place,
                   std::string("the rate limit has no unit; write unit: ") + kUnits);
  if (!w.unit_is_good) return problem(w.unit_at, w.bad_unit);
  if (own && !w.has_requests)
    warning(w.unit_at, "requests_per_unit is missing, which is 0 and refuses all; write it");
  if (w.has_burst && (!own || rule.requests_per_unit == 0))
    return problem(w.burst_at,
                   "burst belongs to unit and requests_per_unit above 0; in quotas write 10/s burst 50");
  if (own && rule.requests_per_unit == 0) {
    rule.kind = Rule::Kind::closed;
    return;
  }
  std::vector<Quota> quotas;
  if (own) {
    const std::int64_t tokens = rule.requests_per_unit;
    auto quota = accepted(Quota::make(
        {.capacity = w.has_burst ? w.burst : tokens, .tokens = tokens, .period = unit_period(rule.unit)}));
    if (!quota) return problem(w.has_burst ? w.burst_at : w.requests_at, quota.error().message);
    quotas.push_back(*quota);
  }
  quotas.insert(quotas.end(), w.quotas.begin(), w.quotas.end());
  if (quotas.size() > kQuotasMax)
    return problem(w.quotas_at, std::to_string(quotas.size()) + " quotas; at most " +
                                    std::to_string(kQuotasMax) + " in a rate limit");
  if (quotas.empty()) return;  // Each was told of.
  if (!own) rule.requests_per_unit = 0;
  rule.limit.emplace("", std::move(quotas));
}

}  // namespace sluice::policy
