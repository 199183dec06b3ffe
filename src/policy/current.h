// current.h: what is in force: one pointer to an immutable set, swapped whole, so that a request sees the old
// set or the new one and never a mixture. A thread pays one atomic load a batch for it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "policy/limit.h"

namespace sluice::policy {

template <class Set>
class CurrentOf {
 public:
  explicit CurrentOf(std::shared_ptr<const Set> first) : set_(std::move(first)) {}

  void replace(std::shared_ptr<const Set> next) {
    const std::lock_guard lock(mutex_);
    set_ = std::move(next);
    version_.fetch_add(1, std::memory_order_release);
  }
  std::shared_ptr<const Set> get() const {
    const std::lock_guard lock(mutex_);
    return set_;
  }
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Set> set_;  // Guarded by mutex_.
  std::atomic<std::uint64_t> version_{
      1};  // Moves after set_ does: who sees a new version finds a set as new.
};

/// One thread's view of CurrentOf. Not thread-safe.
template <class Set>
class ViewOf {
 public:
  explicit ViewOf(const CurrentOf<Set>& current) : current_(current) {}
  /// Shared, since a batch that waits for a store keeps its set alive across a reload.
  const std::shared_ptr<const Set>& get() {
    if (const auto version = current_.version(); version != version_) {
      version_ = version;
      set_ = current_.get();
    }
    return set_;
  }

 private:
  const CurrentOf<Set>& current_;
  std::uint64_t version_ = 0;
  std::shared_ptr<const Set> set_;
};

using Current = CurrentOf<LimitSet>;  ///< The named limits.
using View = ViewOf<LimitSet>;

class PolicySet;
using CurrentPolicies = CurrentOf<PolicySet>;
using PoliciesView = ViewOf<PolicySet>;

}  // namespace sluice::policy
