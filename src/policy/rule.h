// rule.h: what one descriptor of a policy says about the requests that match it. Immutable once built; the
// reader is policy_yaml.h, the matcher policy_set.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/limit.h"
#include "policy/metadata.h"
#include "policy/value_list.h"

namespace sluice::policy {

/// One part of a descriptor: what is told of a request.
struct Entry {
  std::string_view key, value;
};

/// The numbers are those of envoy.service.ratelimit.v3.RateLimitResponse.RateLimit.Unit.
enum class Unit : std::uint8_t { unknown, second, minute, hour, day, month, year, week };

std::string_view unit_name(Unit unit);  ///< "second", …; "unknown".
/// In any case, as envoyproxy/ratelimit reads it; unknown if it is none.
Unit unit_from(std::string_view name);
/// A month is 30 days and a year 365, as envoyproxy/ratelimit counts them. REQUIRES: not unknown.
Duration unit_period(Unit unit);
/// The unit of this period; unknown if there is none.
Unit unit_of(Duration period);

struct Rule {
  enum class Kind : std::uint8_t {
    quota,      ///< Its buckets decide.
    unlimited,  ///< All pass; counted.
    closed,     ///< requests_per_unit is 0: none pass.
    lists,      ///< Without rate_limit: only its lists decide, all others pass.
  };

  std::string full_name;  ///< "messaging.message_type_marketing.to_number": of statistics and of its buckets.
  std::string_view domain;  ///< Its domain's name; lives as long as the set.
  std::uint32_t index = 0;  ///< In PolicySet::rules(), dense: for a table of counters.
  Kind kind = Kind::quota;
  std::optional<Limit> limit;  ///< kind quota: what append_asks() takes; it holds the mode, too.

  std::string name;                     ///< Of rate_limit; may be empty. For current_limit and `replaces`.
  std::vector<std::string> replaces;    ///< Names whose rules fall away if they match in the same request.
  std::uint32_t requests_per_unit = 0;  ///< As written, for current_limit; 0 of `quotas` alone.
  Unit unit = Unit::unknown;            ///< As well; unknown of `quotas` alone.
  Mode mode = Mode::enforce;
  bool quota_mode = false;
  bool detailed_metric = false;
  bool stat_by_value = false;  ///< Its name in statistics depends on the request: PolicySet::stat_name().

  std::int64_t cost = 1;  ///< Tokens one hit takes.
  std::int32_t enforce_percent = 100;
  store::OnFailure on_store_failure = store::OnFailure::local;
  store::Consistency consistency = store::Consistency::strict;
  bool one_slot = false;  ///< Of a Cluster, with all of its domain.

  /// A map that is told to the proxy when the rule lets a request pass; may be null. Shared, since a rule is
  /// a value.
  std::shared_ptr<const Metadata> metadata;

  std::string file;  ///< Where it is written.
  int line = 0;

  /// Tokens that `hits` take; stops at 2^63-1, which no bucket holds.
  std::int64_t tokens(std::uint64_t hits) const;
  /// Whether a refusal counts for this bucket: for enforce_percent of all keys, always the same ones, and a
  /// larger percentage only adds to them. If false, a refused request passes as in shadow mode.
  bool enforces(std::string_view key) const;
  /// "500 per second", "5 per minute, burst 20", "unlimited", for people.
  std::string text() const;
};

}  // namespace sluice::policy
