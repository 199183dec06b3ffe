// pattern.h: a text in which each `*` stands for any bytes or none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

class Pattern {
 public:
  static bool is_one(std::string_view text) { return text.find('*') != std::string_view::npos; }
  /// REQUIRES: is_one(text).
  explicit Pattern(std::string_view text);

  bool fits(std::string_view text) const;
  std::string_view prefix() const { return parts_.front(); }

 private:
  std::vector<std::string> parts_;  // Between the stars: at least two, any may be empty.
  std::size_t fixed_ = 0;           // Their length.
};

}  // namespace sluice::policy
