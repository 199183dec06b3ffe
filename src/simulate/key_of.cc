#include "simulate/key_of.h"

#include <re2/re2.h>

#include <array>

namespace sluice::simulate {

KeyOf::KeyOf(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
KeyOf::KeyOf(KeyOf&&) noexcept = default;
KeyOf& KeyOf::operator=(KeyOf&&) noexcept = default;
KeyOf::~KeyOf() = default;

Result<KeyOf> KeyOf::parse(const std::string& text) {
  if (text == "ip") return KeyOf(Kind::ip, text);
  if (text == "user") return KeyOf(Kind::user, text);
  if (text == "path") return KeyOf(Kind::path, text);
  if (text.size() < 3 || text.front() != '/' || text.back() != '/')
    return Error{
        Code::invalid_argument,
        "key '" + text +
            "': use ip, user, path, or a regular expression between slashes, as in '/api_key=(\\w+)/'"};
  KeyOf key(Kind::regex, text);
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);  // Logs hold any bytes.
  options.set_log_errors(false);
  key.regex_ = std::make_unique<re2::RE2>(re2::StringPiece(text.data() + 1, text.size() - 2), options);
  if (!key.regex_->ok())
    return Error{Code::invalid_argument,
                 "key '" + text + "': " + key.regex_->error() + " (the syntax is RE2's)"};
  return key;
}

bool KeyOf::operator()(std::string_view line, const Entry& entry, std::string_view& key) const {
  switch (kind_) {
    case Kind::ip:
      key = entry.host;
      return true;
    case Kind::user:
      key = entry.user;
      return key != "-" && !key.empty();
    case Kind::path:
      key = path_of(entry.request);
      return key != "-";
    case Kind::regex: {
      std::array<re2::StringPiece, 2> groups;
      const int wanted = regex_->NumberOfCapturingGroups() > 0 ? 2 : 1;
      if (!regex_->Match(re2::StringPiece(line.data(), line.size()), 0, line.size(), re2::RE2::UNANCHORED,
                         groups.data(), wanted))
        return false;
      const auto& group = groups[static_cast<std::size_t>(wanted - 1)];
      key = std::string_view(group.data(), group.size());
      return !key.empty();
    }
  }
  return false;
}

}  // namespace sluice::simulate
