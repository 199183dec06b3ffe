// policy_set.h: the policies in force: which rule a descriptor of a request falls under, and which bucket.
//
// A policy is a domain and a tree of descriptors (policy_yaml.h). A request's descriptor is a list of
// entries; it walks down the tree, an entry a level, as in envoyproxy/ratelimit:
//   1. the descriptor with the entry's key and value, else
//   2. the first one, in the file's order, whose pattern (a value with `*`) the entry fits, else
//   3. the descriptor with the entry's key and no value, else the request's descriptor matches nothing.
// The walk does not turn back: an entry that matched in step 1 never falls back to 2 or 3 because of what
// comes below. The rule is that of the descriptor at which the last entry arrives; entries and levels must be
// of one number. The bucket within the rule is named by all entries: each value has its own, but for
// share_threshold, under which all values of a pattern have one.
//
// In that project a level is looked up by the text "key_value", so a descriptor with key `a_b` and no value
// also meets the entry a=b. So it is here.
//
// match() costs a hash look-up or two an entry and allocates nothing but what `keys` needs to grow.
// Immutable; any number of threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/pattern.h"
#include "policy/rule.h"
#include "policy/source.h"

namespace sluice::policy {

/// One descriptor of a policy and those below it, as the reader found it.
struct Descriptor {
  std::string key, value;    ///< An empty value: none.
  std::optional<Rule> rule;  ///< full_name and index are set by PolicySet.
  bool value_to_metric = false;
  bool share_threshold = false;
  ValueList allow, deny;
  std::vector<Descriptor> descriptors;

  std::string text() const;  ///< "key" or "key_value": what it is looked up by.
};
struct Policy {
  std::string domain;
  std::vector<Descriptor> descriptors;
};

struct Match {
  enum class Outcome : std::uint8_t {
    none,    ///< No rule applies: nothing limits this descriptor.
    ask,     ///< The rule's buckets decide: append_asks(*rule->limit, key, rule->tokens(hits), …).
    allow,   ///< Without a bucket: unlimited, or on an allow list.
    refuse,  ///< Without a bucket: requests_per_unit is 0, or on a deny list.
  };
  const Rule* rule = nullptr;  ///< Null iff none. Lives as long as the set, or as the override.
  Outcome outcome = Outcome::none;
  bool by_list = false;  ///< allow, refuse: a list said so.
  std::size_t key_at = 0, key_size = 0;

  /// The bucket's name within the rule, as in "message_type=marketing|to_number=2061111111".
  std::string_view key(std::string_view keys) const { return keys.substr(key_at, key_size); }
};

/// How an entry of a request fared on its level, for explain.
struct Step {
  enum class How : std::uint8_t { exact, pattern, key_alone, nothing };
  How how = How::nothing;
  std::string descriptor;  ///< As written in the policy: "key", "key_value"; empty if nothing.
  std::string shadowed;    ///< pattern: later patterns that fit as well, apart by ", ".
};

class Domain;

class PolicySet {
 public:
  PolicySet();
  /// REQUIRES: what the reader checks: no domain twice, no two descriptors of one text on a level.
  explicit PolicySet(std::vector<Policy> policies, std::vector<Source> sources = {});
  ~PolicySet();
  PolicySet(const PolicySet&) = delete;
  PolicySet& operator=(const PolicySet&) = delete;

  /// Null if there is none: then no descriptor of the request is limited, not even by an override.
  const Domain* find(std::string_view domain) const;
  std::vector<std::string_view> domains() const;
  const std::vector<const Rule*>& rules() const { return rules_; }  ///< By Rule::index.
  const std::vector<Source>& sources() const { return sources_; }   ///< Their files, by name.
  /// The file that the rule is written in. Null: it is no rule of this set, but a request's own.
  const Source* source_of(const Rule& rule) const;
  std::uint64_t serial() const { return serial_; }  ///< Another one for each set of the process; not 0.

  /// Appends the bucket's key to `keys` (the views come after the last append). Null domain: none.
  Match match(const Domain* domain, std::span<const Entry> descriptor, std::string& keys) const;

  /// The limit that a request brings itself (`limit` in its descriptor) in place of a match. Null if the
  /// domain is null or the numbers make no quota (unit unknown). requests_per_unit 0 refuses. Its buckets
  /// are those of the domain, unit and entries, whatever requests_per_unit was before. The rule belongs to
  /// the caller and must outlive its asks; this allocates.
  std::unique_ptr<const Rule> override_rule(const Domain* domain, std::span<const Entry> descriptor,
                                            std::uint32_t requests_per_unit, Unit unit) const;
  /// The match of such a rule.
  static Match match_override(const Rule& rule, std::span<const Entry> descriptor, std::string& keys);

  /// The name in statistics, where rule->stat_by_value; else it is rule->full_name.
  std::string stat_name(const Domain& domain, std::span<const Entry> descriptor) const;

  /// The walk of match(), told. As many steps as entries looked at.
  std::vector<Step> explain(const Domain& domain, std::span<const Entry> descriptor) const;

  /// All of it for people, one rule a line.
  std::string text() const;

 private:
  std::map<std::string, std::unique_ptr<Domain>, std::less<>> domains_;
  std::vector<const Rule*> rules_;
  std::vector<Source> sources_;
  const std::uint64_t serial_;
};

/// Drops, among the matches of one request, those whose rule's name another one `replaces`: they become none
/// and keep their rule. As in envoyproxy/ratelimit, unlimited ones stay.
void drop_replaced(std::span<Match> matches);

}  // namespace sluice::policy
