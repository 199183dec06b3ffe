#include "simulate/levels.h"

#include <algorithm>

namespace sluice::simulate {
namespace {

class Drawing {
 public:
  Drawing(const Contender& contender, std::size_t keys, LevelGrid grid)
      : trial_(contender.name(), contender.quotas()), grid_(grid), pens_(keys) {
    curves_.resize(keys);
    for (auto& curve : curves_) {
      curve.lowest.assign(grid.intervals, 1.0);
      curve.refused.assign(grid.intervals, 0);
      trial_.add_key();
    }
  }

  void arrive(std::uint32_t key, const Event& event, std::int64_t now_ns) {
    const auto to = interval_of(now_ns);
    idle_until(key, to);
    const bool allowed = trial_.arrive(key, now_ns - pens_[key].last_ns, event.cost, event.second);
    pens_[key].last_ns = now_ns;
    if (to >= grid_.intervals) return;
    auto& curve = curves_[key];
    curve.lowest[to] = std::min(curve.lowest[to], trial_.level(key, 0));
    if (!allowed) ++curve.refused[to];
  }

  std::vector<LevelCurve> finish() {
    for (std::uint32_t key = 0; key < curves_.size(); ++key) idle_until(key, grid_.intervals - 1);
    return std::move(curves_);
  }

 private:
  struct Pen {
    std::int64_t last_ns = 0;
    std::size_t next = 0;  // The first interval that was not entered.
  };

  std::size_t interval_of(std::int64_t now_ns) const {
    const std::int64_t since = now_ns / kNsPerSecond - grid_.begin_s;
    return since < 0 ? 0 : static_cast<std::size_t>(since / grid_.width_s);
  }

  /// A bucket at rest only gets fuller, so it is emptiest where an interval begins.
  void idle_until(std::uint32_t key, std::size_t to) {
    auto& pen = pens_[key];
    for (; pen.next <= std::min(to, grid_.intervals - 1); ++pen.next) {
      const std::int64_t begin_ns =
          (grid_.begin_s + static_cast<std::int64_t>(pen.next) * grid_.width_s) * kNsPerSecond;
      if (pen.last_ns != 0)
        curves_[key].lowest[pen.next] = trial_.level(key, std::max<std::int64_t>(begin_ns - pen.last_ns, 0));
    }
  }

  Contender trial_;
  LevelGrid grid_;
  std::vector<Pen> pens_;
  std::vector<LevelCurve> curves_;
};

}  // namespace

Result<std::vector<LevelCurve>> level_curves(const EventSpool& events, const Contender& contender,
                                             bool spread, const std::vector<std::uint32_t>& serials,
                                             LevelGrid grid) {
  Drawing drawing(contender, serials.size(), grid);
  // All events pass through the arrivals, since with `spread` the others' share of a second counts too.
  Arrivals arrivals(spread, [&](const Event& event, std::int64_t now_ns) {
    const auto found = std::find(serials.begin(), serials.end(), event.key);
    if (found != serials.end())
      drawing.arrive(static_cast<std::uint32_t>(found - serials.begin()), event, now_ns);
  });
  const auto replayed = events.for_each([&](const Event& event) {
    arrivals.add(event);
    return true;
  });
  if (!replayed) return replayed.error();
  arrivals.finish();
  return drawing.finish();
}

}  // namespace sluice::simulate
