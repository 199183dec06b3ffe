// net.h: a server in the simulated world, and the connections to it: delays, loss, crashes, a clock of its
// own.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "events.h"
#include "model_server.h"
#include "redis/node.h"

namespace sluice::sim {

using Random = std::mt19937_64;

inline std::int64_t below(Random& random, std::int64_t n) {
  return std::uniform_int_distribution<std::int64_t>(0, n - 1)(random);
}
inline bool one_in(Random& random, std::int64_t n) { return below(random, n) == 0; }

/// Asks until then, mostly in quick succession and at times far apart.
inline void traffic(Events& events, Random& random, Time until, std::function<void()> ask) {
  const auto pause =
      std::chrono::microseconds(one_in(random, 10) ? below(random, 50'000) : below(random, 2000));
  events.after(pause, [&events, &random, until, ask = std::move(ask)] {
    if (events.now() >= until) return;
    ask();
    traffic(events, random, until, ask);
  });
}

/// Where the keys are. It may hang, die with what it was doing, come back empty or with an older state.
struct Server {
  explicit Server(Events& e) : events(e) {}
  std::int64_t clock_us() const {
    return 1'800'000'000'000'000 + (events.now().time_since_epoch().count() / 1000) + clock_offset_us;
  }
  Events& events;
  ModelServer model;
  std::int64_t clock_offset_us = 0;
  bool alive = true;
  Time hangs_until{};    ///< Until then it reads nothing.
  std::uint64_t id = 1;  ///< Another when another server takes its place.
  std::string refuses;   ///< Not empty: an error that every call gets, as LOADING or READONLY.
  /// In a Cluster: the error that the command gets for its slot; empty: it runs.
  std::function<std::string(std::string_view command, bool asking)> gate;
};

/// One instance's connection: commands and replies in order, each with its delay.
class Link final : public redis::Node {
 public:
  struct Faults {
    std::int64_t delay_us_max = 300;
    std::int64_t slow_one_in = 0;     ///< Of so many messages one takes up to 60 ms. 0: none.
    bool repeats_lost_calls = false;  ///< Planted: what a careless client would do.
  };
  Link(Events& events, Random& random, Server& server, Faults faults)
      : events_(events), random_(random), server_(server), faults_(faults) {}

  bool up() const override { return up_ && server_.alive; }
  void send(std::string_view command, redis::Caller& caller) override { send(command, caller, false); }
  /// `asking`: behind an ASKING.
  void send(std::string_view command, redis::Caller& caller, bool asking);
  /// The connection breaks: what was under way may run or not. It is back after `pause`.
  void cut(Duration pause);
  void calm() { faults_.slow_one_in = 0; }
  /// Called behind each reply that was delivered, with the server's time when it ran the command.
  void on_delivered(std::function<void(std::int64_t ran_us)> what) { delivered_ = std::move(what); }
  std::int64_t delivering_us() const { return delivering_us_; }  ///< Within a delivery: the same.
  /// Called when the connection is back and the server is another one than before, ahead of every command.
  void on_other_server(std::function<void()> what) { other_server_ = std::move(what); }

 private:
  struct Message {
    std::string command;
    redis::Caller* caller;
    ModelServer::Answer answer;
    bool ran = false;
    std::int64_t ran_us = 0;
    bool asking = false;
  };
  using Pending = std::shared_ptr<Message>;

  Duration delay();
  void arrive(const Pending& message, std::uint64_t epoch);
  void come_back(const Pending& message, std::uint64_t epoch);

  Events& events_;
  Random& random_;
  Server& server_;
  Faults faults_;
  std::deque<Pending> pending_;
  Time last_arrival_{}, last_reply_{};
  std::uint64_t epoch_ = 0;
  std::uint64_t server_id_ = 1;
  std::function<void()> other_server_;
  std::function<void(std::int64_t)> delivered_;
  std::int64_t delivering_us_ = 0;
  bool up_ = true;
};

}  // namespace sluice::sim
