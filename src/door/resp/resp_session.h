// resp_session.h: the RESP door: Sluice as a Redis server that knows one thing. Any Redis client speaks to
// it.
//
//     RespDoor door(store, current_limits, {.password = "secret"});   // One a listener and thread.
//     auto session = door.session(host, "192.0.2.7:51000");           // One a connection.
//     used = session->feed(bytes, now, out);
//
// What it answers is written in docs/resp.md. How it works: a feed reads requests and gathers what they ask
// of the store, 64 asks at most, then has the store decide them at once, and writes all replies in the
// requests' order; and again, until the bytes are used up. Requests that need no store (PING) are answered in
// the same order. Time is feed's `now`: no clock is read here.
//
// A store that answers later: the session is `waiting` and has consumed nothing of that batch. Keys are views
// into the connection's bytes, so these must stay. When the last decision is there it calls Host::resume(),
// and the next feed, with the same bytes in front, writes the replies and goes on.
//
// When `out` holds output_bytes_max or more, feed reads no further and says so by consuming less than it
// could: feed again once `out` is written, even without new bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/gate.h"
#include "door/batching.h"
#include "net/session.h"
#include "observe/decisions.h"
#include "policy/current.h"
#include "store/store.h"
#include "wire/resp_parser.h"
#include "wire/resp_writer.h"

namespace sluice::door {

/// What INFO tells. The server fills it in; what it does not know stays 0.
struct RespNumbers {
  std::uint64_t uptime_seconds = 0;
  std::uint64_t process_id = 0;
  std::uint64_t port = 0;
  std::uint64_t connected_clients = 0;
  std::uint64_t max_clients = 0;
  std::uint64_t connections_received = 0;
  std::uint64_t requests = 0;  ///< RespDoor::requests() of all threads.
  std::uint64_t memory_bytes = 0;
  std::uint64_t keys = 0;
  std::uint64_t table_bytes = 0;
  std::uint64_t evictions = 0;
};

struct RespOptions {
  wire::RespParser::Limits limits = {};
  std::size_t output_bytes_max = 256 * 1024;  ///< Replies not yet written, beyond which nothing is read.
  /// Of the user "default", who may all. Empty: there is none such if there are tokens, else everyone may
  /// ask.
  std::string password = {};
  /// Further users: a token's name, with the token as password. Outlives the door, as does the next.
  const access::CurrentTokens* tokens = nullptr;
  access::Denials* denials = nullptr;         ///< Where requests that are turned away count. May be null.
  std::string version = "0.1.0";              ///< Sluice's own.
  std::function<RespNumbers()> numbers = {};  ///< For INFO; called on the session's thread. May be empty.
  /// Where CLIENT ID's numbers come from; shared by all doors. Null: this door counts for itself.
  std::atomic<std::uint64_t>* client_ids = nullptr;
  store::OnFailure on_store_failure = store::OnFailure::local;  ///< Of CL.THROTTLE and GCRA.
  store::QuotaCheck accepts = nullptr;                          ///< Of CL.THROTTLE's and GCRA's quotas.
  store::Consistency consistency = store::Consistency::strict;  ///< As well.
  observe::Tracer* tracer = nullptr;  ///< This thread's; outlives the door. Null: nothing is traced.
};

struct RespBatch;
struct NamedLimits;
class LatestCommand;

class RespDoor final : public BatchingDoor<RespBatch, RespOptions> {
 public:
  RespDoor(store::Store& store, const policy::Current& limits, RespOptions options,
           observe::Decisions* decisions = nullptr);
  ~RespDoor() override;

  std::unique_ptr<net::Session> session(net::Host& host, std::string_view peer) override;

  std::string_view refusal() const override { return "-ERR max number of clients reached\r\n"; }
  // For the sessions and commands of this door.
  const std::shared_ptr<const NamedLimits>& limits();  ///< Those in force now.
  LatestCommand& latest_command() { return *latest_command_; }
  const store::Family& throttle_family() const { return throttle_family_; }
  bool open_to_all() const { return options().password.empty() && !tokens_; }
  /// Null if there are none.
  access::TokensView* tokens() { return tokens_ ? &*tokens_ : nullptr; }
  void count_denied(bool known) {
    if (options().denials != nullptr) options().denials->count(known);
  }

 private:
  policy::View view_;
  std::shared_ptr<const NamedLimits> limits_;  // Made from what view_ gave last.
  std::unique_ptr<LatestCommand> latest_command_;
  const store::Family throttle_family_;
  std::optional<access::TokensView> tokens_;
  std::atomic<std::uint64_t> own_client_ids_{0};
};

}  // namespace sluice::door
