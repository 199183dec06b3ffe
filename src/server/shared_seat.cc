#include "server/shared_seat.h"

#include <algorithm>
#include <utility>

#include "core/random_seed.h"
#include "redis/command.h"
#include "server/log.h"
#include "server/run_id.h"

namespace sluice::server {

namespace {

constexpr Duration kPublishEvery = std::chrono::milliseconds(100);
// To each primary of a Cluster: a call's keys are of one slot, so that most calls carry few.
constexpr std::size_t kClusterCalls = 64;
constexpr auto relaxed = std::memory_order_relaxed;

std::string described(const redis::Client& client) {
  // Who does not know HELLO tells its version later.
  return client.address().text() + (client.version().empty() ? "" : ", version " + client.version());
}

}  // namespace

Result<SharedPlace> SharedPlace::of(const Config& config) {
  const auto named = [](const std::string& what) {
    return Error{Code::invalid_argument, "--store: " + what};
  };
  const auto url = redis::Url::parse(config.store);
  if (!url) return named(url.error().message + "; it is local, or a URL such as redis://host:6379/0");
  SharedPlace place;
  place.text = url->text();
  if (url->kind == redis::Url::Kind::single) {
    auto options = redis::Client::Options::from(*url);
    if (!options) return named(options.error().message);
    place.options = std::move(*options);
  } else if (url->kind == redis::Url::Kind::sentinel) {
    auto options = redis::SentinelNode::Options::from(*url);
    if (!options) return named(options.error().message);
    place.options = std::move(*options);
  } else {
    auto each = redis::Client::Options::from(*url);
    if (!each) return named(each.error().message);
    place.options = Cluster{url->hosts, std::move(*each)};
  }
  return place;
}

SharedSeat::SharedSeat(net::Loop& loop, store::LocalStore& local, store::Arrears& arrears,
                       std::atomic<std::int64_t>& instances, const Config& config, const SharedPlace& place,
                       StoreLog& log, bool first, store::CallObserver* calls)
    : log_(log),
      first_(first),
      fallback_(local, instances, &arrears),
      cluster_(std::holds_alternative<SharedPlace::Cluster>(place.options)
                   ? std::make_unique<ClusterNodes>(static_cast<ClusterNodes::Owner&>(*this))
                   : nullptr),
      store_(cluster_ ? store::SharedStore(*cluster_, fallback_, options(config, calls))
                      : store::SharedStore(way_, fallback_, options(config, calls))),
      random_(random_seed()),
      instances_(instances),
      timers_(loop) {
  redis::Client::Listener* const heard = this;
  if (const auto* one = std::get_if<redis::Client::Options>(&place.options)) {
    auto options = *one;
    options.seed = random_();
    auto client = std::make_unique<redis::Client>(loop, options, heard);
    only_ = client.get();
    server_ = std::move(client);
  } else if (const auto* by_name = std::get_if<redis::SentinelNode::Options>(&place.options)) {
    auto options = *by_name;
    options.sentinel.seed = random_();
    options.primary.seed = random_();
    server_ = std::make_unique<redis::SentinelNode>(loop, options, heard);
  } else {
    const auto& many = std::get<SharedPlace::Cluster>(place.options);
    auto each = many.each;
    each.seed = random_();
    cluster_->open(loop, many.seeds, std::move(each));
  }
  if (first && config.store_instances == 0)
    census_.emplace(loop, way_, instances, [this](std::string_view what) { trouble(what); });
  timers_.every(kPublishEvery, [this] {
    fallback_.share_among(instances_.load(relaxed));
    store_.repay(Clock::now());
    publish();
  });
}
SharedSeat::~SharedSeat() {
  if (cluster_) cluster_->close();
}

store::SharedOptions SharedSeat::options(const Config& config, store::CallObserver* calls) {
  return {.lane = {.deadline = config.store_deadline,
                   .asks_max = static_cast<std::size_t>(config.store_queue),
                   .calls_max = cluster_ ? kClusterCalls : store::Lane::Options{}.calls_max},
          .refusals_kept = config.refusals_kept,
          .told_max = config.store_floors ? store::SharedOptions{}.told_max : 0,
          .leases = {.tokens_max = config.lease_max, .drift = {.ppm = config.lease_drift}},
          .seed = random_seed(),
          .now = [] { return Clock::now(); },
          .chance = [this] { return std::uniform_real_distribution<double>(0, 1)(random_); },
          .wake_at = [this](Time when) { wake_at(when); },
          .trouble = [this](std::string_view what) { trouble(what); },
          .calls = calls};
}

bool SharedSeat::Way::up() const {
  if (seat.cluster_) return seat.cluster_->up();
  return seat.server_ && seat.server_->up() && seat.known_;
}

void SharedSeat::Way::send(std::string_view command, redis::Caller& caller) {
  if (!seat.cluster_) return seat.server_->send(command, caller);
  const std::uint16_t slot = redis::slot_of(Census::kKey);
  const auto server = seat.cluster_->server_of(slot);
  if (server == store::Nodes::kNobody) return caller.lost(redis::Loss::not_sent, "the slot is nobody's");
  seat.cluster_->node(server).send_in(slot, command, caller);
}

void SharedSeat::wake_at(Time when) {
  const Duration delay = std::max(when - Clock::now(), Duration{0});
  timers_.after(delay, [this] { store_.wake(Clock::now()); });
}

void SharedSeat::went_up(redis::Client& client) {
  connected_ = described(client);
  known_ = false;
  server_->send(redis::command("INFO", "server"), identity_);
}

void SharedSeat::identified(redis::Reply reply) {
  const std::string id = run_id_of(reply);  // A user without INFO: every connection may be to another server.
  if (!run_id_.empty() && (id.empty() || id != run_id_)) store_.server_changed();
  run_id_ = id.empty() ? "unknown" : id;
  known_ = true;
  if (census_) census_->enter();
  if (first_) log_.up(connected_);
  publish();
}

void SharedSeat::server_known(redis::Client& client) {
  version_ = client.version();
  if (census_) census_->enter();
  publish();
}

void SharedSeat::server_lost(redis::Client& client, std::string_view why) {
  cluster_up_ = cluster_->up();
  went_down(client, why);
}

void SharedSeat::no_map(std::string_view why) {
  if (first_) log_.down(why, Clock::now());
}

void SharedSeat::went_down(redis::Client&, std::string_view why) {
  if (first_) log_.down(why, Clock::now());
  publish();
}

void SharedSeat::trouble(std::string_view what) {
  log_.trouble(what, Clock::now());
  // The server became a replica. Its name may lead to another by now: only a new connection can tell. (Redis
  // 6 puts words before the code of a script's error.)
  if (only_ != nullptr && what.find("READONLY") != std::string_view::npos)
    timers_.after(Duration{0}, [this, why = std::string(what)] { only_->drop(why); });
}

void SharedSeat::probe() {
  const Time now = Clock::now();
  if (probe_.flies || !store_.wants_probe(probe_.family, now, probe_.key)) return;
  probe_.flies = true;
  probe_.ask.key = probe_.key;
  probe_.batch = {.asks = {&probe_.ask, 1}, .decisions = {&probe_.decision, 1}, .now = now};
  store_.decide(probe_.batch, probe_);
}

void SharedSeat::Probe::decided() {
  flies = false;
  ++(decision.origin == Origin::degraded ? degraded : decisions);
}

void SharedSeat::publish() {
  const auto s = store_.stats();
  numbers_.calls.store(s.lane.calls, relaxed);
  numbers_.decisions.store(s.lane.decisions - probe_.decisions, relaxed);
  numbers_.remembered.store(s.remembered, relaxed);
  numbers_.leased.store(s.leases.asks, relaxed);
  numbers_.lease_charged.store(s.leases.charged, relaxed);
  numbers_.lease_spent.store(s.leases.spent, relaxed);
  const std::uint64_t degraded = s.degraded - probe_.degraded;
  log_.decided_without(degraded - numbers_.degraded.exchange(degraded, relaxed), Clock::now());
  numbers_.unknown.store(s.lane.unknown, relaxed);
  numbers_.unknown_tokens.store(s.lane.unknown_tokens, relaxed);
  numbers_.uncounted.store(s.uncounted, relaxed);
  numbers_.errors.store(s.lane.errors, relaxed);
  numbers_.scripts_loaded.store(s.lane.scripts_loaded, relaxed);
  numbers_.repaid.store(s.repaid, relaxed);
  numbers_.again.store(s.lane.again, relaxed);
  numbers_.spread.store(s.spread.chains, relaxed);
  numbers_.given_back.store(s.spread.given_back, relaxed);
  numbers_.give_backs_lost.store(s.spread.lost, relaxed);
  numbers_.outstanding.store(s.outstanding, relaxed);
  probe();
  const bool there = way_.up();
  if (cluster_ && there && !std::exchange(cluster_up_, there) && first_)
    log_.up(std::to_string(cluster_->primaries()) + " primaries, version " + version_);
  cluster_up_ = there;
  if (first_) log_.look(Clock::now());
  numbers_.up.store(there && s.breaker == store::Breaker::State::closed, relaxed);
}

}  // namespace sluice::server
