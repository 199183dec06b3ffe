// key_hash.h: from a key to where its bucket is. 128 bits of XXH3 with a seed of this process, of which the
// table uses 80: 48 as fingerprint, 32 for the place. XXH3 with a secret seed spreads keys that clients
// choose; it is no cryptographic proof against one who learns the seed.
#pragma once

#include <cstdint>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::store {

struct KeyHash {
  std::uint64_t fingerprint;  ///< 48 bits, never 0.
  std::uint32_t place;        ///< Where in the table, as a fraction of its length.
  friend bool operator==(const KeyHash&, const KeyHash&) = default;
};

inline KeyHash hash_key(std::string_view key, std::uint64_t seed) {
  const auto h = XXH3_128bits_withSeed(key.data(), key.size(), seed);
  const std::uint64_t fingerprint = h.low64 >> 16;
  return {fingerprint == 0 ? 1 : fingerprint, static_cast<std::uint32_t>(h.high64 >> 32)};
}

}  // namespace sluice::store
