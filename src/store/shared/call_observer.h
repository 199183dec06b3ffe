// call_observer.h: who wants to know which calls to the shared store carried what, for traces. On the store's
// own thread.
#pragma once

#include <cstddef>
#include <span>

#include "store/store.h"

namespace sluice::store {

/// One call, answered.
struct CallSeen {
  Time sent, answered;
  std::size_t asks = 0;     ///< All that it carried, of whatever requests.
  std::size_t buckets = 0;  ///< Of these.
};

class CallObserver {
 public:
  virtual bool wants_calls() const = 0;
  /// `asks`: some of those that a batch asked, where they are. They are decided.
  virtual void call_answered(std::span<const Ask> asks, const CallSeen& call) = 0;

 protected:
  ~CallObserver() = default;
};

}  // namespace sluice::store
