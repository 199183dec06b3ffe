// array.h: the memory of one size of the table: lines of four slots, and beside them, touched only when a
// bucket comes or goes, each slot's place (so that it can be moved to another size) and each line's reach and
// latch.
//
// A key's home is the line at its place, as a fraction of the length. So a larger array keeps the order, and
// growing is one pass from left to right. The bucket lies in the home line or one of the next; `reach` says
// how many lines have to be searched. The last lines have spare ones behind them, so nothing wraps.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "store/local/key_hash.h"
#include "store/local/line.h"

namespace sluice::store {

inline constexpr std::size_t kBlockLines = 64;

inline void pause_briefly(unsigned& spins) {
  if (++spins % 64 == 0) std::this_thread::yield();
#ifdef __x86_64__
  __builtin_ia32_pause();
#endif
}

class Array {
 public:
  /// Memory comes zeroed from the operating system and costs nothing until it is touched. Throws
  /// std::bad_alloc.
  explicit Array(std::size_t lines);
  ~Array();
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  std::size_t lines() const { return lines_; }
  std::size_t slots() const { return lines_ * kSlotsPerLine; }
  std::size_t bytes() const { return bytes_; }

  std::size_t home(std::uint32_t place) const { return (place * static_cast<std::uint64_t>(lines_)) >> 32; }
  /// The line `distance` lines behind `home`, around the end of its block.
  static std::size_t neighbour(std::size_t home, std::size_t distance) {
    constexpr std::size_t mask = kBlockLines - 1;
    return (home & ~mask) | ((home + distance) & mask);
  }
  Slot* line(std::size_t i) const { return slots_ + i * kSlotsPerLine; }
  std::uint32_t place(const Slot* slot) const {
    return __atomic_load_n(&places_[slot - slots_], __ATOMIC_RELAXED);
  }
  void set_place(const Slot* slot, std::uint32_t place) {
    __atomic_store_n(&places_[slot - slots_], place, __ATOMIC_RELAXED);
  }

  /// For writing. Spelled out because compilers do not say it for x86-64-v2; a processor without it skips it.
  void prefetch(std::uint32_t place) const {
#ifdef __x86_64__
    __asm__ volatile("prefetchw %0" : : "m"(*line(home(place))));
#else
    __builtin_prefetch(line(home(place)), 1);
#endif
  }

  /// The slot that holds the fingerprint, in whatever state, or null. The slot may be another's a moment
  /// later.
  Slot* find(const KeyHash& key) const {
    const std::size_t first = home(key.place);
    if (Slot* slot = find_in_line(first, key.fingerprint)) return slot;
    const std::size_t reach = __atomic_load_n(&marks_[first], __ATOMIC_ACQUIRE) & kReachMask;
    for (std::size_t i = 1; i <= reach; ++i)
      if (Slot* slot = find_in_line(neighbour(first, i), key.fingerprint)) return slot;
    return nullptr;
  }

  /// The latch of a home line: buckets of keys that live there come only under it. Its holder waits for
  /// nothing.
  void lock(std::size_t home_line) {
    unsigned spins = 0;
    while ((__atomic_fetch_or(&marks_[home_line], kLatch, __ATOMIC_ACQUIRE) & kLatch) != 0)
      pause_briefly(spins);
  }
  void unlock(std::size_t home_line) {
    __atomic_fetch_and(&marks_[home_line], static_cast<std::uint8_t>(~kLatch), __ATOMIC_RELEASE);
  }
  /// REQUIRES: the latch of `home_line`, lines < kBlockLines.
  void extend_reach(std::size_t home_line, std::size_t lines) {
    const auto mark = __atomic_load_n(&marks_[home_line], __ATOMIC_RELAXED);
    if ((mark & kReachMask) < lines)
      __atomic_store_n(&marks_[home_line], static_cast<std::uint8_t>(kLatch | lines), __ATOMIC_RELEASE);
  }

  /// Gives the memory of lines [0, end) back to the system; they read as empty from then on.
  void forget_lines(std::size_t end);

 private:
  static constexpr std::uint8_t kLatch = 0x80;
  static constexpr std::uint8_t kReachMask = 0x7F;
  static_assert(kBlockLines - 1 <= kReachMask);

  Slot* find_in_line(std::size_t i, std::uint64_t fingerprint) const {
    const unsigned found = matching_slots(line(i), fingerprint);
    return found == 0 ? nullptr : line(i) + std::countr_zero(found);
  }

  std::size_t lines_;
  std::size_t bytes_;
  void* memory_;
  Slot* slots_;
  std::uint32_t* places_;
  std::uint8_t* marks_;
  std::size_t forgotten_ = 0;  // Lines given back; the migrating thread's own.
};

}  // namespace sluice::store
