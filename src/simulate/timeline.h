// timeline.h: counts over time in a bounded number of intervals, however long the log is.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace sluice::simulate {

/// Starts with intervals of a second and widens them (two, three, ... at a time become one) whenever there
/// would be too many. Widths are those that people read: 1, 5, 15 s, 1, 5, 15 min, 1, 3, 6, 12 h, 1 day, and
/// doublings of it; intervals begin at whole multiples of their width in the log's own zone.
class Timeline {
 public:
  static constexpr std::size_t kIntervalsMax = 480;
  static constexpr std::size_t kContendersMax = 2;

  struct Interval {
    std::uint64_t requests = 0;
    std::array<std::uint64_t, kContendersMax> refused{};
  };

  /// `zone`: seconds east of UTC.
  explicit Timeline(std::int32_t zone = 0) : zone_(zone) {}
  void set_zone(std::int32_t zone) { zone_ = zone; }  ///< REQUIRES: nothing was added.

  /// REQUIRES: `second` (since 1970 UTC) is not before that of the call before.
  Interval& at(std::uint32_t second);

  const std::vector<Interval>& intervals() const { return intervals_; }
  std::int64_t width() const { return width_; }  ///< Seconds.
  std::int64_t begin() const {
    return first_ * width_ - zone_;
  }  ///< Of the first interval, in seconds since 1970 UTC.
  /// The same counts in at most `most` intervals.
  Timeline narrowed(std::size_t most) const;

 private:
  void widen();

  std::int32_t zone_;
  std::int64_t width_ = 1;
  std::int64_t first_ = 0;  // Number of the first interval: local seconds / width.
  std::vector<Interval> intervals_;
};

}  // namespace sluice::simulate
