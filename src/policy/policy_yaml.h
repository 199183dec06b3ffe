// policy_yaml.h: reads policies from envoyproxy/ratelimit's YAML, as it is, with a few fields more. No
// exception leaves it. The manual is docs/policies.md.
//
//     domain: messaging
//     on_store_failure: local           # *: of every rule that does not say otherwise
//     consistency: strict               # *
//     hash_tag: key                     # * or domain: all buckets of the domain lie in one slot of a Cluster
//     descriptors:
//       - key: message_type
//         value: market*                # optional; each * stands for any text or none
//         shadow_mode: false            # and quota_mode, detailed_metric, value_to_metric, share_threshold
//         allow: [10.0.0.0/8]           # * values that always pass, and
//         deny: [spam]                  # * that never do
//         rate_limit:
//           unit: day                   # second, minute, hour, day, week, month (30 days), year (365)
//           requests_per_unit: 5        # 0 refuses all
//           unlimited: false            # true: without unit
//           name: marketing
//           replaces: [{name: other}]
//           burst: 20                   # * capacity; requests_per_unit unless said
//           quotas: [100/h burst 10]    # * more quotas (sluice/quota.h), or the only ones; all must pass
//           cost: 1                     # * tokens a hit takes
//           enforce_percent: 100        # * of keys for which a refusal counts
//           on_store_failure: deny      # * allow, deny or local
//           consistency: leased         # * strict or leased
//         descriptors: []               # of the next entry, and so on
//
// The fields with * are ours. What envoyproxy/ratelimit refuses is refused; what it reads without effect (a
// field of it in a place where it means nothing) gets a warning.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy_set.h"
#include "policy/yaml.h"

namespace sluice::policy {

inline constexpr YamlBounds kPolicyBounds{
    .bytes_max = std::size_t{16} << 20, .depth_max = 400, .unfolded_max = 200'000};
inline constexpr std::size_t kDescriptorsMax = 1'000'000;  ///< In all files together.
inline constexpr std::size_t kPolicyProblemsMax = 100;
inline constexpr std::size_t kPolicyFilesMax = 10'000;

struct PolicyFile {
  std::string name;  ///< For messages.
  std::string text;
  friend bool operator==(const PolicyFile&, const PolicyFile&) = default;
};

struct PolicyOptions {
  /// Several files may name one domain; their descriptors come one behind the other. Otherwise that is an
  /// error.
  bool merge_domains = false;
  store::QuotaCheck accepts = nullptr;  ///< What it refuses is a problem.
  std::int64_t read_wall_ns = 0;        ///< When the files were read, for PolicySet::sources().
};

struct PolicyReading {
  std::shared_ptr<const PolicySet> set;  ///< Never null; empty if there is any problem.
  std::vector<Problem> problems;         ///< Of all files in their order.
  std::vector<Problem> warnings;         ///< What does not do what it seems to.
  explicit operator bool() const { return problems.empty(); }
};

PolicyReading read_policies(const std::vector<PolicyFile>& files, const PolicyOptions& options = {});

/// The files of a folder whose names end in .yaml or .yml and do not begin with a dot, by name; of a path
/// that is no folder, that one file. Nothing below a folder is looked at.
std::vector<PolicyFile> gather_policies(const std::string& path, std::vector<Problem>& problems);

/// Gathers and reads; problems of both. Also gives the files, if asked for.
PolicyReading read_policies_at(const std::string& path, const PolicyOptions& options = {},
                               std::vector<PolicyFile>* files = nullptr);

/// Their paths, unread.
std::vector<std::string> policy_paths(const std::string& path, std::vector<Problem>* problems = nullptr);

/// Whether the document is one of policies: a map with "domain" or "descriptors".
bool is_policy(std::string_view text);

}  // namespace sluice::policy
