#include "policy/domain.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <cstring>
#include <utility>

namespace sluice::policy {

namespace {

// The texts looked for come from requests, but those in the table do not, so nobody can fill a chain.
std::uint64_t hash_of(std::uint32_t parent, std::string_view text) {
  return XXH3_64bits_withSeed(text.data(), text.size(), parent);
}

}  // namespace

std::string_view Domain::Node::pattern_value(std::string_view key) const {
  std::string_view value = text;
  if (value.size() > key.size() && value.starts_with(key) && value[key.size()] == '_')
    value.remove_prefix(key.size() + 1);
  return value;
}

Domain::Domain(Policy policy) : name_(std::move(policy.domain)) {
  nodes_.emplace_back();
  add(0, name_, false, std::move(policy.descriptors));
  build_table();
}

void Domain::add(std::uint32_t parent, const std::string& path, bool by_value,
                 std::vector<Descriptor> descriptors) {
  nodes_[parent].leaf = descriptors.empty();
  for (Descriptor& d : descriptors) {
    const auto index = static_cast<std::uint32_t>(nodes_.size());
    Node& node = nodes_.emplace_back();
    node.parent = parent;
    node.text = d.text();
    node.is_pattern = Pattern::is_one(node.text);
    node.value_to_metric = d.value_to_metric;
    node.share_threshold = d.share_threshold;
    node.lists = !d.allow.empty() || !d.deny.empty();
    node.allow = std::move(d.allow);
    node.deny = std::move(d.deny);
    const std::string full_name = path + "." + node.text;
    const bool named_by_value = by_value || d.value_to_metric || Pattern::is_one(d.key);
    if (d.rule) {
      Rule& rule = rules_.emplace_back(std::move(*d.rule));
      rule.full_name = full_name;
      rule.stat_by_value = rule.detailed_metric || named_by_value;
      if (rule.limit) {  // Its families bear the rule's name.
        Limit limit(full_name, std::move(rule.limit->quotas));
        limit.mode = rule.mode;
        rule.limit = std::move(limit);
      }
      node.rule = &rule;
    }
    if (node.is_pattern) nodes_[parent].patterns.emplace_back(Pattern(nodes_[index].text), index);
    add(index, full_name, named_by_value, std::move(d.descriptors));
  }
}

void Domain::build_table() {
  table_.resize(std::bit_ceil(nodes_.size() * 2));
  const std::size_t mask = table_.size() - 1;
  for (std::uint32_t i = 1; i < nodes_.size(); ++i) {
    const auto hash = hash_of(nodes_[i].parent, nodes_[i].text);
    std::size_t at = hash & mask;
    while (table_[at].node != 0) at = (at + 1) & mask;
    table_[at] = {hash, i};
  }
}

const Domain::Node* Domain::look_up(std::uint32_t parent, std::string_view text) const {
  const auto hash = hash_of(parent, text);
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = hash & mask; table_[at].node != 0; at = (at + 1) & mask) {
    if (table_[at].hash != hash) continue;
    const Node& node = nodes_[table_[at].node];
    if (node.parent == parent && node.text == text) return &node;
  }
  return nullptr;
}

Domain::Found Domain::down(const Node& at, std::string_view both, std::string_view key) const {
  const auto parent = static_cast<std::uint32_t>(&at - nodes_.data());
  if (const Node* node = look_up(parent, both)) return {Step::How::exact, node};
  for (const auto& [pattern, index] : at.patterns)
    if (pattern.fits(both)) return {Step::How::pattern, &nodes_[index]};
  if (const Node* node = look_up(parent, key)) return {Step::How::key_alone, node};
  return {};
}

Domain::Found Domain::down(const Node& at, const Entry& entry) const {
  const std::size_t size = entry.key.size() + 1 + entry.value.size();
  char near[256];
  if (size <= sizeof near) {
    std::memcpy(near, entry.key.data(), entry.key.size());
    near[entry.key.size()] = '_';
    std::memcpy(near + entry.key.size() + 1, entry.value.data(), entry.value.size());
    return down(at, {near, size}, entry.key);
  }
  std::string far;  // Longer than any a policy names, as a rule: it may cost an allocation.
  far.reserve(size);
  far.append(entry.key).append(1, '_').append(entry.value);
  return down(at, far, entry.key);
}

std::vector<std::string> Domain::all_patterns(const Node& node, std::string_view text) const {
  std::vector<std::string> all;
  for (const auto& [pattern, index] : node.patterns)
    if (pattern.fits(text)) all.push_back(nodes_[index].text);
  return all;
}

}  // namespace sluice::policy
