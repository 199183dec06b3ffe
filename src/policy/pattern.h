// pattern.h: a text in which each `*` stands for any bytes or none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::policy {

class Pattern {
 public:
  static bool is_one(std::string_view text) { return text.find('*') != std::string_view::npos; }
  /// REQUIRES: is_one(text).
  explicit Pattern(std::string_view text);

  bool fits(std::string_view text) const;
  std::string_view prefix() const { return parts_.front(); }  ///< What stands before the first star,
  std::string_view suffix() const { return parts_.back(); }   ///< and behind the last.

 private:
  std::vector<std::string> parts_;  // Between the stars: at least two, any may be empty.
  std::size_t fixed_ = 0;           // Their length.
};

/// Patterns in an order, of which the first that fits counts. A few are tried one by one. More of them are
/// found by their prefix and suffix: for each pair of lengths that occurs, one hash look-up tells those with
/// the text's own ends; so thousands cost no more than there are such pairs, unless many have the same ends.
class PatternList {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  void add(Pattern pattern, std::uint32_t tag);
  bool empty() const { return items_.empty(); }
  /// The tag of the first that fits, or kNone.
  std::uint32_t first(std::string_view text) const;
  /// The tags of all that fit.
  std::vector<std::uint32_t> all(std::string_view text) const;

 private:
  static constexpr std::size_t kFew = 8;
  struct Item {
    Pattern pattern;
    std::uint32_t tag;
  };
  struct Ends {
    std::size_t prefix, suffix;
    friend bool operator==(const Ends&, const Ends&) = default;
  };
  static std::uint64_t hash_of(std::string_view prefix, std::string_view suffix);

  std::vector<Item> items_;
  std::vector<Ends> ends_;  // The different lengths.
  // Of prefix and suffix; the positions in items_, in order. Two pairs of one hash do no harm but a try more.
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> by_ends_;
};

}  // namespace sluice::policy
