// hex.h: hexadecimal digits.
#pragma once

namespace sluice {

/// The value of a digit, of either case; -1 if it is none.
constexpr int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = static_cast<char>(c | 0x20);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

}  // namespace sluice
