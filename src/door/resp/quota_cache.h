// quota_cache.h: quotas that clients send with every request, built once. Checking and building one costs
// about 100 ns, more than all the rest of a request; most programs use few.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "store/store.h"

namespace sluice::door {

/// A direct-mapped table: a quota has one place, and the newest to claim it wins. Not thread-safe.
class QuotaCache {
 public:
  explicit QuotaCache(store::QuotaCheck accepts = nullptr) : accepts_(accepts) {}

  /// The quota, valid until the next next_batch(), or null and the reason in `why`.
  const Quota* find(const Quota::Spec& spec, Error& why);
  /// What find() has returned so far is no longer in use.
  void next_batch() {
    ++batch_;
    if (!extra_.empty()) extra_.clear();
  }

 private:
  static constexpr std::size_t kPlaces = 64;
  struct Place {
    std::optional<Quota> quota;
    std::uint64_t used_by = 0;  // The last batch that was given this quota.
  };
  const store::QuotaCheck accepts_;
  std::array<Place, kPlaces> places_;
  std::deque<Quota> extra_;  // Quotas of this batch whose place another quota of this batch holds.
  std::uint64_t batch_ = 1;
};

}  // namespace sluice::door
