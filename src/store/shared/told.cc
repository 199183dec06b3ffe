#include "store/shared/told.h"

#include <algorithm>
#include <bit>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::store {

Told::Told(std::size_t entries, std::uint64_t seed)
    : entries_(std::bit_ceil(std::max<std::size_t>(entries, 2))), seed_(seed) {}

/// The first of the two neighbours of which one is the key's.
std::size_t Told::place(std::uint64_t low, std::uint64_t high) const {
  return (low ^ high) & (entries_.size() - 2);
}

void Told::remember(const Family& family, std::string_view key, const Tat& tat) {
  const auto h = XXH3_128bits_withSeed(key.data(), key.size(), seed_ ^ family.salt);
  const std::size_t at = place(h.low64, h.high64);
  Entry* entry = &entries_[at];
  Entry* other = &entries_[at + 1];
  if (other->low == h.low64 && other->high == h.high64) std::swap(entry, other);
  if ((entry->low != h.low64 || entry->high != h.high64) && other->age < entry->age) std::swap(entry, other);
  *entry = {.low = h.low64,
            .high = h.high64,
            .tat_us = tat.us,
            .ticks = static_cast<std::int64_t>(tat.ticks),
            .per_us = static_cast<std::int64_t>(tat.per_us),
            .server = server_,
            .age = ++clock_};
}

std::optional<Tat> Told::floor(const Family& family, std::string_view key) const {
  const auto h = XXH3_128bits_withSeed(key.data(), key.size(), seed_ ^ family.salt);
  const std::size_t at = place(h.low64, h.high64);
  for (std::size_t i = at; i < at + 2; ++i) {
    const Entry& e = entries_[i];
    if (e.low == h.low64 && e.high == h.high64 && e.per_us != 0 && e.server != server_)
      return Tat{e.tat_us, e.ticks, e.per_us};
  }
  return {};
}

}  // namespace sluice::store
