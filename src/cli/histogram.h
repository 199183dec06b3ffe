// histogram.h: latencies in log-linear buckets: 128 to a power of two, so a percentile is right to 0.8 %.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace sluice::cli {

class Histogram {
 public:
  void add(std::int64_t ns) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
    ++counts_[index(value)];
    ++total_;
    max_ = std::max(max_, value);
  }
  std::uint64_t total() const { return total_; }
  std::uint64_t max() const { return max_; }
  /// The least value that at least `p` percent are not above, rounded up to its bucket's top. 0 of nothing.
  std::uint64_t percentile(double p) const {
    const auto want = static_cast<std::uint64_t>(std::ceil(p / 100 * static_cast<double>(total_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if (counts_[i] > 0 && (seen += counts_[i]) >= want) return std::min(top(i), max_);
    return max_;
  }

 private:
  static constexpr int kBits = 7;  // 2^7 buckets to a power of two.
  static constexpr std::uint64_t kLinear = std::uint64_t{1} << kBits;

  static std::size_t index(std::uint64_t value) {
    if (value < kLinear) return value;
    const int shift = static_cast<int>(std::bit_width(value)) - 1 - kBits;
    return (static_cast<std::size_t>(shift) + 1) * kLinear + ((value >> shift) - kLinear);
  }
  static std::uint64_t top(std::size_t i) {
    if (i < kLinear) return i;
    const auto shift = i / kLinear - 1;
    const auto step = kLinear + i % kLinear;
    return ((step + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kBits + 1) * kLinear> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace sluice::cli
