// nodes.h: where buckets live, if there are several servers: Redis Cluster, as the store sees it. Each key is
// of one slot, each slot at one server at a time. One server, or Sentinel, is a redis::Node and needs none of
// this.
#pragma once

#include <cstddef>
#include <cstdint>

#include "redis/node.h"

namespace sluice::store {

class Nodes {
 public:
  static constexpr std::size_t kNobody = ~std::size_t{0};

  virtual ~Nodes() = default;
  /// Whose the slot is now. A server keeps its number for good.
  virtual std::size_t server_of(std::uint16_t slot) const = 0;
  /// Whether it has any slot now.
  virtual bool serves(std::size_t server) const = 0;
  /// The server itself. What is given to send_in() follows its slot: to another server, if that has it now. A
  /// MOVED is answered with, not followed. Stays as long as this.
  virtual redis::Node& node(std::size_t server) = 0;
};

}  // namespace sluice::store
