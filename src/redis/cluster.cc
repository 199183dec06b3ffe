#include "redis/cluster.h"

#include <algorithm>
#include <utility>

#include "redis/command.h"

namespace sluice::redis {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr Duration kRefresh = std::chrono::seconds(10);

Client::Options any_role(Client::Options options) {
  options.link.primary_only = false;  // A replica knows the map too, and answers writes by MOVED.
  return options;
}

}  // namespace

Cluster::Cluster(net::Loop& loop, std::vector<net::Address> seeds, Client::Options each, Listener* listener,
                 Moved moved)
    : loop_(loop),
      seeds_(std::move(seeds)),
      each_(any_role(std::move(each))),
      listener_(listener),
      told_of_moves_(moved),
      timers_(loop),
      random_(each_.seed) {
  tick();
}

Cluster::~Cluster() {
  primaries_.clear();
  map_ = SlotMap();
  if (listener_ != nullptr)
    listener_->slots_changed();  // Callers that send again when they hear that they are lost find nobody.
  clients_.clear();
}

// ---- commands

bool Cluster::up(std::uint16_t slot) const {
  const auto owner = map_.owner(slot);
  return owner != SlotMap::kNone && primaries_[owner]->up();
}

void Cluster::send(std::uint16_t slot, std::string_view command, Caller& caller) {
  const auto owner = map_.owner(slot);
  if (owner == SlotMap::kNone)
    return caller.lost(Loss::not_sent, "no server is known to have the key's slot");
  if (free_.empty()) {
    calls_.push_back(std::make_unique<Call>(*this));
    free_.push_back(calls_.back().get());
  }
  Call& call = *free_.back();
  free_.pop_back();
  call.caller = &caller;
  call.command = command;
  call.hops = 0;
  send_to(*primaries_[owner], call);
}

void Cluster::send_to(Client& client, Call& call) {
  call.client = &client;
  client.send(call.command, call);
}

Caller& Cluster::finish(Call& call) {
  free_.push_back(&call);
  return *call.caller;
}

void Cluster::Call::replied(Reply reply) {
  if (reply.front().kind == Element::Kind::error && cluster.redirect(*this, reply.front().text)) return;
  cluster.finish(*this).replied(reply);
}

void Cluster::Call::lost(Loss loss, std::string_view why) { cluster.finish(*this).lost(loss, why); }

bool Cluster::redirect(Call& call, std::string_view error) {
  if (error.starts_with("CLUSTERDOWN")) moved_ = true;
  const auto to = Redirect::read(error, call.client->address());
  if (!to || call.hops == kHopsMax) return false;
  ++call.hops;
  ++redirects_;
  Client& client = client_at(to->to);
  if (to->ask) {
    if (!client.up()) return false;
    client.send(command("ASKING"), ignored_);
  } else {
    map_.move(to->slot, to->to);
    if (primaries_.size() < map_.primaries().size()) primaries_.push_back(&client);
    moved_ = true;
    if (listener_ != nullptr) listener_->slots_changed();
    if (told_of_moves_ == Moved::told) return false;
  }
  send_to(client, call);
  return true;
}

// ---- servers

Client& Cluster::client_at(const net::Address& address) {
  for (const auto& client : clients_)
    if (client->address() == address) return *client;
  Client::Options options = each_;
  options.address = address;
  options.seed = random_();
  clients_.push_back(
      std::make_unique<Client>(loop_, std::move(options), static_cast<Client::Listener*>(this)));
  return *clients_.back();
}

void Cluster::went_up(Client& client) {
  if (listener_ != nullptr) listener_->went_up(client);
  refresh();
}

void Cluster::went_down(Client& client, std::string_view why) {
  if (listener_ != nullptr) listener_->went_down(client, why);
}

// ---- the map

void Cluster::refresh() {
  if (slots_.asked) return;
  for (std::size_t i = 0; i < clients_.size(); ++i) {  // Another one each time: one alone may be cut off.
    Client& client = *clients_[++asked_ % clients_.size()];
    if (!client.up()) continue;
    slots_.asked = true;
    slots_.from = client.address();
    return client.send(command("CLUSTER", "SLOTS"), slots_);
  }
}

void Cluster::Slots::replied(Reply reply) {
  asked = false;
  auto map = SlotMap::read(reply, from);
  if (map && map->covered() > 0) return cluster.learned(std::move(*map));
  // A server that knows of no slots was reset or is not of a cluster; another is asked at the next tick.
  cluster.learned_nothing(
      map ? from.text() +
                " is of a Cluster in which no server has slots: give them by `redis-cli --cluster create`"
          : map.error().message + " (" + from.text() + "): for a single server write redis://");
}

void Cluster::learned_nothing(std::string_view why) {
  if (map_.covered() > 0 || std::exchange(told_no_map_, true) || listener_ == nullptr) return;
  listener_->no_map(why);
}

void Cluster::learned(SlotMap map) {
  map_ = std::move(map);
  primaries_.clear();
  for (const auto& address : map_.primaries()) primaries_.push_back(&client_at(address));
  moved_ = told_no_map_ = false;
  sweep_ = true;
  refreshed_ = Clock::now();
  if (listener_ != nullptr) listener_->slots_changed();
}

bool Cluster::amiss() const {
  return moved_ || map_.covered() < kSlots ||
         !std::all_of(primaries_.begin(), primaries_.end(), [](const Client* c) { return c->up(); });
}

// Not from within a client, for one of them may go.
void Cluster::sweep() {
  sweep_ = false;
  std::vector<std::unique_ptr<Client>> gone;  // Their callers may send again: clients_ must be whole by then.
  for (auto& client : clients_)
    if (std::find(primaries_.begin(), primaries_.end(), client.get()) == primaries_.end())
      gone.push_back(std::move(client));
  std::erase(clients_, nullptr);
}

void Cluster::tick() {
  const bool alone = std::none_of(clients_.begin(), clients_.end(), [](const auto& c) { return c->up(); });
  const bool wrong = amiss();
  if (sweep_ && !wrong) sweep();
  if (alone)
    for (const auto& seed : seeds_) client_at(seed);
  else if (wrong || Clock::now() - refreshed_ >= kRefresh)
    refresh();
  timers_.after(kTick, [this] { tick(); });
}

}  // namespace sluice::redis
