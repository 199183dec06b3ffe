// values.h: numbers as clients write them. Exact: no float is involved.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/time.h"

namespace sluice::door {

/// A whole number in decimal with an optional sign, and nothing else. Nothing if it is not one or does not
/// fit.
std::optional<std::int64_t> whole_number(std::string_view text);

struct DecimalSeconds {
  enum class Kind : std::uint8_t {
    good,
    malformed,  ///< Not a number.
    zero,
    negative,
    too_long,  ///< Above 292 years, or "inf".
    too_fine,  ///< Not a whole number of nanoseconds.
  } kind;
  Duration value{0};  ///< If good: at least 1 ns. Otherwise 0.
};
/// Seconds as Redis takes doubles ("60", "0.5", ".5", "1e-3"), but read as the decimal number that they are.
DecimalSeconds decimal_seconds(std::string_view text);

/// ASCII alone, whatever the locale is.
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
/// REQUIRES: `lower` is in lower case.
constexpr bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (to_lower(text[i]) != lower[i]) return false;
  return true;
}

}  // namespace sluice::door
