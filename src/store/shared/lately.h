// lately.h: something about each of the buckets that were dealt with last: a fixed number of entries, of
// which a newcomer takes the place of the older of two. Not thread-safe.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "store/store.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::store {

template <class Value>
class Lately {
 public:
  /// `seed`: of the key hash, whose 128 bits stand for the key.
  Lately(std::size_t entries, std::uint64_t seed)
      : entries_(std::bit_ceil(std::max<std::size_t>(entries, 2))), seed_(seed) {}

  /// Null if there is none.
  const Value* find(const Family& family, std::string_view key) const {
    const Place p = place(family, key);
    for (std::size_t i = p.at; i < p.at + 2; ++i)
      if (entries_[i].low == p.low && entries_[i].high == p.high) return &entries_[i].value;
    return nullptr;
  }
  Value* find(const Family& family, std::string_view key) {
    return const_cast<Value*>(std::as_const(*this).find(family, key));
  }
  /// The bucket's own, made anew if there is none; the youngest from now on.
  Value& claim(const Family& family, std::string_view key) {
    const Place p = place(family, key);
    Entry* const pair = &entries_[p.at];
    const auto is_own = [&](const Entry& e) { return e.low == p.low && e.high == p.high; };
    Entry* entry = is_own(pair[0]) ? &pair[0] : is_own(pair[1]) ? &pair[1] : nullptr;
    if (entry == nullptr) {
      entry = pair[0].claimed <= pair[1].claimed ? &pair[0] : &pair[1];
      *entry = Entry{.low = p.low, .high = p.high};
    }
    entry->claimed = ++claims_;
    return entry->value;
  }

 private:
  struct Entry {
    std::uint64_t low = 0, high = 0;  // Of the key's hash.
    std::uint64_t claimed = 0;        // The number of its latest claim; 0: never.
    Value value{};
  };
  struct Place {
    std::uint64_t low, high;
    std::size_t at;  // The first of the two neighbours of which one is the key's.
  };
  Place place(const Family& family, std::string_view key) const {
    const auto h = XXH3_128bits_withSeed(key.data(), key.size(), seed_ ^ family.salt);
    return {h.low64, h.high64, (h.low64 ^ h.high64) & (entries_.size() - 2)};
  }

  std::vector<Entry> entries_;
  const std::uint64_t seed_;
  std::uint64_t claims_ = 0;
};

}  // namespace sluice::store
