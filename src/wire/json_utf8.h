// json_utf8.h: which bytes are UTF-8 (RFC 3629).
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::wire {

/// Bytes of the character at the front of `text`; 0 if they are none: a stray or missing continuation byte,
/// more bytes than the character needs, a surrogate, beyond U+10FFFF.
constexpr std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto goes_on = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (text.empty()) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return goes_on(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!goes_on(1) || !goes_on(2) || (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F))
      return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!goes_on(1) || !goes_on(2) || !goes_on(3)) return 0;
    return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ? 0 : 4;
  }
  return 0;
}

constexpr bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<signed char>(text[i]) >= 0) {  // Mostly.
      ++i;
      continue;
    }
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace sluice::wire
