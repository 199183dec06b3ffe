#include "policy/pattern.h"

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

}  // namespace sluice::policy
