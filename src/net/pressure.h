// pressure.h: whether a loop is behind, and which requests it then sheds. Pure: times come as arguments.
//
// A **probe** stands in the kernel's queue of ready sockets as clients do (loop.cc): what it waits is what a
// request waits that comes at that moment. A single late probe says little (the process was not scheduled, a
// page took long); the loop is **behind** once three in a row waited longer than `after`, and until one waits
// less than half of it.
//
// While it is behind:
//
//     first   greedy connections are shed: those that had had their share of a turn and had more
//     later   when probes wait twice `after`, all
//
// Answering by "overloaded" costs reading and writing too, for small requests nearly as much as deciding.
// Were it given freely, clients that repeat at once would turn the loop into one that answers nothing else.
// So shedding has at most **a tenth of the loop's time**, and what is granted stays within a tenth of what it
// was before. Where that does not suffice the peers wait: their requests stay in the kernel, at most so many
// as there are connections and their windows.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "sluice/time.h"

namespace sluice::net {

/// One thread's; what is atomic any thread may read (relaxed: for people).
class Pressure {
 public:
  static constexpr int kLateInARow = 3;
  static constexpr int kServedPerShed = 9;                              // Parts of the time.
  static constexpr Duration kCreditMax = std::chrono::milliseconds(5);  // Of shedding, saved up.

  /// 0: never behind.
  void limit(Duration after) { after_ = after; }
  Duration limit() const { return after_; }

  /// A probe came back after so long.
  void probed(Duration waited) {
    waited_.store(waited.count(), std::memory_order_relaxed);
    if (after_ == Duration{0}) return;
    late_ = waited > after_ ? std::min(late_ + 1, kLateInARow) : 0;
    if (late_ == kLateInARow && !behind()) {
      credit_ = Duration{0};
      behind_.store(true, std::memory_order_relaxed);
      times_.store(times_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    if (waited < after_ / 2) behind_.store(false, std::memory_order_relaxed);
  }

  /// Whether what one connection has brought is to be shed. Tell spent() of it afterwards.
  bool shed(bool greedy) const {
    return behind() && credit_ > Duration{0} && (greedy || waited() > 2 * after_);
  }
  /// While behind(): a connection's turn took so long.
  void spent(bool shed, Duration time) {
    credit_ = shed ? credit_ - time : std::min(credit_ + time / kServedPerShed, kCreditMax);
  }

  bool behind() const { return behind_.load(std::memory_order_relaxed); }
  Duration waited() const { return Duration(waited_.load(std::memory_order_relaxed)); }  ///< The last probe.
  std::uint64_t times() const { return times_.load(std::memory_order_relaxed); }         ///< It fell behind.

 private:
  Duration after_{0};
  Duration credit_{0};  // Time that shedding may take.
  int late_ = 0;        // Probes in a row.
  std::atomic<bool> behind_{false};
  std::atomic<std::int64_t> waited_{0};
  std::atomic<std::uint64_t> times_{0};
};

}  // namespace sluice::net
