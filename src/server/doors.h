// doors.h: the doors, one row each. A door is a SessionFactory (net/session.h) a loop.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "access/gate.h"
#include "door/holds.h"
#include "door/http/live_feed.h"
#include "net/limits.h"
#include "net/loop.h"
#include "net/session.h"
#include "net/tls.h"
#include "observe/history_reader.h"
#include "observe/metrics.h"
#include "observe/seen.h"
#include "observe/tracer.h"
#include "policy/current.h"
#include "server/config.h"
#include "store/local/local_store.h"

namespace sluice::server {

/// Sums over all listeners of the process.
struct NetTotals {
  std::uint64_t open = 0, accepted = 0, refused = 0, refused_address = 0, accept_errors = 0;
  std::uint64_t closed_idle = 0, closed_partial = 0, closed_stall = 0, closed_handshake = 0,
                closed_memory = 0;
  std::uint64_t turns_yielded = 0;
  std::uint64_t handshakes = 0, handshakes_failed = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;

  void add(const net::NetStats& listener);
};

/// What doors may tell of the process. Any thread; relaxed, for people and probes.
struct Process {
  std::atomic<bool> ready{false};                 ///< From `sluice: ready` until the drain begins.
  std::atomic<std::uint64_t> reloads{0};          ///< Sets of limits or policies taken over since the start.
  std::atomic<std::uint64_t> rejected{0};         ///< And refused: "config_rejected".
  std::atomic<std::uint64_t> tls_reloads{0};      ///< Sets of TLS's files taken over since the start.
  std::atomic<std::uint64_t> tls_rejected{0};     ///< And refused.
  std::atomic<std::uint64_t> tokens_reloads{0};   ///< Files of tokens taken over since the start.
  std::atomic<std::uint64_t> tokens_rejected{0};  ///< And refused.
  std::atomic<std::int64_t> tls_expires{0};       ///< The certificate in force; 0: there is none.
  std::atomic<std::uint64_t> client_ids{0};       ///< Where the RESP doors' CLIENT ID comes from.
  Time started;
  std::int64_t started_wall_ns = 0;           ///< The same, since 1970.
  std::function<NetTotals()> net;             ///< Set before the first door is made, as are the next.
  std::function<bool()> store_up;             ///< Of the shared store. Empty: there is none.
  observe::HistoryReader* history = nullptr;  ///< Null: there is none.
  observe::Seen* seen = nullptr;              ///< Null: no keys are counted.
  door::LiveFeed live;                        ///< For GET /v1/live; its event is set before, too.
  /// Reads all files again, as on SIGHUP, and says whether they were taken over. Any thread; the answer comes
  /// on the first loop.
  std::function<void(std::function<void(bool)>)> reload;
  std::function<std::string()> metrics;  ///< The page for Prometheus (observe::kMetricsContentType).
};

/// What a door is made of. All of it outlives the door.
struct DoorParts {
  net::Loop& loop;  ///< That the door's sessions run on.
  const Config& config;
  store::Store& store;
  const store::LocalStore& local;  ///< The same store, for its statistics.
  store::QuotaCheck accepts;       ///< Of quotas that come with requests.
  const policy::Current& limits;
  const policy::CurrentPolicies& policies;
  const std::shared_ptr<door::Holds>& holds;  ///< Of all doors.
  const access::CurrentTokens* tokens;        ///< Null: everyone may ask.
  access::Denials& denials;                   ///< Of this door, on all loops.
  Process& process;
  net::Address address;
  const observe::Metrics& metrics;  ///< Of all doors and loops.
  observe::DoorMetrics& counts;     ///< Where this door on this loop counts its decisions.
  observe::Tracer* tracer;          ///< The loop's. Null: nothing is traced.
};

struct Door {
  std::string_view name;  ///< In the start-up line.
  net::Address Config::* address;
  Duration Config::* idle;
  /// One factory for each loop; called once a loop and address, on the main thread, before the loops run.
  std::unique_ptr<net::SessionFactory> (*make)(const DoorParts& parts);
  net::Alpn alpn{};  ///< With TLS.
};

std::span<const Door> doors();

}  // namespace sluice::server
