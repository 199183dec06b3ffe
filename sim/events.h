// events.h: virtual time: what is to happen, in the order of its moment and, at one moment, of its making.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "sluice/time.h"

namespace sluice::sim {

class Events {
 public:
  Time now() const { return now_; }
  void at(Time when, std::function<void()> what) {
    queue_.push({std::max(when, now_), made_++, std::move(what)});
  }
  void after(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

  /// Runs the next event. False: there is none at or before `until`.
  bool step(Time until) {
    if (queue_.empty() || queue_.top().when > until) return false;
    auto event = std::move(const_cast<Event&>(queue_.top()));
    queue_.pop();
    now_ = event.when;
    event.what();
    return true;
  }

 private:
  struct Event {
    Time when;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return std::pair(when, number) > std::pair(other.when, other.number);  // The earliest is on top.
    }
  };
  std::priority_queue<Event> queue_;
  Time now_ = Time(std::chrono::hours(1));
  std::uint64_t made_ = 0;
};

}  // namespace sluice::sim
