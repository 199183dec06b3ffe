// key_of.h: whom a line of the log is counted for.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "simulate/access_log.h"
#include "sluice/result.h"

namespace re2 {
class RE2;
}

namespace sluice::simulate {

/// `ip` (the line's first field), `user`, `path` (without its query) or `/regex/` over the whole line: RE2's
/// syntax; the first group is the key, or the whole match if there is no group.
class KeyOf {
 public:
  static Result<KeyOf> parse(const std::string& text);
  KeyOf(KeyOf&&) noexcept;
  KeyOf& operator=(KeyOf&&) noexcept;
  ~KeyOf();

  /// False if the line has no key: nobody was logged in, no match, or the group took no part in it. The key
  /// is a view into the line. Empty keys are none.
  bool operator()(std::string_view line, const Entry& entry, std::string_view& key) const;
  const std::string& text() const { return text_; }

 private:
  enum class Kind : std::uint8_t { ip, user, path, regex };
  KeyOf(Kind kind, std::string text);

  Kind kind_;
  std::string text_;
  std::unique_ptr<re2::RE2> regex_;
};

}  // namespace sluice::simulate
