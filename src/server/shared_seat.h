// shared_seat.h: one loop's way to the shared store: a connection, the store's state machines over it, and
// their wake-ups. All of it belongs to the loop's thread, the numbers apart.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "net/timers.h"
#include "redis/client.h"
#include "redis/sentinel.h"
#include "server/census.h"
#include "server/cluster_nodes.h"
#include "server/config.h"
#include "server/shared_numbers.h"
#include "server/store_log.h"
#include "store/local/local_store.h"
#include "store/shared/shared_store.h"

namespace sluice::server {

/// Where the store is, its files read.
struct SharedPlace {
  /// REQUIRES: config.store is not "local".
  static Result<SharedPlace> of(const Config& config);

  std::string text;  ///< The URL, without its password.
  struct Cluster {
    std::vector<net::Address> seeds;
    redis::Client::Options each;
  };
  std::variant<redis::Client::Options, redis::SentinelNode::Options, Cluster> options;
};

class SharedSeat final : private redis::Client::Listener, private ClusterNodes::Owner {
 public:
  /// Begins to connect. `loop`, `local`, `arrears`, `instances` and `log` outlive it. `first`: it tells the
  /// log of the connection's ups and downs, for all. `calls`, which may be null, is told of calls.
  SharedSeat(net::Loop& loop, store::LocalStore& local, store::Arrears& arrears,
             std::atomic<std::int64_t>& instances, const Config& config, const SharedPlace& place,
             StoreLog& log, bool first, store::CallObserver* calls = nullptr);
  ~SharedSeat();

  store::Store& store() { return store_; }
  const SharedNumbers& numbers() const { return numbers_; }

  /// The loop has ended: whoever still waits is answered, while there is somebody to answer.
  void end() { store_.wake(Time::max()); }

 private:
  void went_up(redis::Client& client) override;
  void went_down(redis::Client& client, std::string_view why) override;
  void another_server() override { store_.server_changed(); }
  void server_known(redis::Client& client) override;
  void server_lost(redis::Client& client, std::string_view why) override;
  void no_map(std::string_view why) override;
  store::SharedOptions options(const Config& config, store::CallObserver* calls);
  void trouble(std::string_view what);
  void wake_at(Time when);
  void publish();

  StoreLog& log_;
  const bool first_;
  /// The store's node: there before the connection is, and up once it is known which server answers. In a
  /// Cluster the census's alone.
  struct Way final : redis::Node {
    explicit Way(const SharedSeat& s) : seat(s) {}
    bool up() const override;
    void send(std::string_view command, redis::Caller& caller) override;
    const SharedSeat& seat;
  };
  /// Asks a server who it is, ahead of all else: one that took another's place is offered what that had told.
  struct Identity final : redis::Caller {
    explicit Identity(SharedSeat& s) : seat(s) {}
    void replied(redis::Reply reply) override { seat.identified(reply); }
    void lost(redis::Loss, std::string_view) override {}
    SharedSeat& seat;
  };

  /// A breaker closes with the first call that succeeds; where nobody asks, this one does. It takes a token
  /// of a bucket of its own, so that a server that takes no writes is not found well. Not counted as an ask.
  struct Probe final : store::Completion {
    void decided() override;
    store::Family family{"#probe", 0, store::OnFailure::allow};
    std::string key;
    Quota quota = *Quota::make({1000, 1000, std::chrono::seconds(1)});
    store::Ask ask{.family = &family, .quota = &quota};
    Decision decision;
    store::Batch batch{};
    bool flies = false;
    std::uint64_t decisions = 0, degraded = 0;
  };

  void identified(redis::Reply reply);
  void probe();
  Way way_{*this};
  Identity identity_{*this};
  std::string run_id_;  // Of the server that was known last.
  bool known_ = false;
  std::string connected_;  // For the log, once it is known.
  std::string version_;    // The same, in a Cluster.
  bool cluster_up_ = false;
  Probe probe_;
  store::Fallback fallback_;
  const std::unique_ptr<ClusterNodes> cluster_;  // Null: one server. Closed ahead of the store's end.
  store::SharedStore store_;
  std::unique_ptr<redis::Node>
      server_;                     // After the store, whose calls it tells that they are lost when it goes.
  redis::Client* only_ = nullptr;  // server_, if it is one connection and not Sentinel's.
  SharedNumbers numbers_;
  std::mt19937_64 random_;
  std::atomic<std::int64_t>& instances_;
  std::optional<Census> census_;  // The first's, if the number of instances is to be learned.
  net::Timers timers_;
};

}  // namespace sluice::server
