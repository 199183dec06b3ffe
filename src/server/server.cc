#include "server/server.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <deque>
#include <map>
#include <optional>
#include <thread>

#include "access/tokens_yaml.h"
#include "net/listener.h"
#include "net/socket.h"
#include "observe/metrics.h"
#include "policy/limits_yaml.h"
#include "policy/policy_set.h"
#include "policy/policy_yaml.h"
#include "server/door_tls.h"
#include "server/live.h"
#include "server/log.h"
#include "server/numbers.h"
#include "server/observer.h"
#include "server/reload.h"
#include "server/shared_seat.h"
#include "server/snapshots.h"
#include "server/timed_door.h"
#include "server/tracing.h"

namespace sluice::server {

namespace {

constexpr Duration kUpkeepEvery = std::chrono::milliseconds(100);
constexpr Duration kDrainCheck = std::chrono::milliseconds(10);
constexpr Duration kLastLines = std::chrono::milliseconds(100);  // The longest wait for the log.
constexpr std::size_t kFilesBeyondConnections = 64;              // Listeners, epoll, snapshots, the log.

}  // namespace

struct Server::Impl {
  Impl(const Config& c, ServiceManager m)
      : config(c),
        manager(std::move(m)),
        store({.max_keys = static_cast<std::size_t>(c.max_keys)}),
        snapshots(store, c.snapshot, c.snapshot_every),
        holds(std::make_shared<door::Holds>(static_cast<std::size_t>(c.max_holds))),
        admission(c.max_connections, c.max_connections_per_address, c.max_buffered.count),
        key_hash(c.log_key_secret),
        refusal_log(c.log_keys, key_hash),
        metrics(static_cast<std::size_t>(c.max_detailed_series), c.top_keys > 0, &refusal_log),
        observer(metrics, config) {}

  struct Seat {  // A loop and what it serves. The order matters: listeners go before doors, doors before the
                 // loop.
    net::Loop loop;
    observe::Tracer* tracer = nullptr;   // Null: nothing is traced.
    std::unique_ptr<SharedSeat> shared;  // Null: all seats use the local store.
    std::vector<std::unique_ptr<net::SessionFactory>> doors;
    std::vector<std::unique_ptr<net::Listener>> listeners;
    std::thread thread;
    bool ended_in_time = true;
    bool ended = false;  // Its part of the drain; its thread's own.
  };
  struct Opened {
    const Door* door;
    net::Bound bound;
  };

  Status open_tracing();
  Status open_store();
  Status read_limits();
  Status read_policies();
  Status read_tokens();
  Status read_tls();
  void reload_all(std::function<void(bool)> done = {});
  void reload_log();
  void use_log(const Config& c);
  void tell_ready() const {
    if (!draining) manager.ready();
  }
  Status listen(std::span<const Door> rows);
  Result<net::Bound> bind(const Door& door, std::vector<ServiceManager::Socket>& passed) const;
  void add_listeners(Opened& opened);
  bool speaks_tls(const Opened& o) const {
    return tls && o.bound.address.kind == net::Address::Kind::tcp && tls->on(o.door->name);
  }
  void on_signal(int signal);
  void watch_loops();
  void drain_seat(Seat& seat, Time until);
  NetTotals totals() const;
  std::unique_ptr<SharedNumbers> shared_numbers() const;  // Null: there is no shared store.
  std::vector<DoorTotals> door_totals() const;
  LoadTotals load_totals() const;
  std::string metrics_page() const;
  std::string live_event() const;

  const Config config;
  ServiceManager manager;
  const store::QuotaCheck accepts = config.store == "local" ? nullptr : store::fits_shared;
  Process process;
  store::LocalStore store;
  store::Arrears arrears;
  std::atomic<std::int64_t> instances{1};  // That share the store.
  Snapshots snapshots;
  policy::Current limits{std::make_shared<const policy::LimitSet>()};
  access::CurrentTokens tokens{std::make_shared<const access::TokenSet>()};
  std::map<std::string_view, access::Denials> denials;  // By door; grows before the loops run alone.
  policy::CurrentPolicies policies{std::make_shared<const policy::PolicySet>()};
  const std::shared_ptr<door::Holds> holds;
  net::Admission admission;
  observe::KeyHash key_hash;  // In the log and in traces.
  RefusalLog refusal_log;     // Before what tells it.
  observe::Metrics metrics;
  Observer observer;
  std::deque<Opened> opened;
  std::unique_ptr<StoreLog> store_log;  // The shared store's.
  std::unique_ptr<Tracing> tracing;     // Null: nothing is traced.
  std::deque<Seat> seats;
  std::unique_ptr<DoorTls> tls;  // Null: all doors are in the clear.
  std::optional<Reload> reload, reload_tokens;
  std::optional<ReloadPolicies> reload_policies;
  std::function<Loaded()> load_again;    // The settings; may be empty.
  bool draining = false;                 // The first loop's.
  std::atomic<std::size_t> answered{0};  // Loops but the first, since the service manager was told last.
  std::atomic<std::size_t> serving{0};   // Seats whose connections have not all ended.
};

namespace {

/// A file as it is read at start, and what reads it again from then on.
Status read_first(const std::string& path, std::optional<Reload>& reload, Reload::Of of) {
  auto text = policy::read_small_file(path);
  if (!text) return Error{text.error().code, path + ": " + text.error().message};
  std::size_t count = 0;
  if (const auto problems = of.take_over(*text, count); !problems.empty())
    return Error{Code::invalid_argument, policy::problems_text(problems)};
  reload.emplace(path, std::move(*text), std::move(of));
  return Done{};
}

}  // namespace

Status Server::Impl::open_tracing() {
  auto opened_tracing = Tracing::open(config, key_hash);
  if (!opened_tracing) return opened_tracing.error();
  tracing = std::move(*opened_tracing);
  if (!tracing) return Done{};
  for (Seat& seat : seats) seat.tracer = &tracing->add_tracer();
  return Done{};
}

/// The local store is there in any case: it decides while a shared one is away.
Status Server::Impl::open_store() {
  if (config.store == "local") return Done{};
  const auto place = SharedPlace::of(config);
  if (!place) return place.error();
  instances = std::max<std::int64_t>(config.store_instances, 1);
  store_log = std::make_unique<StoreLog>(place->text);
  for (Seat& seat : seats)
    seat.shared = std::make_unique<SharedSeat>(seat.loop, store, arrears, instances, config, *place,
                                               *store_log, &seat == &seats.front(), seat.tracer);
  return Done{};
}

Status Server::Impl::read_limits() {
  if (config.limits.empty()) return Done{};
  const auto take_over = [this](const std::string& text, std::size_t& count) {
    auto reading = policy::read_limits(text, config.limits, accepts);
    if (!reading) return std::move(reading.problems);
    count = reading.limits.all().size();
    reading.limits.set_source({config.limits, text, moment_now().wall_ns});
    limits.replace(std::make_shared<const policy::LimitSet>(std::move(reading.limits)));
    return std::vector<policy::Problem>{};
  };
  return read_first(config.limits, reload, {"limits", process.reloads, process.rejected, take_over});
}

Status Server::Impl::read_tokens() {
  if (config.tokens.empty()) return Done{};
  const auto take_over = [this](const std::string& text, std::size_t& count) {
    auto reading = access::read_tokens(text, config.tokens);
    if (!reading) return std::move(reading.problems);
    count = reading.tokens.all().size();
    tokens.replace(std::make_shared<const access::TokenSet>(std::move(reading.tokens)));
    return std::vector<policy::Problem>{};
  };
  return read_first(config.tokens, reload_tokens,
                    {"tokens", process.tokens_reloads, process.tokens_rejected, take_over});
}

Status Server::Impl::read_policies() {
  if (config.policies.empty()) return Done{};
  std::vector<policy::PolicyFile> files;
  const policy::PolicyOptions options{
      .merge_domains = config.merge_domains, .accepts = accepts, .read_wall_ns = moment_now().wall_ns};
  auto reading = policy::read_policies_at(config.policies, options, &files);
  if (!reading) return Error{Code::invalid_argument, policy::problems_text(reading.problems)};
  if (files.empty()) log(Level::warning, config.policies + " holds no policies: no file in it ends in .yaml");
  log_warnings(reading.warnings);
  policies.replace(std::move(reading.set));
  reload_policies.emplace(config.policies, options, std::move(files), policies, process);
  return Done{};
}

Status Server::Impl::read_tls() {
  auto read = DoorTls::open(config, process);
  if (!read) return read.error();
  tls = std::move(*read);
  return Done{};
}

void Server::Impl::use_log(const Config& c) {
  set_log_format(c.log_format);
  if (c.log_level != log_level()) change_log_level(c.log_level, "settings");
  key_hash.set(c.log_key_secret);
  refusal_log.set(c.log_keys);
  metrics.tell_refusals(c.log_refusals);
}

void Server::Impl::reload_log() {
  if (!load_again) return;
  const auto loaded = load_again();
  if (loaded.problems.empty()) return use_log(loaded.config);
  process.rejected.fetch_add(1, std::memory_order_relaxed);
  log(Level::error, "settings of the log refused, the old ones stay in force: " + loaded.problems[0]);
}

/// `done`: whether all was taken over.
void Server::Impl::reload_all(std::function<void(bool)> done) {
  const auto refused = [this] {
    return process.rejected.load() + process.tls_rejected.load() + process.tokens_rejected.load();
  };
  const auto ready = [this, refused, before = refused(), done = std::move(done)] {
    tell_ready();
    if (done) done(refused() == before);
  };
  manager.reloading();
  reload_log();
  if (tls) tls->now();
  if (reload_tokens) reload_tokens->now();
  if (reload) reload->now();
  if (reload_policies)
    reload_policies->now(ready);
  else
    ready();
}

/// A socket that is passed goes before the door's setting, also before `none`: who passes it wants it open.
Result<net::Bound> Server::Impl::bind(const Door& door, std::vector<ServiceManager::Socket>& passed) const {
  const auto it = std::ranges::find(passed, door.name, &ServiceManager::Socket::name);
  if (it == passed.end()) {
    const net::Address& address = config.*door.address;
    if (address.kind == net::Address::Kind::none) return net::Bound{};
    return net::bind_all(address, seats.size(), config.unix_mode.bits);
  }
  auto bound = net::adopt(std::move(it->fd), seats.size());
  passed.erase(it);
  if (!bound)
    return Error{bound.error().code,
                 "the socket named " + std::string(door.name) + " " + bound.error().message};
  return bound;
}

Status Server::Impl::listen(std::span<const Door> rows) {
  auto passed = manager.take_sockets();
  std::string names;
  for (const Door& door : rows) {
    names += (names.empty() ? "" : ", ") + std::string(door.name);
    auto bound = bind(door, passed);
    if (!bound) return bound.error();
    if (!bound->sockets.empty()) opened.push_back({&door, std::move(*bound)});
  }
  if (!passed.empty())
    return Error{Code::invalid_argument, "no use for the socket that was passed as \"" + passed[0].name +
                                             "\": give each its door's name, once, by FileDescriptorName= (" +
                                             names + ")"};
  if (opened.empty())
    return Error{Code::invalid_argument, "no address to listen on; give one, as in --resp 127.0.0.1:6380"};
  std::vector<std::string> exposed;
  for (Opened& o : opened) {
    if (!o.bound.local && !speaks_tls(o))
      exposed.push_back(std::string(o.door->name) + " on " + o.bound.address.text());
    add_listeners(o);
  }
  if (!exposed.empty()) log(Level::warning, exposure_warning(exposed));
  return Done{};
}

void Server::Impl::add_listeners(Opened& o) {
  const Door& door = *o.door;
  net::Listener::Options options;
  options.tcp = o.bound.address.kind == net::Address::Kind::tcp;
  options.limits = {.idle = config.*door.idle,
                    .partial = config.request_time,
                    .handshake = config.tls_handshake_time,
                    .stall = config.output_time,
                    .output_max = static_cast<std::size_t>(config.output_max.count)};
  options.trouble = [](std::string_view message) { log(Level::error, message); };
  if (speaks_tls(o)) {
    options.tls = &tls->current();
    options.alpn = door.alpn;
    options.handshake_failed = [&door](std::string_view message) {
      log(Level::warning, std::string(door.name) + ": " + std::string(message));
    };
  }
  for (std::size_t i = 0; i < seats.size(); ++i) {
    Seat& seat = seats[i];
    observe::DoorMetrics& counts = metrics.door(door.name);
    seat.doors.push_back(std::make_unique<TimedDoor>(
        door.make({seat.loop, config, seat.shared ? seat.shared->store() : store, store, accepts, limits,
                   policies, holds, config.tokens.empty() ? nullptr : &tokens, denials[door.name], process,
                   o.bound.address, metrics, counts, seat.tracer}),
        counts));
    seat.listeners.push_back(std::make_unique<net::Listener>(seat.loop, std::move(o.bound.sockets[i]),
                                                             *seat.doors.back(), admission, options));
  }
}

NetTotals Server::Impl::totals() const {
  NetTotals sum;
  for (const Seat& seat : seats)
    for (const auto& listener : seat.listeners) sum.add(listener->stats());
  return sum;
}

std::unique_ptr<SharedNumbers> Server::Impl::shared_numbers() const {
  if (!seats.front().shared) return nullptr;
  auto sum = std::make_unique<SharedNumbers>();
  std::size_t up = 0;
  for (const Seat& seat : seats) {
    sum->add(seat.shared->numbers());
    up += seat.shared->numbers().up ? 1 : 0;
  }
  sum->up = up == seats.size();
  sum->owed = static_cast<std::uint64_t>(arrears.tokens());
  sum->debts_forgotten = arrears.forgotten();
  sum->instances = static_cast<std::uint64_t>(instances.load());
  return sum;
}

std::vector<DoorTotals> Server::Impl::door_totals() const {
  std::vector<DoorTotals> doors;
  for (std::size_t k = 0; k < opened.size(); ++k) {  // Each seat has its listeners in the same order.
    doors.push_back(
        {opened[k].door->name, {}, config.tokens.empty() ? nullptr : &denials.at(opened[k].door->name)});
    for (const Seat& seat : seats) {
      doors.back().net.add(seat.listeners[k]->stats());
      doors.back().shed += seat.doors[k]->shed();
    }
  }
  return doors;
}

LoadTotals Server::Impl::load_totals() const {
  LoadTotals load{.buffered = admission.buffers.used.load(std::memory_order_relaxed)};
  for (const Seat& seat : seats) load.add(seat.loop.pressure());
  return load;
}

std::string Server::Impl::live_event() const {
  return server::live_event({.wall_ns = moment_now().wall_ns,
                             .process = process,
                             .config = config,
                             .metrics = metrics,
                             .limits = *limits.get(),
                             .doors = door_totals(),
                             .table = store.stats(),
                             .shared = shared_numbers().get()});
}

std::string Server::Impl::metrics_page() const {
  const auto set = policies.get();  // Keeps the names that follow.
  std::vector<observe::RuleName> rules;
  for (const policy::Rule* rule : set->rules())
    if (!rule->stat_by_value) rules.emplace_back(rule->domain, rule->full_name);
  auto others = numbers(door_totals(), store.stats(), holds->size(), snapshots, shared_numbers().get(),
                        load_totals(), process, config);
  if (tracing) tracing->add_to(others);
  return observe::metrics_text(metrics, others, rules);
}

Result<std::unique_ptr<Server>> Server::start(const Config& config, std::span<const Door> rows,
                                              ServiceManager manager) {
  set_log_level(config.log_level);
  set_log_format(config.log_format);
  auto impl = std::make_unique<Impl>(config, std::move(manager));
  impl->metrics.tell_refusals(config.log_refusals);
  impl->process.started = Clock::now();
  impl->process.started_wall_ns = moment_now().wall_ns;
  impl->process.net = [i = impl.get()] { return i->totals(); };
  if (config.store != "local")
    impl->process.store_up = [i = impl.get()] {
      return std::ranges::all_of(i->seats,
                                 [](const Impl::Seat& seat) { return seat.shared->numbers().up.load(); });
    };
  if (auto status = impl->observer.open(); !status) return status.error();
  impl->process.seen = impl->observer.seen();
  impl->process.history = impl->observer.history();
  impl->process.reload = [i = impl.get()](std::function<void(bool)> done) {
    i->seats[0].loop.post([i, done = std::move(done)] {
      log(Level::info, "reload asked for by /v1/reload");
      i->reload_all(done);
    });
  };
  impl->process.live.event = [i = impl.get()] { return i->live_event(); };
  impl->process.metrics = [i = impl.get()] { return i->metrics_page(); };
  const auto files = net::raise_open_files();
  if (files < static_cast<std::size_t>(config.max_connections) + kFilesBeyondConnections)
    log(Level::warning, "only " + std::to_string(files) +
                            " open files are allowed, too few for max_connections " +
                            std::to_string(config.max_connections) + "; raise ulimit -n or lower it");
  if (auto status = impl->read_tls(); !status) return status.error();
  if (auto status = impl->read_tokens(); !status) return status.error();
  if (auto status = impl->read_limits(); !status) return status.error();
  if (auto status = impl->read_policies(); !status) return status.error();
  if (auto status = impl->snapshots.restore(); !status) return status.error();
  const auto processors = std::max(1u, std::thread::hardware_concurrency());
  impl->seats.resize(config.threads > 0 ? static_cast<std::size_t>(config.threads) : processors);
  for (auto& seat : impl->seats) seat.loop.probe(config.shed_after);
  if (auto status = impl->open_tracing(); !status) return status.error();
  if (auto status = impl->open_store(); !status) return status.error();
  if (auto status = impl->listen(rows); !status) return status.error();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

std::vector<net::Address> Server::addresses() const {
  std::vector<net::Address> all;
  for (const auto& o : impl_->opened) all.push_back(o.bound.address);
  return all;
}

std::vector<std::string> Server::start_lines() const {
  std::vector<std::string> lines;
  for (const auto& o : impl_->opened)
    lines.push_back("sluice: " + std::string(o.door->name) + " listening on " + o.bound.address.text());
  lines.emplace_back("sluice: ready");
  return lines;
}

const Process& Server::process() const { return impl_->process; }

void Server::Impl::on_signal(int signal) {
  if (signal == SIGUSR1 || signal == SIGUSR2) {
    const bool more = signal == SIGUSR1;
    const int next =
        std::clamp(static_cast<int>(log_level()) + (more ? -1 : 1), 0, static_cast<int>(Level::off));
    return change_log_level(static_cast<Level>(next), more ? "SIGUSR1" : "SIGUSR2");
  }
  if (signal == SIGHUP) {
    if (!tls && !reload && !reload_policies && !reload_tokens)
      log(Level::info, "SIGHUP: there is no file of limits, policies, tokens or TLS to read again");
    reload_all();
    return;
  }
  if (!draining) return;
  flush_log(kLastLines);
  ::_exit(128 + signal);  // Asked twice: now.
}

/// The manager hears of life only if every loop has answered since it did last.
void Server::Impl::watch_loops() {
  if (manager.watchdog() == Duration{0}) return;
  constexpr int kLooks = 4;  // In the time that the manager waits.
  answered = seats.size() - 1;
  seats[0].loop.every(std::max<Duration>(manager.watchdog() / kLooks, std::chrono::milliseconds(1)), [this] {
    if (!draining && answered < seats.size() - 1) return;  // The drain has a bound of its own.
    manager.alive();
    answered = 0;
    for (std::size_t k = 1; k < seats.size(); ++k) seats[k].loop.post([this] { ++answered; });
  });
}

bool Server::run(bool signals, const std::function<void()>& started) {
  Impl& i = *impl_;
  net::Loop& first = i.seats[0].loop;
  std::signal(SIGXFSZ, SIG_IGN);  // A file that may not grow is an error of write(), as a full disk is.
  if (signals) {
    first.on_signal({SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}, [this, &i](int signal) {
      i.on_signal(signal);
      if (signal == SIGTERM || signal == SIGINT) drain();
    });
  }
  if (i.tls) i.tls->watch(first);
  if (i.reload) i.reload->watch(first);
  if (i.reload_tokens) i.reload_tokens->watch(first);
  if (i.reload_policies) i.reload_policies->watch(first);
  first.every(kUpkeepEvery, [&i] { i.store.maintain(Clock::now()); });
  for (std::size_t k = 1; k < i.seats.size(); ++k) {
    i.seats[k].thread = std::thread([&loop = i.seats[k].loop] { loop.run(); });
    ::pthread_setname_np(i.seats[k].thread.native_handle(), ("sluice-" + std::to_string(k)).c_str());
  }
  i.snapshots.begin();
  i.observer.begin();
  if (i.tracing) i.tracing->begin();
  i.watch_loops();
  i.process.ready.store(true, std::memory_order_relaxed);
  flush_log(kLastLines);  // What it says of the start stands before `sluice: ready`.
  if (started) started();
  i.manager.ready();
  first.run();
  bool in_time = i.seats[0].ended_in_time;
  for (std::size_t k = 1; k < i.seats.size(); ++k) {
    i.seats[k].thread.join();
    in_time &= i.seats[k].ended_in_time;
  }
  for (auto& seat : i.seats)
    if (seat.shared) seat.shared->end();
  if (i.tracing) i.tracing->end();
  i.snapshots.end();
  i.observer.end();
  return in_time;
}

void Server::Impl::drain_seat(Seat& seat, Time until) {
  for (auto& listener : seat.listeners) listener->drain();
  seat.loop.every(kDrainCheck, [this, &seat, until] {
    if (!seat.ended) {
      std::size_t open = 0;
      for (const auto& listener : seat.listeners) open += listener->connections();
      if (open > 0 && Clock::now() < until) return;
      seat.ended = true;
      seat.ended_in_time = open == 0;
      if (open > 0)
        log(Level::warning, std::to_string(open) + " connections did not end in time and are cut");
      --serving;
    }
    // The first loop hears signals: it stays until all have ended, or a second one would go unheard.
    if (&seat != &seats.front() || serving == 0) seat.loop.stop();
  });
}

void Server::drain() {
  Impl& i = *impl_;
  i.process.ready.store(false, std::memory_order_relaxed);
  i.seats[0].loop.post([&i] {
    if (i.draining) return;
    i.draining = true;
    i.manager.stopping();
    const auto open = i.totals().open;
    log(Level::info, "draining: " + std::to_string(open) + " connections, " +
                         duration_text(i.config.drain_time) + " at most");
    const Time until = Clock::now() + i.config.drain_time;
    i.serving = i.seats.size();
    for (auto& seat : i.seats) seat.loop.post([&i, &seat, until] { i.drain_seat(seat, until); });
  });
}

void Server::settings_again(std::function<Loaded()> load) { impl_->load_again = std::move(load); }

void Server::reload() {
  impl_->seats[0].loop.post([&i = *impl_] { i.reload_all(); });
}

}  // namespace sluice::server
