#include "policy/pattern.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace sluice::policy {

Pattern::Pattern(std::string_view text) {
  for (;;) {
    const auto star = text.find('*');
    parts_.emplace_back(text.substr(0, star));
    fixed_ += parts_.back().size();
    if (star == std::string_view::npos) break;
    text.remove_prefix(star + 1);
  }
}

// The first and the last part are bound to the ends; each part between is taken where it is first found,
// which leaves the most for those behind it, so no other choice could succeed where this one fails.
bool Pattern::fits(std::string_view text) const {
  if (text.size() < fixed_ || !text.starts_with(parts_.front()) || !text.ends_with(parts_.back()))
    return false;
  text.remove_prefix(parts_.front().size());
  text.remove_suffix(parts_.back().size());
  for (std::size_t i = 1; i + 1 < parts_.size(); ++i) {
    const auto at = text.find(parts_[i]);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + parts_[i].size());
  }
  return true;
}

std::uint64_t PatternList::hash_of(std::string_view prefix, std::string_view suffix) {
  constexpr std::hash<std::string_view> hash;
  return hash(prefix) * 0x9E3779B97F4A7C15u + hash(suffix);
}

void PatternList::add(Pattern pattern, std::uint32_t tag) {
  const Ends ends{pattern.prefix().size(), pattern.suffix().size()};
  if (std::find(ends_.begin(), ends_.end(), ends) == ends_.end()) ends_.push_back(ends);
  by_ends_[hash_of(pattern.prefix(), pattern.suffix())].push_back(static_cast<std::uint32_t>(items_.size()));
  items_.push_back({std::move(pattern), tag});
}

std::uint32_t PatternList::first(std::string_view text) const {
  if (items_.size() <= kFew) {
    for (const Item& item : items_)
      if (item.pattern.fits(text)) return item.tag;
    return kNone;
  }
  std::uint32_t best = kNone;
  for (const auto [prefix, suffix] : ends_) {
    if (prefix + suffix > text.size()) continue;
    const auto it = by_ends_.find(hash_of(text.substr(0, prefix), text.substr(text.size() - suffix)));
    if (it == by_ends_.end()) continue;
    for (const std::uint32_t at : it->second) {
      if (at >= best) break;
      if (items_[at].pattern.fits(text)) best = at;
    }
  }
  return best == kNone ? kNone : items_[best].tag;
}

std::vector<std::uint32_t> PatternList::all(std::string_view text) const {
  std::vector<std::uint32_t> tags;
  for (const Item& item : items_)
    if (item.pattern.fits(text)) tags.push_back(item.tag);
  return tags;
}

}  // namespace sluice::policy
