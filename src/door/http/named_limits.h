// named_limits.h: the limits in force, with those parts of a response that depend on the limit alone written
// out beforehand: a decision is told by putting a few numbers between them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/limit.h"

namespace sluice::door::http {

struct NamedQuota {
  std::string text;    ///< "100/s burst 200".
  std::string policy;  ///< Its name as a JSON string: "\"api#1\"".
  std::string member;  ///< Of the field RateLimit, up to its parameters: "\"api#1\"".
  std::string json;    ///< ,"limit":..,"quota":..,"quota_index":..,"capacity":..,"remaining":
};

struct NamedLimit {
  explicit NamedLimit(const policy::Limit& of);

  const policy::Limit* limit;
  std::vector<NamedQuota> quotas;
  std::string policy_field;  ///< The whole line RateLimit-Policy, with its CR LF.
  std::string json;          ///< As GET /v1/limits shows it.
};

/// All that hold at one moment. Shared: a batch that waits for a store keeps its limits alive across a
/// reload.
struct NamedLimits {
  explicit NamedLimits(std::shared_ptr<const policy::LimitSet> from);
  const NamedLimit* find(std::string_view name) const;  ///< Null if there is none.

  std::shared_ptr<const policy::LimitSet> set;
  std::vector<NamedLimit> limits;  ///< In the set's order.
};

}  // namespace sluice::door::http
