// cluster.h: Redis Cluster: each slot's primary, and what to do when it is another:
// redis+cluster://host,host.
//
// The map of slots is asked for (CLUSTER SLOTS) when a server is reached, every ten seconds, and ten times a
// second while something is amiss: a slot without a primary, a primary that is down, a MOVED. A command that
// is answered by MOVED or ASK did not run; it is sent again, where it was told to, at most kHopsMax times.
// Anything else goes to the caller, as errors: TRYAGAIN and CLUSTERDOWN, an ASK to a server that is not
// connected yet, and every MOVED if Moved::told is asked for.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "redis/client.h"
#include "redis/slots.h"

namespace sluice::redis {

class Cluster final : private Client::Listener {
 public:
  static constexpr int kHopsMax = 4;
  enum class Moved : std::uint8_t { followed, told };

  class Listener : public Client::Listener {
   public:
    /// The map is another one, before any command is sent by it.
    virtual void slots_changed() = 0;
    /// A server is connected to that cannot give a map, and there is none from another; `why` names it and
    /// the mend. Once, until there is a map.
    virtual void no_map(std::string_view why) = 0;

   protected:
    ~Listener() = default;
  };

  /// `seeds` are asked for the map first, and whenever no other server is up. `each` is for every server, its
  /// address put in. `listener` hears of every server; it may be null.
  Cluster(net::Loop& loop, std::vector<net::Address> seeds, Client::Options each, Listener* listener,
          Moved moved = Moved::followed);
  ~Cluster();  ///< REQUIRES: not from within a caller or the listener.

  /// The slot has a primary, and that is up.
  bool up(std::uint16_t slot) const;
  /// As Node::send(). All keys of `command` belong to `slot`.
  void send(std::uint16_t slot, std::string_view command, Caller& caller);

  const SlotMap& map() const { return map_; }
  /// Of map().primaries(), in their order. Valid until slots_changed().
  const std::vector<Client*>& primaries() const { return primaries_; }
  std::uint64_t redirects() const { return redirects_; }

 private:
  // A command on its way, kept for the case that it must be sent again.
  struct Call final : Caller {
    explicit Call(Cluster& c) : cluster(c) {}
    void replied(Reply reply) override;
    void lost(Loss loss, std::string_view why) override;
    Cluster& cluster;
    Caller* caller = nullptr;
    Client* client = nullptr;
    std::string command;
    int hops = 0;
  };
  struct Slots final : Caller {
    explicit Slots(Cluster& c) : cluster(c) {}
    void replied(Reply reply) override;
    void lost(Loss, std::string_view) override { asked = false; }
    Cluster& cluster;
    net::Address from;
    bool asked = false;
  };
  struct Ignored final : Caller {
    void replied(Reply) override {}
    void lost(Loss, std::string_view) override {}
  };

  void went_up(Client& client) override;
  void went_down(Client& client, std::string_view why) override;
  Client& client_at(const net::Address& address);
  void send_to(Client& client, Call& call);
  bool redirect(Call& call, std::string_view error);
  Caller& finish(Call& call);
  void refresh();
  void learned(SlotMap map);
  void learned_nothing(std::string_view why);
  void sweep();
  void tick();
  bool amiss() const;

  net::Loop& loop_;
  const std::vector<net::Address> seeds_;
  const Client::Options each_;
  Listener* const listener_;
  const Moved told_of_moves_;
  net::Timers timers_;
  std::mt19937_64 random_;
  SlotMap map_;
  std::vector<Client*> primaries_;  // Of map_.primaries(), in their order.
  Slots slots_{*this};
  Ignored ignored_;
  bool moved_ = true;  // The map is not to be trusted.
  bool told_no_map_ = false;
  bool sweep_ = false;  // Servers may be there that are not in the map.
  Time refreshed_{};
  std::size_t asked_ = 0;  // Which client was asked for the map last.
  std::uint64_t redirects_ = 0;
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<Call*> free_;
  std::vector<std::unique_ptr<Client>> clients_;  // Last: they go first, and tell their callers.
};

}  // namespace sluice::redis
