// breaker.h: whether a node is worth asking. Closed: it is. After several failures in a row it opens: nobody
// waits for a deadline any more. After a while one call probes; the breaker closes with the first success,
// and opens for longer after each probe that fails. Plain data: time and chance are arguments.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sluice/time.h"

namespace sluice::store {

class Breaker {
 public:
  struct Options {
    int failures = 3;  ///< In a row, that open it.
    Duration open_min = std::chrono::milliseconds(50);
    Duration open_max = std::chrono::seconds(1);
  };
  enum class State : std::uint8_t { closed, open, probing };

  explicit Breaker(Options options) : options_(options), open_for_(options.open_min) {}

  bool would_admit(Time now) const {
    return state_ == State::closed || (state_ == State::open && now >= until_);
  }
  /// Whether a call may go. While open, the first that asks after the pause becomes the probe.
  bool admits(Time now) {
    if (!would_admit(now)) return false;
    if (state_ == State::open) state_ = State::probing;
    return true;
  }
  /// Open, and the next that asks would be the probe.
  bool due(Time now) const { return state_ == State::open && now >= until_; }
  /// What was admitted has not gone after all: the next may.
  void withdrawn(Time now) {
    if (state_ == State::probing) state_ = State::open, until_ = now;
  }
  void succeeded() {
    state_ = State::closed;
    in_a_row_ = 0;
    open_for_ = options_.open_min;
  }
  /// `chance` spreads many instances' probes: 0 to 1.
  void failed(Time now, double chance) {
    if (state_ == State::open) return;
    if (state_ == State::closed && ++in_a_row_ < options_.failures) return;
    if (state_ == State::probing) open_for_ = std::min(open_for_ * 2, options_.open_max);
    state_ = State::open;
    until_ = now + open_for_ / 2 +
             Duration(static_cast<std::int64_t>(chance * static_cast<double>(open_for_.count()) / 2));
  }
  State state() const { return state_; }

 private:
  const Options options_;
  State state_ = State::closed;
  int in_a_row_ = 0;
  Duration open_for_;
  Time until_{};
};

}  // namespace sluice::store
