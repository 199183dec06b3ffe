// slot.h: what the table keeps of a bucket: 16 bytes, changed by one compare-and-swap, so that whose bucket
// it is and how full it is can never be seen apart.
//
//     high half   fingerprint (48 bits, never 0)  ticks per nanosecond of the word (16 bits)
//     low half    state (2 bits)                  TAT in ticks, modulo 2^62
//
// All zero is an empty slot. A narrow quota keeps a bucket within 2^60 ticks of full (ticks.h), and the
// sweeper visits every slot long before 2^60 ticks of idleness (table.h), so the distance of the TAT from now
// is never ambiguous.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/atomic128.h"
#include "sluice/ticks.h"

namespace sluice::store {

enum class SlotState : std::uint8_t {
  settled = 0,  ///< A bucket, or empty.
  owned = 1,    ///< One thread is about to say what becomes of it: wait, or look again.
  closed = 2,   ///< Its table has been left for a larger one: look there.
};

inline constexpr int kRingBits = 62;
inline constexpr std::uint64_t kRingMask = (std::uint64_t{1} << kRingBits) - 1;

/// One slot's content, as a value.
class Content {
 public:
  constexpr Content() = default;
  explicit constexpr Content(UInt128 bits) : bits_(bits) {}
  static constexpr Content bucket(std::uint64_t fingerprint, std::int64_t per_ns, std::int64_t now_ns,
                                  std::int64_t ahead) {
    const auto now_ticks = static_cast<std::uint64_t>(now_ns) * static_cast<std::uint64_t>(per_ns);
    const auto high = (fingerprint << 16) | static_cast<std::uint64_t>(per_ns);
    return Content((static_cast<UInt128>(high) << 64) |
                   ((now_ticks + static_cast<std::uint64_t>(ahead)) & kRingMask));
  }
  static constexpr Content closed() { return Content().with(SlotState::closed); }

  constexpr UInt128 bits() const { return bits_; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr std::uint64_t fingerprint() const { return high() >> 16; }
  constexpr std::int64_t per_ns() const { return static_cast<std::int64_t>(high() & 0xFFFF); }
  constexpr SlotState state() const { return static_cast<SlotState>(low() >> kRingBits); }
  constexpr Content with(SlotState state) const {
    const auto low_half = (low() & kRingMask) | (static_cast<std::uint64_t>(state) << kRingBits);
    return Content((static_cast<UInt128>(high()) << 64) | low_half);
  }

  /// Ticks of this slot until full, 0 if it is. REQUIRES: a bucket.
  constexpr std::int64_t ahead(std::int64_t now_ns) const {
    const auto distance = low() - static_cast<std::uint64_t>(now_ns) * static_cast<std::uint64_t>(per_ns());
    constexpr int spare = 64 - kRingBits;
    return std::max<std::int64_t>(static_cast<std::int64_t>(distance << spare) >> spare, 0);
  }
  /// The same time in ticks of another rate, rounded up; at most what that rate can hold.
  constexpr std::int64_t ahead(std::int64_t now_ns, const Rate<std::int64_t>& rate) const {
    const std::int64_t ticks = ahead(now_ns);
    if (rate.per_ns == per_ns() || ticks == 0) return ticks;
    const Int128 scaled = (static_cast<Int128>(ticks) * rate.per_ns + per_ns() - 1) / per_ns();
    return static_cast<std::int64_t>(std::min<Int128>(scaled, rate.debt_max));
  }
  constexpr std::int64_t ahead_ns(std::int64_t now_ns) const {
    return ticks_to_duration_up(ahead(now_ns), per_ns()).count();
  }

 private:
  constexpr std::uint64_t high() const { return static_cast<std::uint64_t>(bits_ >> 64); }
  constexpr std::uint64_t low() const { return static_cast<std::uint64_t>(bits_); }
  UInt128 bits_ = 0;
};

/// A slot in memory. All members are atomic.
class alignas(16) Slot {
 public:
  Content load() const { return Content(load_whole(bits_)); }
  /// True if it was `expected` and now is `desired`; otherwise `expected` is what it is.
  bool change(Content& expected, Content desired) {
    UInt128 seen = expected.bits();
    if (compare_exchange(bits_, seen, desired.bits())) return true;
    expected = Content(seen);
    return false;
  }
  /// A hint, for scanning: one half, read alone.
  std::uint64_t fingerprint_now() const {
    using Half [[gnu::may_alias]] = std::uint64_t;
    return __atomic_load_n(reinterpret_cast<const Half*>(&bits_) + 1, __ATOMIC_RELAXED) >> 16;
  }

 private:
  UInt128 bits_;
};
static_assert(sizeof(Slot) == 16);

}  // namespace sluice::store
