// store_rules.h: `on_store_failure: allow | deny | local` and `consistency: strict | leased`, as limits,
// policies and settings write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/yaml.h"
#include "store/store.h"

namespace sluice::policy {

inline std::optional<store::OnFailure> on_failure_of(std::string_view word) {
  if (word == "allow") return store::OnFailure::allow;
  if (word == "deny") return store::OnFailure::deny;
  if (word == "local") return store::OnFailure::local;
  return {};
}

inline std::string_view on_failure_name(store::OnFailure rule) {
  return rule == store::OnFailure::allow ? "allow" : rule == store::OnFailure::deny ? "deny" : "local";
}

/// "exact" is another word for strict.
inline std::optional<store::Consistency> consistency_of(std::string_view word) {
  if (word == "strict" || word == "exact") return store::Consistency::strict;
  if (word == "leased") return store::Consistency::leased;
  return {};
}

inline std::string_view consistency_name(store::Consistency c) {
  return c == store::Consistency::leased ? "leased" : "strict";
}

/// "key" (false): buckets lie apart in a Cluster; "domain" (true): a domain's lie in one slot.
inline std::optional<bool> one_slot_of(std::string_view word) {
  if (word == "key") return false;
  if (word == "domain") return true;
  return {};
}

/// A field that is one of a few words. `problem` is told what is wrong with the node, if anything is.
template <class Value, class Problem>
void read_word(const YamlNode& node, std::string_view field, std::optional<Value> (*of)(std::string_view),
               const std::vector<std::string_view>& words, Value& into, Problem&& problem) {
  const std::string word = node.kind == YamlNode::Kind::scalar ? node.scalar : node.kind_name();
  const auto known = node.kind == YamlNode::Kind::scalar ? of(word) : std::nullopt;
  if (known) {
    into = *known;
    return;
  }
  std::string all;
  for (auto w = words.begin(); w != words.end(); ++w)
    (all += w == words.begin() ? "" : w + 1 == words.end() ? " or " : ", ") += *w;
  problem(std::string(field) + " is " + all + ", not " + quoted(word) + nearest(word, words));
}

template <class Problem>
void read_on_failure(const YamlNode& node, store::OnFailure& into, Problem&& problem) {
  read_word(node, "on_store_failure", &on_failure_of, {"allow", "deny", "local"}, into, problem);
}
template <class Problem>
void read_consistency(const YamlNode& node, store::Consistency& into, Problem&& problem) {
  read_word(node, "consistency", &consistency_of, {"strict", "leased"}, into, problem);
}
template <class Problem>
void read_hash_tag(const YamlNode& node, bool& one_slot, Problem&& problem) {
  read_word(node, "hash_tag", &one_slot_of, {"key", "domain"}, one_slot, problem);
}

}  // namespace sluice::policy
