// shared_numbers.h: what /metrics tells of the shared store: one table of names, help texts and where the
// number is.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "observe/metrics.h"

namespace sluice::server {

/// One loop's, or the sum of all; a tenth of a second old at most. Any thread; relaxed, for people.
struct SharedNumbers {
  using Number = std::atomic<std::uint64_t>;
  Number calls{0}, decisions{0}, remembered{0}, leased{0}, degraded{0}, unknown{0}, unknown_tokens{0},
      uncounted{0}, errors{0}, scripts_loaded{0}, repaid{0};
  Number again{0}, spread{0}, given_back{0}, give_backs_lost{0};  ///< In a Cluster.
  Number outstanding{0};
  Number lease_charged{0}, lease_spent{0};           ///< Tokens.
  Number owed{0}, debts_forgotten{0}, instances{0};  ///< Of the whole process: in no loop's.
  std::atomic<bool> up{false};  ///< Connected, in a Cluster to all primaries, and no breaker open.

  /// Adds the numbers. Not `up`.
  void add(const SharedNumbers& other);
};

struct SharedMetric {
  const char* name;
  const char* help;
  observe::Family::Kind kind;
  SharedNumbers::Number SharedNumbers::* number;
};
/// All but `up` and those by origin.
std::span<const SharedMetric> shared_metrics();

/// Asks by who decided, as label values.
struct AskOrigin {
  const char* name;
  SharedNumbers::Number SharedNumbers::* number;
};
std::span<const AskOrigin> ask_origins();

}  // namespace sluice::server
