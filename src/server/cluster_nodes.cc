#include "server/cluster_nodes.h"

#include <algorithm>
#include <utility>

#include "redis/command.h"
#include "server/run_id.h"

namespace sluice::server {

/// One address of the Cluster.
struct ClusterNodes::Server final : redis::Node, redis::Caller {
  Server(ClusterNodes& n, net::Address a) : nodes(n), address(std::move(a)) {}

  bool up() const override { return client != nullptr && known && client->up(); }
  void send(std::string_view command, redis::Caller& caller) override {
    if (client == nullptr) return caller.lost(redis::Loss::not_sent, "the server has no slot");
    client->send(command, caller);
  }
  void send_in(std::uint16_t slot, std::string_view command, redis::Caller& caller) override {
    if (!nodes.cluster_) return caller.lost(redis::Loss::not_sent, "the Cluster is left");
    nodes.cluster_->send(slot, command, caller);
  }
  // It has said who it is.
  void replied(redis::Reply reply) override {
    std::string id = run_id_of(reply);
    if (!run_id.empty() && (id.empty() || id != run_id)) nodes.owner_.another_server();
    run_id = id.empty() ? "unknown" : std::move(id);
    known = true;
    if (greeted != nullptr) nodes.owner_.server_known(*greeted);
  }
  void lost(redis::Loss, std::string_view) override {}

  ClusterNodes& nodes;
  const net::Address address;
  redis::Client* client = nullptr;   // Null: it has no slot now.
  redis::Client* greeted = nullptr;  // Waits for its reply.
  std::string run_id;
  bool known = false;
};

ClusterNodes::ClusterNodes(Owner& owner) : owner_(owner) {
  server_of_.fill(kNone);
  last_.fill(kNone);
}
ClusterNodes::~ClusterNodes() = default;

void ClusterNodes::open(net::Loop& loop, std::vector<net::Address> seeds, redis::Client::Options each) {
  cluster_ = std::make_unique<redis::Cluster>(loop, std::move(seeds), std::move(each),
                                              static_cast<redis::Cluster::Listener*>(this),
                                              redis::Cluster::Moved::told);
}

void ClusterNodes::close() {
  for (auto& server : servers_) server->client = nullptr;
  server_of_.fill(kNone);
  const auto own = std::move(cluster_);  // Who is told that he is lost finds none.
}

std::size_t ClusterNodes::server_of(std::uint16_t slot) const {
  const std::uint16_t server = server_of_[slot];
  return server == kNone ? kNobody : server;
}

bool ClusterNodes::serves(std::size_t server) const { return servers_[server]->client != nullptr; }

redis::Node& ClusterNodes::node(std::size_t server) { return *servers_[server]; }

bool ClusterNodes::up() const {
  return uncovered_ == 0 &&
         std::ranges::all_of(servers_, [](const auto& s) { return s->client == nullptr || s->up(); });
}

std::size_t ClusterNodes::primaries() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(servers_, [](const auto& s) { return s->client != nullptr; }));
}

std::size_t ClusterNodes::number_of(const net::Address& address) {
  for (std::size_t i = 0; i < servers_.size(); ++i)
    if (servers_[i]->address == address) return i;
  servers_.push_back(std::make_unique<Server>(*this, address));
  return servers_.size() - 1;
}

void ClusterNodes::slots_changed() {
  if (!cluster_) return;
  const auto& map = cluster_->map();
  for (auto& server : servers_) server->client = nullptr;
  std::vector<std::uint16_t> numbers;
  for (std::size_t i = 0; i < cluster_->primaries().size(); ++i)
    numbers.push_back(static_cast<std::uint16_t>(number_of(map.primaries()[i])));
  bool another = false;
  uncovered_ = 0;
  for (std::size_t slot = 0; slot < redis::kSlots; ++slot) {
    const auto owner = map.owner(static_cast<std::uint16_t>(slot));
    const bool covered = owner < numbers.size();
    const std::uint16_t number = server_of_[slot] = covered ? numbers[owner] : kNone;
    if (!covered) {
      ++uncovered_;
      continue;
    }
    servers_[number]->client = cluster_->primaries()[owner];
    another |= last_[slot] != kNone && last_[slot] != number;
    last_[slot] = number;
  }
  if (another) owner_.another_server();
}

void ClusterNodes::went_up(redis::Client& client) {
  Server& server = *servers_[number_of(client.address())];
  server.known = false;
  server.greeted = &client;
  client.send(redis::command("INFO", "server"), server);
}

void ClusterNodes::went_down(redis::Client& client, std::string_view why) {
  Server& server = *servers_[number_of(client.address())];
  server.known = false;
  server.greeted = nullptr;
  owner_.server_lost(client, why);
}

}  // namespace sluice::server
