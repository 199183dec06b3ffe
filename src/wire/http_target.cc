#include "wire/http_target.h"

#include <algorithm>

#include "core/hex.h"

namespace sluice::wire {

HttpTarget split_target(std::string_view target) {
  if (!target.empty() && target.front() != '/') {
    if (const auto authority = target.find("://"); authority != std::string_view::npos) {
      const auto end = target.find_first_of("/?", authority + 3);
      target = end == std::string_view::npos ? std::string_view("/") : target.substr(end);
    }
  }
  const auto mark = target.find('?');
  if (mark == std::string_view::npos) return {target, {}};
  const auto path = target.substr(0, mark);
  return {path.empty() ? std::string_view("/") : path, target.substr(mark + 1)};
}

std::optional<std::string> decode_query(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex(text[i + 1]);
      const int low = hex(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

bool next_parameter(std::string_view& query, std::string_view& name, std::string_view& value) {
  while (query.starts_with('&')) query.remove_prefix(1);
  if (query.empty()) return false;
  const auto end = std::min(query.find('&'), query.size());
  const auto pair = query.substr(0, end);
  query.remove_prefix(end);
  const auto equals = pair.find('=');
  name = pair.substr(0, equals);
  value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
  return true;
}

}  // namespace sluice::wire
