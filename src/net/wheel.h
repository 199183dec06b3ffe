// wheel.h: coarse time limits for very many things at no cost a request.
//
// A node stands in the slot of the tick at which it wants to be looked at. Activity does not move it: when
// its tick comes, its owner compares the real deadline and puts it in again. So a busy connection costs one
// look a turn of the wheel, and an idle one too. A node may be moved to an earlier tick (`by`), never lost.
// Resolution: one tick; a node is never looked at before its time. Not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "sluice/time.h"

namespace sluice::net {

struct WheelNode {
  WheelNode() : prev(this), next(this) {}
  WheelNode(const WheelNode&) = delete;
  WheelNode& operator=(const WheelNode&) = delete;
  ~WheelNode() { unlink(); }
  void unlink() {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
  }
  void link_before(WheelNode& other) {
    prev = other.prev;
    next = &other;
    prev->next = this;
    other.prev = this;
  }

  WheelNode* prev;
  WheelNode* next;
  std::int64_t tick = 0;
};

class Wheel {
 public:
  Wheel(Duration tick, Time now) : tick_(tick), done_(now.time_since_epoch() / tick) {}

  /// Looks at `node` at `when` or at the wheel's horizon, whichever is earlier.
  void put(WheelNode& node, Time when) {
    node.unlink();
    node.tick = std::clamp(tick_after(when), done_ + 1, done_ + static_cast<std::int64_t>(kSlots) - 1);
    node.link_before(slot(node.tick));
  }
  /// Makes sure that `node` is looked at at `when` at the latest.
  void by(WheelNode& node, Time when) {
    if (tick_after(when) < node.tick) put(node, when);
  }
  /// Calls look(node) for each node whose time has come. `look` must put it in again or unlink it; it may
  /// also destroy it.
  template <class Look>
  void advance(Time now, Look&& look) {
    const std::int64_t to = now.time_since_epoch() / tick_;
    if (to - done_ >= static_cast<std::int64_t>(kSlots)) done_ = to - static_cast<std::int64_t>(kSlots);
    while (done_ < to) {
      ++done_;
      WheelNode due;  // Moved aside first: `look` puts nodes into slots, maybe into this one.
      WheelNode& from = slot(done_);
      if (from.next != &from) {
        due.link_before(from);
        from.unlink();
      }
      while (due.next != &due) {
        WheelNode& node = *due.next;
        node.unlink();
        look(node);
      }
    }
  }
  /// Calls visit(node) for every node. It may destroy that node and move others.
  template <class Visit>
  void each(Visit&& visit) {
    WheelNode all;
    for (auto& from : slots_)
      while (from.next != &from) {
        WheelNode& node = *from.next;
        node.unlink();
        node.link_before(all);
      }
    while (all.next != &all) {
      WheelNode& node = *all.next;
      node.unlink();
      node.tick = done_ + 1;
      node.link_before(slot(node.tick));
      visit(node);
    }
  }

 private:
  static constexpr std::size_t kSlots = 512;

  std::int64_t tick_after(Time when) const {
    const auto t = when.time_since_epoch();
    return t / tick_ + (t % tick_ != Duration{0} ? 1 : 0);
  }
  WheelNode& slot(std::int64_t tick) { return slots_[static_cast<std::size_t>(tick) % kSlots]; }

  const Duration tick_;
  std::int64_t done_;  // Every tick up to this one has been looked at.
  std::array<WheelNode, kSlots> slots_;
};

}  // namespace sluice::net
