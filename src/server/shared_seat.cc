#include "server/shared_seat.h"

#include <algorithm>
#include <utility>

#include "server/log.h"

namespace sluice::server {

namespace {

constexpr Duration kTellEvery = std::chrono::minutes(1);
constexpr Duration kPublishEvery = std::chrono::milliseconds(100);
constexpr auto relaxed = std::memory_order_relaxed;

}  // namespace

void SharedNumbers::add(const SharedNumbers& o) {
  const auto sum = [](Number& to, const Number& from) { to.fetch_add(from.load(relaxed), relaxed); };
  sum(calls, o.calls);
  sum(decisions, o.decisions);
  sum(remembered, o.remembered);
  sum(degraded, o.degraded);
  sum(unknown, o.unknown);
  sum(errors, o.errors);
  sum(scripts_loaded, o.scripts_loaded);
  sum(outstanding, o.outstanding);
}

SharedSeat::SharedSeat(net::Loop& loop, store::LocalStore& local, const Config& config,
                       redis::Client::Options options, std::string place, bool first)
    : loop_(loop),
      place_(std::move(place)),
      first_(first),
      fallback_(local, config.store_instances),
      store_(client_, fallback_,
             {.lane = {.deadline = config.store_deadline,
                       .asks_max = static_cast<std::size_t>(config.store_queue)},
              .refusals_kept = config.refusals_kept,
              .now = [] { return Clock::now(); },
              .chance = [this] { return std::uniform_real_distribution<double>(0, 1)(random_); },
              .wake_at = [this](Time when) { wake_at(when); },
              .trouble = [this](std::string_view what) { trouble(what); }}),
      client_(loop, options, this),
      random_(options.seed),
      alive_(std::make_shared<SharedSeat*>(this)) {
  loop_.every(kPublishEvery, [alive = std::weak_ptr(alive_)] {
    if (const auto self = alive.lock()) (*self)->publish();
  });
}
SharedSeat::~SharedSeat() = default;

void SharedSeat::wake_at(Time when) {
  const Duration delay = std::max(when - Clock::now(), Duration{0});
  loop_.after(delay, [alive = std::weak_ptr(alive_)] {
    if (const auto self = alive.lock()) (*self)->store_.wake(Clock::now());
  });
}

void SharedSeat::went_up(redis::Client& client) {
  if (first_) log(Level::info, "store: connected to " + place_ + ", version " + client.version());
  publish();
}

void SharedSeat::went_down(redis::Client&, std::string_view why) {
  if (first_)
    log(Level::error, "store: " + place_ + ": " + std::string(why) +
                          "; until it is back, each limit's on_store_failure decides");
  publish();
}

/// Once a minute, not once a call.
void SharedSeat::trouble(std::string_view what) {
  const Time now = Clock::now();
  if (told_ != Time{} && now - told_ < kTellEvery) {
    ++untold_;
    return;
  }
  told_ = now;
  std::string line = "store: " + place_ + ": " + std::string(what);
  if (untold_ > 0)
    line += " (and " + std::to_string(untold_) + " other failed calls since the last such line)";
  untold_ = 0;
  log(Level::warning, line);
}

void SharedSeat::publish() {
  const auto s = store_.stats();
  numbers_.calls.store(s.lane.calls, relaxed);
  numbers_.decisions.store(s.lane.decisions, relaxed);
  numbers_.remembered.store(s.remembered, relaxed);
  numbers_.degraded.store(s.degraded, relaxed);
  numbers_.unknown.store(s.lane.unknown, relaxed);
  numbers_.errors.store(s.lane.errors, relaxed);
  numbers_.scripts_loaded.store(s.lane.scripts_loaded, relaxed);
  numbers_.outstanding.store(s.outstanding, relaxed);
  numbers_.up.store(client_.up() && s.breaker == store::Breaker::State::closed, relaxed);
}

Result<redis::Url> shared_url(const Config& config) {
  auto url = redis::Url::parse(config.store);
  if (!url)
    return Error{Code::invalid_argument,
                 "--store: " + url.error().message + "; it is local, or a URL such as redis://host:6379/0"};
  if (url->kind != redis::Url::Kind::single)
    return Error{Code::invalid_argument,
                 "--store: " + url->text() +
                     ": Sentinel and Cluster are not supported yet; name one server, as in "
                     "redis://host:6379/0"};
  return url;
}

}  // namespace sluice::server
