// random_seed.h: 64 bits that nobody can guess, for hashes and for jitter.
#pragma once

#include <cstdint>
#include <random>

namespace sluice {

inline std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace sluice
