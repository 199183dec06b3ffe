// sentinel.h: the primary that Sentinel names, as one node: redis+sentinel://host,host/master.
//
// One sentinel at a time is connected to; when it is lost or does not know the name, the next is. It is asked
// for the primary when it is connected, every second, ten times a second while there is no primary, and
// it tells of +switch-master by itself. The primary's own word counts too: a server that greets as a replica
// is not taken, whatever a sentinel says, so an old answer does no harm.
//
// Commands go to the present primary; those that wait when it is replaced are lost as with any connection.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "redis/client.h"

namespace sluice::redis {

class SentinelNode final : public Node, private Client::Listener {
 public:
  struct Options {
    std::vector<net::Address> sentinels;  ///< At least one.
    std::string master;                   ///< The name that they know it by.
    Client::Options sentinel;             ///< Their address is put in.
    Client::Options primary;              ///< The same.

    /// REQUIRES: of Kind::sentinel. TLS and its files are used for both.
    static Result<Options> from(const Url& url);
  };

  /// `listener` hears of the primary and, while there is none, once each, of sentinels that cannot say where
  /// it is; it may be null.
  SentinelNode(net::Loop& loop, Options options, Client::Listener* listener);
  ~SentinelNode() override;  ///< REQUIRES: not from within a caller or the listener.

  bool up() const override { return primary_ && primary_->up(); }
  void send(std::string_view command, Caller& caller) override;

  /// The present primary; null until a sentinel has named one. It may be down.
  const Client* primary() const { return primary_.get(); }
  std::uint64_t switches() const { return switches_; }  ///< How often another primary was named.

 private:
  // The two ways in which a sentinel tells where the primary is.
  struct Answer final : Caller {
    explicit Answer(SentinelNode& n) : node(n) {}
    void replied(Reply reply) override;
    void lost(Loss, std::string_view) override { asked = false; }
    SentinelNode& node;
    bool asked = false;
  };
  struct Pushed final : Caller {
    explicit Pushed(SentinelNode& n) : node(n) {}
    void replied(Reply reply) override;
    void lost(Loss, std::string_view) override {}
    SentinelNode& node;
  };

  void went_up(Client& client) override;
  void went_down(Client& client, std::string_view why) override;
  void connect();
  void next_sentinel();
  void ask();
  void tell_down(Client& client, const std::string& why);
  void poll();
  void named(std::string_view host, std::string_view port);

  net::Loop& loop_;
  const Options options_;
  Client::Listener* const listener_;
  net::Timers timers_;
  std::mt19937_64 random_;
  std::size_t index_;  // Of the sentinel that is connected to.
  bool moving_ = false;
  Answer answer_{*this};
  Pushed pushed_{*this};
  std::unique_ptr<Client> primary_;
  std::unique_ptr<Client> sentinel_;  // Last: it goes first, with answer_ still there.
  std::uint64_t switches_ = 0;
  std::vector<std::string>
      told_;  // Since the primary was up last: said once each, while sentinels are gone through.
};

}  // namespace sluice::redis
