// testing.h: how many seeds a test runs.
#pragma once

#include <cstdint>

namespace sluice::sim {

/// All of them, or under a sanitizer, which makes each ten times as long, a part.
constexpr std::uint64_t seeds(std::uint64_t all) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return all / 20;
#else
  return all;
#endif
}

}  // namespace sluice::sim
