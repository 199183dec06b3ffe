// store_rules.h: `on_store_failure: allow | deny | local` and `consistency: strict | leased`, as limits,
// policies and settings write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

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

/// `problem` is told what is wrong with the node, if anything is.
template <class Problem>
void read_on_failure(const YamlNode& node, store::OnFailure& into, Problem&& problem) {
  const std::string word = node.kind == YamlNode::Kind::scalar ? node.scalar : node.kind_name();
  if (const auto known = on_failure_of(word))
    into = *known;
  else
    problem("on_store_failure is allow, deny or local, not " + quoted(word) +
            nearest(word, {"allow", "deny", "local"}));
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

template <class Problem>
void read_consistency(const YamlNode& node, store::Consistency& into, Problem&& problem) {
  const std::string word = node.kind == YamlNode::Kind::scalar ? node.scalar : node.kind_name();
  if (const auto known = consistency_of(word))
    into = *known;
  else
    problem("consistency is strict or leased, not " + quoted(word) + nearest(word, {"strict", "leased"}));
}

}  // namespace sluice::policy
