// decisions.h: where a door reports what it decided.
#pragma once

#include <cstdint>
#include <string_view>

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
};

}  // namespace sluice::observe
