// events.h: what is left of a log once its lines are read: who came when and for how much.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "sluice/result.h"
#include "sluice/time.h"

namespace sluice::simulate {

struct Event {
  std::uint32_t second;  ///< Since 1970 UTC. Never less than that of the event before.
  std::uint32_t key;
  std::int64_t cost;
};

inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;

/// Gives events their nanosecond. A log knows whole seconds: the requests of one second arrive at its
/// beginning, together, or with `spread` evenly over it, the i-th of n at i/n of the second.
///
/// `Sink` is called as sink(event, time_ns since 1970), with times that never go back.
template <class Sink>
class Arrivals {
 public:
  /// With `spread` a second is held back until it is over, but not more of it than this: what comes
  /// later in so full a second arrives at its very end.
  static constexpr std::size_t kHeldMax = std::size_t{1} << 22;

  Arrivals(bool spread, Sink sink) : spread_(spread), sink_(std::move(sink)) {}

  void add(const Event& event) {
    if (!spread_) return sink_(event, event.second * kNsPerSecond);
    if (!held_.empty() && (held_.front().second != event.second || held_.size() == kHeldMax)) finish();
    held_.push_back(event);
  }
  /// The log, or a second of it, is over.
  void finish() {
    const auto n = static_cast<std::int64_t>(held_.size());
    for (std::int64_t i = 0; i < n; ++i) {
      const Event& event = held_[static_cast<std::size_t>(i)];
      const std::int64_t begin = event.second * kNsPerSecond;
      const bool overfull = event.second == overfull_second_;
      sink_(event, begin + (overfull ? kNsPerSecond - 1 : i * kNsPerSecond / n));
    }
    if (held_.size() == kHeldMax) overfull_second_ = held_.front().second;
    held_.clear();
  }

 private:
  const bool spread_;
  Sink sink_;
  std::vector<Event> held_;
  std::int64_t overfull_second_ = -1;
};

/// Keeps events for further replays in constant memory: the first 65,536 at home, more in an unnamed
/// temporary file (16 bytes each, in $TMPDIR or /tmp) that goes away with the process.
class EventSpool {
 public:
  Status add(const Event& event);
  std::uint64_t size() const { return size_; }

  /// Calls visit(const Event&) -> bool for each in order, until it returns false.
  template <class Visit>
  Status for_each(Visit visit) const {
    std::vector<Event> block(file_ ? kBlock : 0);
    for (std::uint64_t at = 0; at < in_file_; at += kBlock) {
      if (const auto read = read_block(at, block); !read) return read.error();
      for (const Event& event : block)
        if (!visit(event)) return Done{};
    }
    for (const Event& event : tail_)
      if (!visit(event)) return Done{};
    return Done{};
  }

 private:
  static constexpr std::size_t kBlock = 65'536;
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  Status flush();
  Status read_block(std::uint64_t at, std::vector<Event>& block) const;

  std::vector<Event> tail_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t in_file_ = 0;  // Events; a multiple of kBlock.
  std::uint64_t size_ = 0;
};

}  // namespace sluice::simulate
