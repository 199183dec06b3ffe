// line.h: which of a line's four slots hold a fingerprint, as bits. A hint, as fingerprint_now() is.
//
// Without a branch a slot: which of the four it is, nobody can foretell, and a wrong guess would not be known
// before the line has come from memory.
#pragma once

#include <cstddef>

#include "store/local/slot.h"

#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

namespace sluice::store {

inline constexpr std::size_t kSlotsPerLine = 4;

#if defined(__SSE4_1__) && defined(SLUICE_CMPXCHG16B)
inline unsigned matching_slots(const Slot* line, std::uint64_t fingerprint) {
  const auto* halves = reinterpret_cast<const __m128i*>(line);
  const auto fingerprints = [&](int first) {  // Of two slots: their high halves, without the ticks.
    return _mm_srli_epi64(
        _mm_unpackhi_epi64(_mm_load_si128(halves + first), _mm_load_si128(halves + first + 1)), 16);
  };
  const __m128i wanted = _mm_set1_epi64x(static_cast<long long>(fingerprint));
  const auto equal = [&](int first) {
    return _mm_castsi128_ps(_mm_cmpeq_epi64(fingerprints(first), wanted));
  };
  return static_cast<unsigned>(_mm_movemask_ps(_mm_shuffle_ps(equal(0), equal(2), 0x88)));
}
#else
inline unsigned matching_slots(const Slot* line, std::uint64_t fingerprint) {
  unsigned found = 0;
  for (unsigned k = 0; k < kSlotsPerLine; ++k)
    found |= static_cast<unsigned>(line[k].fingerprint_now() == fingerprint) << k;
  return found;
}
#endif

}  // namespace sluice::store
