// decisions.h: where a door reports what it decided.
#pragma once

#include <cstdint>
#include <string_view>

#include "observe/refusals.h"
#include "observe/rule_counts.h"
#include "sluice/decision.h"

namespace sluice::observe {

/// Not thread-safe: called by one thread alone, the owner of the door that holds it. Who reads the sums from
/// another thread sees to that inside. A door calls it once a batch and limit, not once a request.
class Decisions {
 public:
  virtual ~Decisions() = default;
  /// `n` requests under `limit` came out as `outcome`. The view is valid during the call. Requests that only
  /// ask (peek, cost 0) and those that give back (refund, reset, settle) are not reported.
  virtual void decided(std::string_view limit, sluice::Outcome outcome, std::uint64_t n) = 0;

  /// Counts down, a decision each, to the next one that is to be sampled. Null: none is. Stays as it is.
  virtual std::uint32_t* sampling() { return nullptr; }
  /// That one: what it cost, and the quota, by its index in the limit, that decided as `d` says. REQUIRES:
  /// *sampling() is 0.
  virtual void sample(std::string_view /*limit*/, std::string_view /*key*/, std::int64_t /*cost*/,
                      std::size_t /*quota*/, const Decision& /*d*/) {}
  /// Of refusals that are told one by one; null: none. The same from the first call on.
  virtual RefusalSampler* refusal_sampler() { return nullptr; }
  /// One that the sampler picked. All in it is valid during the call.
  virtual void refused(const Refusal& /*refusal*/, std::uint64_t /*unlogged*/) {}

  // Of the policies' rules, once a descriptor:
  virtual void hit(const CountedRule& /*rule*/, const RuleHits& /*hits*/) {}
  /// A rule whose name depends on the request (detailed_metric, value_to_metric, a limit in the request).
  virtual void hit(std::string_view /*domain*/, std::string_view /*name*/, const RuleHits& /*hits*/) {}
  virtual void unknown_domain(std::string_view /*domain*/) {}
  /// A request that shadow_all let pass.
  virtual void shadowed() {}
};

}  // namespace sluice::observe
