// run_id.h: who a Redis server is: its run_id, new at each of its starts.
#pragma once

#include <string>
#include <string_view>

#include "redis/node.h"

namespace sluice::server {

/// Out of the reply to INFO server. Empty: it does not say.
inline std::string run_id_of(redis::Reply reply) {
  constexpr std::string_view kField = "run_id:";
  const auto& head = reply.front();
  const auto at = head.text.find(kField);
  if (head.kind != redis::Element::Kind::text || at == head.text.npos) return "";
  return std::string(head.text.substr(at + kField.size(), head.text.find('\r', at) - at - kField.size()));
}

}  // namespace sluice::server
