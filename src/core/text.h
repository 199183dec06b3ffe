// text.h: a cursor over short texts: quotas, durations, addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) { skip_space(); }

  bool at_end() const { return rest_.empty(); }
  bool at_digit() const { return !rest_.empty() && is_digit(rest_.front()); }
  std::string_view rest() const { return rest_; }

  /// A run of digits, unless it is missing or above 2^63-1; then nothing moves.
  std::optional<std::int64_t> whole_number() {
    std::int64_t value = 0;
    std::size_t n = 0;
    for (; n < rest_.size() && is_digit(rest_[n]); ++n)
      if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, rest_[n] - '0', &value))
        return {};
    if (n == 0) return {};
    rest_.remove_prefix(n);
    skip_space();
    return value;
  }

  /// A run of letters, maybe empty.
  std::string_view word() {
    std::size_t n = 0;
    while (n < rest_.size() && is_letter(rest_[n])) ++n;
    const auto result = rest_.substr(0, n);
    rest_.remove_prefix(n);
    skip_space();
    return result;
  }

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    skip_space();
    return true;
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  std::string_view rest_;
};

}  // namespace sluice
