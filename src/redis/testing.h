// testing.h: replies as text, for tests and fuzzers.
#pragma once

#include <string>

#include "redis/node.h"

namespace sluice::redis {

/// "[1 'text' (nil)]", "ERR no", "true": one reply in one line. `at` moves past the element.
inline std::string show(Reply reply, std::size_t& at) {
  const Element& e = reply[at++];
  switch (e.kind) {
    case Element::Kind::null:
      return "(nil)";
    case Element::Kind::integer:
      return std::to_string(e.integer);
    case Element::Kind::text:
      return "'" + std::string(e.text) + "'";
    case Element::Kind::error:
      return std::string(e.text);
    case Element::Kind::boolean:
      return e.integer != 0 ? "true" : "false";
    case Element::Kind::array:
      break;
  }
  std::string text = "[";
  for (std::int64_t i = 0; i < e.integer; ++i) text += (i > 0 ? " " : "") + show(reply, at);
  return text + "]";
}

inline std::string show(Reply reply) {
  std::size_t at = 0;
  std::string text = show(reply, at);
  return at == reply.size() ? text : text + " and more";
}

}  // namespace sluice::redis
