// keys.h: which key the next request of a load is for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/result.h"

namespace sluice::cli {

class Keys {
 public:
  virtual ~Keys() = default;
  /// Valid until the next call.
  virtual std::string_view next() = 0;

  /// `how`: uniform; zipf:S, where key k is asked for in proportion to k^-S (S > 0); file:PATH, the lines in
  /// turn.
  static Result<std::unique_ptr<Keys>> make(const std::string& how, std::uint64_t count, std::uint64_t seed);
};

}  // namespace sluice::cli
