#include "simulate/timeline.h"

namespace sluice::simulate {
namespace {

/// Each divides the next.
std::int64_t wider(std::int64_t width) {
  static constexpr std::array<std::int64_t, 11> kWidths{1,    5,     15,    60,    300,  900,
                                                        3600, 10800, 21600, 43200, 86400};
  for (const auto w : kWidths)
    if (w > width) return w;
  return width * 2;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

Timeline::Interval& Timeline::at(std::uint32_t second) {
  const std::int64_t local = std::int64_t{second} + zone_;
  if (intervals_.empty()) first_ = floor_divide(local, width_);
  for (;;) {
    const auto place = static_cast<std::size_t>(floor_divide(local, width_) - first_);
    if (place < intervals_.size()) return intervals_[place];
    if (place < kIntervalsMax) {
      intervals_.resize(place + 1);
      return intervals_[place];
    }
    widen();
  }
}

void Timeline::widen() {
  const std::int64_t next = wider(width_);
  const std::int64_t next_first = floor_divide(first_ * width_, next);
  std::vector<Interval> merged;
  for (std::size_t i = 0; i < intervals_.size(); ++i) {
    const std::int64_t begin = (first_ + static_cast<std::int64_t>(i)) * width_;
    const auto place = static_cast<std::size_t>(floor_divide(begin, next) - next_first);
    if (place >= merged.size()) merged.resize(place + 1);
    merged[place].requests += intervals_[i].requests;
    for (std::size_t c = 0; c < kContendersMax; ++c) merged[place].refused[c] += intervals_[i].refused[c];
  }
  intervals_ = std::move(merged);
  first_ = next_first;
  width_ = next;
}

Timeline Timeline::narrowed(std::size_t most) const {
  Timeline copy = *this;
  while (copy.intervals_.size() > most) copy.widen();
  return copy;
}

}  // namespace sluice::simulate
