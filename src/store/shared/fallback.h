// fallback.h: what holds for a limit while its store is away. Each decision says so (Origin::degraded).
//
//     allow  granted without a count                        deny  refused; come again in a second
//     local  a bucket in this process with this instance's share of the quota: of n instances each has 1/n of
//            the capacity (at least one token) and of the rate. Together they admit at most what the quota
//            allows, if n is right; each alone never more than its share.
//
// What never refuses (charge, refund, reset) is answered as done, and a refund or reset changes nothing but
// the local share. What is to be done once (once.h) is not done, and says so: it is to be asked for again.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "store/shared/arrears.h"
#include "store/shared/call.h"

namespace sluice::store {

/// This instance's part of a quota. REQUIRES: instances >= 1.
Quota share_of(const Quota& quota, std::int64_t instances);

class Fallback {
 public:
  /// `local` decides at once; what it grants is noted in `arrears`, unless that is null. Both outlive this.
  Fallback(Store& local, std::int64_t instances, Arrears* arrears = nullptr)
      : local_(local), instances_(instances), arrears_(arrears) {}

  /// Decides the chain without its store: the strictest rule of its limits holds for all of it.
  void decide(const Chain& chain, Time now);

  /// Of so many instances from now on. REQUIRES: instances >= 1.
  void share_among(std::int64_t instances);

  /// Whether anything is owed to the store, cheaply; then there are arrears().
  bool owes() const { return arrears_ != nullptr && arrears_->any(); }
  Arrears* arrears() { return arrears_; }
  /// The tokens that are owed to the store: those that this instance granted and its share still lacks.
  std::int64_t owed(const Debt& debt, Time now);
  /// Tokens granted without a count so far.
  std::uint64_t uncounted() const { return uncounted_; }

 private:
  void decide_here(const Chain& chain, Time now);
  const Quota& share(const Quota& quota);

  struct Spec {
    std::int64_t capacity, tokens, period;
    friend bool operator==(const Spec&, const Spec&) = default;
  };
  struct SpecHash {
    std::size_t operator()(const Spec& s) const noexcept {
      return static_cast<std::size_t>((s.capacity * 31 + s.tokens) * 31 + s.period);
    }
  };

  Store& local_;
  std::int64_t instances_;
  Arrears* const arrears_;
  std::uint64_t uncounted_ = 0;
  std::unordered_map<Spec, Quota, SpecHash> shares_;  // Clients of CL.THROTTLE can name many: bounded.
};

}  // namespace sluice::store
