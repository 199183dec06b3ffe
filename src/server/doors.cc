#include "server/doors.h"

#include <unistd.h>

#include <vector>

#include "door/grpc/grpc_door.h"
#include "door/http/http_door.h"
#include "door/resp/resp_session.h"
#include "server/numbers.h"
#include "server/snapshot_file.h"

namespace sluice::server {

namespace {

constexpr Duration kLiveEvery = std::chrono::seconds(1);

std::unique_ptr<net::SessionFactory> make_resp(const DoorParts& parts) {
  door::RespOptions options;
  options.password = parts.config.password;
  options.tokens = parts.tokens;
  options.denials = &parts.denials;
  options.client_ids = &parts.process.client_ids;
  options.on_store_failure = parts.config.on_store_failure;
  options.accepts = parts.accepts;
  options.consistency = parts.config.consistency;
  options.numbers = [&process = parts.process, &metrics = parts.metrics, &local = parts.local,
                     &config = parts.config, port = parts.address.port] {
    const auto net = process.net();
    const auto table = local.stats();
    return door::RespNumbers{.uptime_seconds = static_cast<std::uint64_t>((Clock::now() - process.started) /
                                                                          std::chrono::seconds(1)),
                             .process_id = static_cast<std::uint64_t>(::getpid()),
                             .port = port,
                             .connected_clients = net.open,
                             .max_clients = static_cast<std::uint64_t>(config.max_connections),
                             .connections_received = net.accepted,
                             .requests = metrics.requests("resp"),
                             .memory_bytes = resident_bytes(),
                             .keys = table.keys,
                             .table_bytes = table.bytes,
                             .evictions = table.evictions};
  };
  options.tracer = parts.tracer;
  return std::make_unique<door::RespDoor>(parts.store, parts.limits, std::move(options), &parts.counts);
}

door::RlsOptions rls_options(const Config& config) {
  door::RlsOptions options;
  if (config.charge_each) options.charge = door::RlsOptions::Charge::each;
  options.x_ratelimit_fields = config.x_ratelimit_fields;
  options.ratelimit_fields = config.ratelimit_fields;
  options.explain = config.explain_decisions;
  options.shared = config.store != "local";
  options.shadow = config.shadow_all;
  options.near_limit_millionths = config.near_limit_ratio.millionths;
  return options;
}

std::unique_ptr<net::SessionFactory> make_http(const DoorParts& parts) {
  door::HttpOptions options;
  options.version = SLUICE_VERSION;
  options.holds = parts.holds;
  if (!parts.config.policies.empty()) options.policies = &parts.policies;
  options.rls = rls_options(parts.config);
  options.explain = parts.config.explain_decisions;
  options.ready = [&ready = parts.process.ready] { return ready.load(std::memory_order_relaxed); };
  options.store_up = parts.process.store_up;
  options.metrics = parts.process.metrics;
  options.tokens = parts.tokens;
  options.denials = &parts.denials;
  options.tracer = parts.tracer;
  options.ui = parts.config.ui;
  if (observe::Seen* const seen = parts.process.seen) {
    options.top = [seen](std::string_view limit, bool by_refused, std::size_t n) {
      return seen->top(limit, by_refused ? observe::Seen::By::refused : observe::Seen::By::asked, n,
                       moment_now().wall_ns);
    };
    options.refusals = [seen](std::string_view limit, std::string_view key, std::size_t n) {
      return seen->refusals(limit, key, n);
    };
  }
  if (observe::HistoryReader* const history = parts.process.history)
    options.history = [history, &loop = parts.loop](observe::HistoryQuery query,
                                                    door::HttpOptions::HistoryTold told) {
      return history->ask(std::move(query), [&loop, told = std::move(told)](Result<std::string> json) {
        loop.post([told, json = std::move(json)] { told(json); });
      });
    };
  options.reload = [&reload = parts.process.reload, &loop = parts.loop](std::function<void(bool)> told) {
    reload([&loop, told = std::move(told)](bool taken) { loop.post([told, taken] { told(taken); }); });
  };
  options.log_level = [](std::string_view name) -> std::string {
    const auto level = level_of(name);
    if (!level) return {};
    const auto before = log_level();
    change_log_level(*level, "/v1/log-level");
    return std::string(level_name(before));
  };
  options.live = &parts.process.live;
  auto door = std::make_unique<door::HttpDoor>(parts.store, parts.limits, std::move(options), &parts.counts);
  // Of a loop that has ended nothing is called, so the door is there whenever this is.
  parts.loop.every(kLiveEvery, [&door = *door] { door.tell_live(Clock::now()); });
  return door;
}

std::unique_ptr<net::SessionFactory> make_grpc(const DoorParts& parts) {
  door::GrpcOptions options;
  options.rls = rls_options(parts.config);
  options.ready = [&ready = parts.process.ready] { return ready.load(std::memory_order_relaxed); };
  options.tokens = parts.tokens;
  options.denials = &parts.denials;
  options.tracer = parts.tracer;
  return std::make_unique<door::GrpcDoor>(parts.store, parts.policies, std::move(options), &parts.counts);
}

// A door is a row here.
const std::vector<Door> kDoors = {
    {"resp", &Config::resp, &Config::resp_idle, make_resp, {}},
    {"http", &Config::http, &Config::http_idle, make_http, {"http/1.1", false}},
    {"grpc", &Config::grpc, &Config::grpc_idle, make_grpc, {"h2", true}},
};

}  // namespace

void NetTotals::add(const net::NetStats& listener) {
  const auto get = [](const net::NetStats::Counter& c) { return c.load(std::memory_order_relaxed); };
  open += get(listener.open);
  accepted += get(listener.accepted);
  refused += get(listener.refused);
  refused_address += get(listener.refused_address);
  accept_errors += get(listener.accept_errors);
  closed_idle += get(listener.closed_idle);
  closed_partial += get(listener.closed_partial);
  closed_stall += get(listener.closed_stall);
  closed_handshake += get(listener.closed_handshake);
  closed_memory += get(listener.closed_memory);
  turns_yielded += get(listener.turns_yielded);
  handshakes += get(listener.handshakes);
  handshakes_failed += get(listener.handshakes_failed);
  bytes_in += get(listener.bytes_in);
  bytes_out += get(listener.bytes_out);
}

std::span<const Door> doors() { return kDoors; }

}  // namespace sluice::server
