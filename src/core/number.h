// number.h: short texts that are a number and nothing else.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace sluice {

/// The decimal number that the whole of `text` is. Nothing: it is none (no space and no "+" may stand there),
/// or it does not fit.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end) return {};
  return value;
}

}  // namespace sluice
