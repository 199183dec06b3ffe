// hex.h: hexadecimal digits.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace sluice {

inline constexpr char kHexDigits[] = "0123456789abcdef";

/// Two digits a byte.
inline std::string hex_text(std::span<const unsigned char> bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text.append({kHexDigits[byte >> 4], kHexDigits[byte & 15]});
  return text;
}

/// The value of a digit, of either case; -1 if it is none.
constexpr int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = static_cast<char>(c | 0x20);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

}  // namespace sluice
