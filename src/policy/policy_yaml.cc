#include "policy/policy_yaml.h"

#include <algorithm>
#include <map>
#include <utility>

#include "policy/rate_limit_yaml.h"

namespace sluice::policy {

namespace {

/// Where descriptors of one level were seen, by their text.
struct Seen {
  std::string file;
  int line;
};
using Level1 = std::map<std::string, Seen>;

struct Open {  // A domain that is being read.
  Policy policy;
  Level1 top;
  std::string file;
};

class Reader : FileReader {
 public:
  Reader(const std::string& file, PolicyReading& out, store::QuotaCheck accepts, std::size_t& descriptors)
      : FileReader(file, out, accepts), descriptors_(descriptors) {}

  void document(const YamlNode& root, std::vector<Open>& all, bool merge) {
    if (root.kind != YamlNode::Kind::map)
      return problem(root.place, std::string("expected a map that begins with \"domain:\", found ") +
                                     root.kind_name() + "; write domain: and a name");
    check_names(root);
    Open* open = domain(root, all, merge);
    const auto defaults = store_defaults(root);
    for (std::size_t i = 0; i < root.keys.size(); ++i) {
      const auto& [field, place] = root.keys[i];
      if (field == "descriptors" && open != nullptr)
        list(root.list[i], open->policy.domain, defaults, open->policy.descriptors, open->top);
      else if (field == "descriptors")  // To tell of all that is wrong.
        list(root.list[i], "", defaults, nowhere_, nobody_);
      else
        misplaced(field, place, Level::root);
    }
  }

 private:
  Open* domain(const YamlNode& root, std::vector<Open>& all, bool merge) {
    const YamlNode* node = find(root, "domain");
    Place place = root.place;
    for (std::size_t i = 0; i < root.keys.size(); ++i)
      if (root.keys[i].first == "domain")
        place = node->kind == YamlNode::Kind::null ? root.keys[i].second : node->place;
    const auto name = node == nullptr ? std::string() : text(*node, "domain");
    if (name.empty()) {
      if (node == nullptr || node->kind == YamlNode::Kind::null || node->kind == YamlNode::Kind::scalar)
        problem(place, "the domain is missing or empty; write domain: and a name");
      return nullptr;
    }
    const auto it =
        std::find_if(all.begin(), all.end(), [&](const Open& o) { return o.policy.domain == name; });
    if (it == all.end()) {
      all.push_back({.policy = {.domain = name, .descriptors = {}}, .top = {}, .file = file()});
      return &all.back();
    }
    if (merge) return &*it;
    problem(place, "duplicate domain " + quoted(name) + ", in " + it->file +
                       " already; put both in one file or allow merging of domains");
    return nullptr;
  }

  void list(const YamlNode& node, const std::string& path, const StoreDefaults& defaults,
            std::vector<Descriptor>& into, Level1& seen) {
    if (node.kind == YamlNode::Kind::null) return;
    if (node.kind != YamlNode::Kind::list)
      return problem(node.place, std::string("descriptors is a list, found ") + node.kind_name() +
                                     "; write - key: and so on below it");
    for (const YamlNode& item : node.list)
      if (item.kind == YamlNode::Kind::map) one(item, path, defaults, into, seen);
  }

  struct Written {  // The fields of a descriptor, before they are looked at together.
    Descriptor descriptor;
    DescriptorFlags flags;
    const YamlNode* rate_limit = nullptr;
    const YamlNode* descriptors = nullptr;
    Place rate_limit_at, share_at, key_at;
  };

  void one(const YamlNode& node, const std::string& path, const StoreDefaults& defaults,
           std::vector<Descriptor>& into, Level1& seen) {
    if (++descriptors_ > kDescriptorsMax) {
      if (descriptors_ == kDescriptorsMax + 1)
        problem(node.place, "more than " + std::to_string(kDescriptorsMax) + " descriptors");
      return;
    }
    Written w;
    w.key_at = node.place;
    for (std::size_t i = 0; i < node.keys.size(); ++i)
      read_field(node.keys[i].first, node.keys[i].second, node.list[i], w);
    Descriptor& d = w.descriptor;
    if (d.key.empty()) problem(w.key_at, "a descriptor has an empty key; write key: and a name");
    if (d.share_threshold && !Pattern::is_one(d.text()))
      problem(w.share_at, "share_threshold is for a value with a *, not for " + quoted(d.text()) +
                              "; remove it or write a *");
    const std::string full = path + "." + d.text();
    if (!d.key.empty()) unique(d.text(), full, w.key_at, seen);
    if (w.rate_limit != nullptr) d.rule = rate_limit(*w.rate_limit, w.rate_limit_at, w.flags, defaults);
    if (!d.rule && (!d.allow.empty() || !d.deny.empty())) d.rule = lists_rule(w.flags, node.place);
    Level1 seen_below;
    if (w.descriptors != nullptr) list(*w.descriptors, full, defaults, d.descriptors, seen_below);
    into.push_back(std::move(d));
  }

  void read_field(const std::string& field, Place place, const YamlNode& value, Written& w) {
    if (field == "key") {
      w.key_at = value.kind == YamlNode::Kind::null ? place : value.place;
      w.descriptor.key = text(value, field);
    } else if (field == "value") {
      w.descriptor.value = text(value, field);
    } else if (field == "rate_limit") {
      w.rate_limit = &value;
      w.rate_limit_at = place;
    } else if (field == "descriptors") {
      w.descriptors = &value;
    } else if (field == "share_threshold") {
      w.share_at = place;
      w.descriptor.share_threshold = flag(value, field);
    } else if (field == "value_to_metric") {
      w.descriptor.value_to_metric = flag(value, field);
    } else if (field == "shadow_mode") {
      w.flags.shadow = flag(value, field);
    } else if (field == "quota_mode") {
      w.flags.quota_mode = flag(value, field);
    } else if (field == "detailed_metric") {
      w.flags.detailed_metric = flag(value, field);
    } else if (field == "allow") {
      values(value, field, w.descriptor.allow);
    } else if (field == "deny") {
      values(value, field, w.descriptor.deny);
    } else if (field == "metadata") {
      metadata(value, w.flags);
    } else {
      misplaced(field, place, Level::descriptor);
    }
  }

  void metadata(const YamlNode& value, DescriptorFlags& flags) {
    if (value.kind == YamlNode::Kind::null) return;
    if (value.kind != YamlNode::Kind::map)
      return problem(value.place, std::string("metadata is a map, found ") + value.kind_name() +
                                      "; write metadata: {name: value}");
    flags.metadata = std::make_shared<const Metadata>(metadata_of(value));
  }

  void unique(const std::string& name, const std::string& full, Place place, Level1& seen) {
    const auto [it, first] = seen.emplace(name, Seen{file(), place.line});
    if (first) return;
    problem(place, "duplicate descriptor composite key " + quoted(full) + " (first in " +
                       (it->second.file == file() ? "" : it->second.file + ", ") + "line " +
                       std::to_string(it->second.line) + "); remove or change one");
  }

  std::size_t& descriptors_;
  std::vector<Descriptor> nowhere_;
  Level1 nobody_;
};

}  // namespace

PolicyReading read_policies(const std::vector<PolicyFile>& files, const PolicyOptions& options) {
  std::vector<Open> all;
  PolicyReading reading;
  std::size_t descriptors = 0;
  for (const PolicyFile& file : files) {
    PolicyReading one;
    const YamlNode root = read_yaml(file.text, file.name, one.problems, kPolicyBounds);
    if (root.kind != YamlNode::Kind::null || one.problems.empty())
      Reader(file.name, one, options.accepts, descriptors).document(root, all, options.merge_domains);
    settle_problems(one.problems, kPolicyProblemsMax);
    settle_problems(one.warnings, kPolicyProblemsMax);
    std::move(one.problems.begin(), one.problems.end(), std::back_inserter(reading.problems));
    std::move(one.warnings.begin(), one.warnings.end(), std::back_inserter(reading.warnings));
  }
  for (auto* list : {&reading.problems, &reading.warnings})
    if (list->size() > kPolicyProblemsMax) list->resize(kPolicyProblemsMax);
  std::vector<Policy> policies;
  std::vector<Source> sources;
  if (reading.problems.empty()) {
    for (Open& open : all) policies.push_back(std::move(open.policy));
    for (const PolicyFile& file : files) sources.emplace_back(file.name, file.text, options.read_wall_ns);
  }
  reading.set = std::make_shared<const PolicySet>(std::move(policies), std::move(sources));
  return reading;
}

bool is_policy(std::string_view text) {
  std::vector<Problem> problems;
  const YamlNode root = read_yaml(text, "", problems, kPolicyBounds);
  return std::any_of(root.keys.begin(), root.keys.end(),
                     [](const auto& key) { return key.first == "domain" || key.first == "descriptors"; });
}

}  // namespace sluice::policy
