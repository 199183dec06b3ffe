// explanation.h: why a request is limited as it is: each entry's step down the policy, the rule and its
// bucket, or why there is none. For people and for programs that help them; not for the data path.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy_set.h"

namespace sluice::policy {

struct Explained {
  std::vector<std::pair<std::string, std::string>> entries;
  std::vector<Step> steps;  ///< As many as entries looked at.
  Match::Outcome outcome = Match::Outcome::none;
  bool by_list = false;
  bool replaced = false;       ///< The outcome is none because another rule of the request replaces it.
  const Rule* rule = nullptr;  ///< Lives as long as the set.
  std::string version;         ///< Of its file.
  std::string key;             ///< Of the bucket.
  std::string stat;            ///< The name in statistics.
  std::string reason;          ///< Why there is no rule, why it is not asked, or empty.
};

/// One request: a domain and its descriptors.
std::vector<Explained> explain(const PolicySet& set, std::string_view domain,
                               std::span<const std::vector<Entry>> descriptors);

std::string_view how_name(Step::How how);               ///< "exact", "pattern", "key alone", "nothing"
std::string_view outcome_name(Match::Outcome outcome);  ///< "none", "quota", "allow", "refuse"

/// Several lines, the last one ended.
std::string explanation_text(const Explained& explained);

/// Appends a text as a JSON string, in quotes and escaped.
using JsonString = void (*)(std::string& out, std::string_view text);
/// {"domain":…,"descriptors":[…]}
std::string explanation_json(std::string_view domain, std::span<const Explained> descriptors,
                             JsonString json_string);

}  // namespace sluice::policy
