// key_table.h: keys to small whole numbers: 0, 1, 2, ... in the order of their first coming, so that what
// belongs to a key lies in plain arrays. Open addressing over 64-bit XXH3 hashes, at most half full; the
// keys' bytes lie behind one another in an arena.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::simulate {

class KeyTable {
 public:
  /// A longer key is kept as its first bytes and a 128-bit hash of the whole, so that no key takes more than
  /// this.
  static constexpr std::size_t kKeyBytesMax = 255;

  KeyTable();
  /// The key's index; size() before the call if it is new.
  std::uint32_t index_of(std::string_view key);
  /// As index_of told it; a key above kKeyBytesMax bytes in its short form. Valid until the next call of
  /// another member.
  std::string_view key(std::uint32_t index) const;
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const;  ///< Held in memory.

  /// Keeps the keys `index` with keep[index] and numbers them anew, in order: the same as
  /// erasing the others from a vector. REQUIRES: keep.size() == size().
  void retain(const std::vector<bool>& keep);

 private:
  struct Entry {
    std::uint64_t hash;
    std::uint32_t offset_in_chunk;
    std::uint32_t chunk_and_length;  // Length in the low 8 bits.
  };
  struct Slot {
    std::uint32_t tag;  // The hash's high half: most strangers are told apart without a look at the entry.
    std::uint32_t index_plus_one;  // 0: empty.
  };
  static constexpr std::size_t kChunk = std::size_t{1} << 20;

  std::uint32_t insert(std::uint64_t hash, std::string_view key);
  void place(std::uint64_t hash, std::uint32_t index);
  void rehash(std::size_t slots);

  std::vector<Slot> slots_;  // A power of two.
  std::vector<Entry> entries_;
  std::vector<std::vector<char>> chunks_;
};

}  // namespace sluice::simulate
