#include "simulate/key_table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstring>

#include "core/hex.h"

namespace sluice::simulate {
namespace {

constexpr std::size_t kKept = KeyTable::kKeyBytesMax - 33;  // A '~' and 32 hexadecimal digits follow.

std::string_view shorten(std::string_view key, std::array<char, KeyTable::kKeyBytesMax>& room) {
  const auto hash = XXH3_128bits(key.data(), key.size());
  std::memcpy(room.data(), key.data(), kKept);
  room[kKept] = '~';
  for (std::size_t i = 0; i < 32; ++i) {
    const auto half = i < 16 ? hash.high64 : hash.low64;
    room[kKept + 1 + i] = kHexDigits[(half >> (60 - 4 * (i % 16))) & 15];
  }
  return {room.data(), room.size()};
}

}  // namespace

KeyTable::KeyTable() : slots_(1024) {}

std::uint32_t KeyTable::index_of(std::string_view key) {
  std::array<char, kKeyBytesMax> room;
  if (key.size() > kKeyBytesMax) key = shorten(key, room);
  const std::uint64_t hash = XXH3_64bits(key.data(), key.size());
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.index_plus_one == 0) return insert(hash, key);
    if (slot.tag == tag && this->key(slot.index_plus_one - 1) == key) return slot.index_plus_one - 1;
  }
}

std::string_view KeyTable::key(std::uint32_t index) const {
  const Entry& entry = entries_[index];
  return {chunks_[entry.chunk_and_length >> 8].data() + entry.offset_in_chunk, entry.chunk_and_length & 0xFF};
}

std::size_t KeyTable::bytes() const {
  return slots_.capacity() * sizeof(Slot) + entries_.capacity() * sizeof(Entry) + chunks_.size() * kChunk;
}

std::uint32_t KeyTable::insert(std::uint64_t hash, std::string_view key) {
  if (chunks_.empty() || chunks_.back().size() + key.size() > kChunk) chunks_.emplace_back().reserve(kChunk);
  auto& chunk = chunks_.back();
  const auto index = static_cast<std::uint32_t>(entries_.size());
  const auto chunk_number = static_cast<std::uint32_t>(chunks_.size() - 1);
  entries_.push_back({hash, static_cast<std::uint32_t>(chunk.size()),
                      chunk_number << 8 | static_cast<std::uint32_t>(key.size())});
  chunk.insert(chunk.end(), key.begin(), key.end());
  if (entries_.size() * 2 > slots_.size())
    rehash(slots_.size() * 2);
  else
    place(hash, index);
  return index;
}

void KeyTable::place(std::uint64_t hash, std::uint32_t index) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].index_plus_one != 0) at = (at + 1) & mask;
  slots_[at] = {static_cast<std::uint32_t>(hash >> 32), index + 1};
}

void KeyTable::rehash(std::size_t slots) {
  slots_.assign(slots, Slot{});
  for (std::uint32_t i = 0; i < entries_.size(); ++i) place(entries_[i].hash, i);
}

void KeyTable::retain(const std::vector<bool>& keep) {
  KeyTable kept;
  kept.slots_.assign(slots_.size(), Slot{});
  for (std::uint32_t i = 0; i < entries_.size(); ++i)
    if (keep[i]) kept.insert(entries_[i].hash, key(i));
  *this = std::move(kept);
}

}  // namespace sluice::simulate
