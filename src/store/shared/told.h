// told.h: the TATs that this instance was told lately. A server that takes another's place, or starts again,
// may have lost the last writes; what anyone saw is not forgotten: with the first ask for such a bucket its
// TAT is offered as a floor (max), once.
//
// What was refunded or reset since by somebody else is undone by that: at most once a bucket and change of
// server, on the side of refusing. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/shared/bucket_value.h"
#include "store/shared/lately.h"
#include "store/store.h"

namespace sluice::store {

/// A bucket's TAT by the store's clock.
struct Tat {
  std::int64_t us = 0;
  std::int64_t ticks = 0;  ///< Beyond `us`; both below kMicroTicksMax.
  std::int64_t per_us = 1;
};

class Told {
 public:
  Told(std::size_t entries, std::uint64_t seed);  ///< `seed`: of the key hash.

  void remember(const Family& family, std::string_view key, const Tat& tat);
  /// From now on what was remembered before is offered.
  void server_changed() { ++server_; }
  /// Whether there is anything to offer, cheaply.
  bool offers() const { return server_ > 0; }
  /// The bucket's floor, if it was told by an earlier server and not yet by this one.
  std::optional<Tat> floor(const Family& family, std::string_view key) const;

 private:
  struct Heard {
    Tat tat;
    std::uint32_t server = 0;
  };
  Lately<Heard> heard_;
  std::uint32_t server_ = 0;
};

}  // namespace sluice::store
