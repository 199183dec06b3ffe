#include "redis/client.h"

#include <algorithm>

namespace sluice::redis {
namespace {

void add_one(Client::Stats::Counter& counter) {  // One writer: no locked instruction needed.
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

std::string milliseconds(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + " ms";
}

}  // namespace

Result<Client::Options> Client::Options::from(const Url& url) {
  Options options{.address = url.hosts.front(), .timeout = url.timeout};
  options.link.login = url.login;
  options.link.database = url.database;
  if (url.tls) {
    auto tls = net::OutgoingTls::make(url.tls_options);
    if (!tls) return tls.error();
    options.tls = std::move(*tls);
  }
  return options;
}

Client::Client(net::Loop& loop, Options options, Listener* listener)
    : loop_(loop),
      options_(std::move(options)),
      listener_(listener),
      link_(options_.link),
      timers_(loop),
      random_(options_.seed) {
  connect();
}

Client::~Client() {
  connection_.reset();
  link_.close("the client is shut down");
}

void Client::send(std::string_view command, Caller& caller) {
  add_one(stats_.commands);
  link_.send(command, caller);
  if (link_.has_output()) connection_->output_waits();
}

void Client::tell(std::string_view command) {
  link_.tell(command);
  connection_->output_waits();
}

// ---- up

void Client::connect() {
  add_one(stats_.attempts);
  connection_ = std::make_unique<net::Outgoing>(
      loop_, static_cast<net::OutgoingHandler&>(*this),
      net::Outgoing::Options{.address = options_.address,
                             .timeout = options_.timeout,
                             .tls = options_.tls,
                             .input_max = options_.link.reply.bytes_max + 64 * 1024});
}

void Client::connected() {
  link_.open();
  since_ = Clock::now();
  waited_ = false;
  timers_.disarm();
  watch();
}

std::size_t Client::received(std::string_view in) {
  const bool was_up = up();
  const std::size_t used = link_.feed(in);
  if (link_.state() == Link::State::failed) {
    drop(options_.address.text() + ": " + link_.why());
    return used;
  }
  if (!connection_) return used;  // A caller has dropped it.
  if (!was_up && up()) greeted();
  if (connection_ && link_.has_output()) connection_->output_waits();
  return used;
}

void Client::greeted() {
  since_ = Clock::now();
  told_.clear();
  add_one(stats_.connected);
  stats_.up.store(true, std::memory_order_relaxed);
  if (listener_ != nullptr) listener_->went_up(*this);
}

// ---- watching

void Client::watch() {
  timers_.after(
      std::clamp<Duration>(options_.stall / 8, std::chrono::milliseconds(1), std::chrono::milliseconds(250)),
      [this] { look(); });
}

void Client::look() {
  const Time now = Clock::now();
  const bool waits = link_.waiting() > 0;
  // Time counts from the first look that finds commands waiting, so a new command has its full time.
  if (!waited_ || link_.replies() != seen_replies_) progress_ = now;
  waited_ = waits;
  seen_replies_ = link_.replies();
  if (!up() && now - since_ >= options_.timeout)
    return drop(options_.address.text() + ": no greeting within " + milliseconds(options_.timeout));
  if (waits && now - progress_ >= options_.stall) {
    add_one(stats_.stalled);
    return drop(options_.address.text() + ": no reply within " + milliseconds(options_.stall));
  }
  watch();
}

// ---- down

void Client::drop(std::string_view why) {
  if (!connection_) return;  // Down, and waiting to try again.
  const std::string reason(why);
  const bool was_up = stats_.up.load(std::memory_order_relaxed);
  stats_.up.store(false, std::memory_order_relaxed);
  connection_.reset();
  // A server that greets and closes at once is not hammered either.
  if (was_up && Clock::now() - since_ >= options_.backoff_max) failures_ = 0;
  timers_.disarm();
  retry();
  link_.close(reason);
  if (listener_ == nullptr || (!was_up && reason == told_)) return;
  told_ = reason;
  listener_->went_down(*this, reason);
}

void Client::retry() {
  Duration most = options_.backoff_min;
  for (int i = 0; i < failures_ && most < options_.backoff_max; ++i) most *= 2;
  ++failures_;
  most = std::min(most, options_.backoff_max);
  timers_.after(Duration(std::uniform_int_distribution<Duration::rep>(0, most.count())(random_)),
                [this] { connect(); });
}

}  // namespace sluice::redis
