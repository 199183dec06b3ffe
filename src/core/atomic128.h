// atomic128.h: 16 bytes loaded and changed as one. On x86-64 this is cmpxchg16b, written out because g++ 12
// calls libatomic for it; elsewhere, and under ThreadSanitizer, which must see the access, the compiler's
// own.
#pragma once

#include "sluice/ticks.h"

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(SLUICE_THREAD_SANITIZER)
#define SLUICE_CMPXCHG16B 1
#include <emmintrin.h>
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef SLUICE_CMPXCHG16B
#endif
#endif

namespace sluice {

__extension__ typedef unsigned __int128 UInt128;

/// If `word` is `expected`, makes it `desired` and is true; otherwise puts what it is into `expected`.
/// A full barrier on x86, acquire and release elsewhere. REQUIRES: 16-byte alignment, here and below.
inline bool compare_exchange(UInt128& word, UInt128& expected, UInt128 desired) noexcept {
#ifdef SLUICE_CMPXCHG16B
  bool swapped;
  auto low = static_cast<std::uint64_t>(expected);
  auto high = static_cast<std::uint64_t>(expected >> 64);
  __asm__ __volatile__("lock cmpxchg16b %1"
                       : "=@ccz"(swapped), "+m"(word), "+a"(low), "+d"(high)
                       : "b"(static_cast<std::uint64_t>(desired)),
                         "c"(static_cast<std::uint64_t>(desired >> 64))
                       : "memory");
  if (!swapped) expected = (static_cast<UInt128>(high) << 64) | low;
  return swapped;
#else
  return __atomic_compare_exchange_n(&word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
#endif
}

/// Both halves as they were at one moment; acquire.
/// An aligned 16-byte load is one access on every x86 with AVX (Intel SDM vol. 3, 9.1.1; AMD likewise since
/// 2022); the few x86-64-v2 processors without it take the compare-and-swap.
inline UInt128 load_whole(const UInt128& word) noexcept {
#ifdef SLUICE_CMPXCHG16B
  static const bool has_avx = __builtin_cpu_supports("avx");
  if (__builtin_expect(has_avx, 1)) {
    __m128i both;
    __asm__ __volatile__("movdqa %1, %0" : "=x"(both) : "m"(word) : "memory");
    return (static_cast<UInt128>(
                static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(both, both))))
            << 64) |
           static_cast<std::uint64_t>(_mm_cvtsi128_si64(both));
  }
  UInt128 seen = 0;
  compare_exchange(const_cast<UInt128&>(word), seen, 0);
  return seen;
#else
  return __atomic_load_n(const_cast<UInt128*>(&word), __ATOMIC_ACQUIRE);
#endif
}

}  // namespace sluice
