// live_feed.h: what GET /v1/live tells, once a second, to everyone who listens.
#pragma once

#include <atomic>
#include <functional>
#include <string>

namespace sluice::door {

/// Listeners of all doors together. One is a connection and, while its peer does not read, one event.
inline constexpr int kLiveListenersMax = 64;
/// A listener that has not read the last event gets no further one; after so many it is sent away.
inline constexpr int kLiveMissedMax = 10;

/// One a server. Thread-safe, if `event` is.
struct LiveFeed {
  std::function<std::string()> event;  ///< JSON in one line.
  std::atomic<int> listeners{0};

  /// Takes a place. False: there is none.
  bool enter() {
    if (listeners.fetch_add(1, std::memory_order_relaxed) < kLiveListenersMax) return true;
    leave();
    return false;
  }
  void leave() { listeners.fetch_sub(1, std::memory_order_relaxed); }
};

}  // namespace sluice::door
