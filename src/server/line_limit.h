// line_limit.h: how many lines of one kind the log takes, and how many were left out. The one mechanism
// behind all lines of the log. Not thread-safe; time is an argument.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "sluice/bucket.h"

namespace sluice::server {

class LineLimit {
 public:
  /// `at_once` lines, and one more every `each` from then on.
  LineLimit(std::int64_t at_once, Duration each) : bucket_(*Quota::make({at_once, 1, each})) {}

  /// There is one more to tell.
  void happened() { ++untold_; }
  /// Whether a line may be written now, and if so how many more than the one it tells were left out.
  /// REQUIRES: happened() since the last line.
  std::optional<std::uint64_t> tell(Time now) {
    if (!bucket_.take(1, now).allowed()) return {};
    return std::exchange(untold_, 0) - 1;
  }
  std::optional<std::uint64_t> line(Time now) {
    happened();
    return tell(now);
  }

 private:
  Bucket bucket_;
  std::uint64_t untold_ = 0;
};

}  // namespace sluice::server
