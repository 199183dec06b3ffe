// cluster_nodes.h: a Redis Cluster as the shared store sees it (store/shared/nodes.h). A primary counts as up
// once it is known who it is: where another one has taken its place, or it has started again, what was told
// before is offered to it, with the first ask already.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "redis/cluster.h"
#include "store/shared/nodes.h"

namespace sluice::server {

class ClusterNodes final : public store::Nodes, private redis::Cluster::Listener {
 public:
  class Owner {
   public:
    /// Of some slot, before anything is asked of it.
    virtual void another_server() = 0;
    virtual void server_known(redis::Client& client) = 0;
    virtual void server_lost(redis::Client& client, std::string_view why) = 0;
    virtual void no_map(std::string_view why) = 0;

   protected:
    ~Owner() = default;
  };

  explicit ClusterNodes(Owner& owner);
  ~ClusterNodes() override;
  /// Begins to connect. See redis::Cluster.
  void open(net::Loop& loop, std::vector<net::Address> seeds, redis::Client::Options each);
  /// Callers that wait hear that their commands are lost. Must precede the end of those that call.
  void close();

  std::size_t server_of(std::uint16_t slot) const override;
  bool serves(std::size_t server) const override;
  redis::Node& node(std::size_t server) override;
  /// Every slot has a server, and all of those are up.
  bool up() const;
  std::size_t primaries() const;

 private:
  struct Server;

  void slots_changed() override;
  void no_map(std::string_view why) override { owner_.no_map(why); }
  void went_up(redis::Client& client) override;
  void went_down(redis::Client& client, std::string_view why) override;
  std::size_t number_of(const net::Address& address);

  static constexpr std::uint16_t kNone = 0xFFFF;
  Owner& owner_;
  std::vector<std::unique_ptr<Server>> servers_;  // By their numbers, for good.
  std::array<std::uint16_t, redis::kSlots> server_of_;
  std::array<std::uint16_t, redis::kSlots> last_;  // Who had the slot when somebody did.
  std::size_t uncovered_ = redis::kSlots;
  std::unique_ptr<redis::Cluster> cluster_;
};

}  // namespace sluice::server
