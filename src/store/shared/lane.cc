#include "store/shared/lane.h"

#include <algorithm>
#include <utility>

#include "store/shared/script.h"

namespace sluice::store {

namespace {

/// Errors that a server gives before it runs anything.
bool says_it_did_not_run(std::string_view error) {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"CLUSTERDOWN", "LOADING", "MASTERDOWN", "BUSY ", "READONLY",
                                              "MOVED ", "ASK ", "TRYAGAIN", "NOSCRIPT"},
      [&](std::string_view code) { return error.starts_with(code); });
}

std::uint64_t tokens_of(const Chain& chain) {
  std::uint64_t tokens = 0;
  for (const Ask& ask : chain.asks)
    if (!ask.family->once && ask.op != Op::peek && ask.op != Op::refund && ask.op != Op::reset)
      tokens += static_cast<std::uint64_t>(ask.amount);
  return tokens;
}

}  // namespace

/// One call on its way.
struct Lane::Flight final : redis::Caller {
  void replied(redis::Reply reply) override { lane->replied(*this, reply); }
  void lost(redis::Loss loss, std::string_view why) override { lane->lost(*this, loss, why); }

  Lane* lane = nullptr;
  Call call;
  std::size_t asks = 0;
  Errand errand;  // Its deadline is that of the first ask.
  Time sent{};
  std::uint64_t number = 0;
  bool abandoned = false;
  bool repeated = false;  // It was told that the script is not known.
};

Lane::Common::Common(std::size_t slots) : open(slots, nullptr) {}
Lane::Common::~Common() = default;

Lane::Lane(redis::Node& node, const Options& options, Common& common, Owner& owner)
    : node_(node), options_(options), common_(common), owner_(owner), breaker_(options.breaker) {}
Lane::~Lane() = default;

std::unique_ptr<Lane::Flight> Lane::fresh(const Errand& errand) {
  std::unique_ptr<Flight> flight;
  if (common_.spare.empty()) {
    flight = std::make_unique<Flight>();
  } else {
    flight = std::move(common_.spare.back());
    common_.spare.pop_back();
  }
  flight->lane = this;
  flight->errand = errand;
  return flight;
}

void Lane::recycle(std::unique_ptr<Flight> flight) {
  flight->call.clear();
  flight->asks = 0;
  flight->abandoned = flight->repeated = false;
  constexpr std::size_t kSpareMax = 16;
  if (common_.spare.size() < kSpareMax) common_.spare.push_back(std::move(flight));
}

// ---- waiting

void Lane::refuse(const Chain& chain) {
  stats_.given_up += chain.asks.size();
  owner_.given_up(chain, redis::Loss::not_sent);
}

void Lane::ask(const Chain& chain, const Errand& errand, Time now) {
  if (common_.asks + chain.asks.size() > options_.asks_max || !node_.up() || !breaker_.admits(now))
    return refuse(chain);
  const Told* told = options_.told != nullptr && options_.told->offers() ? options_.told : nullptr;
  const std::size_t buckets_max = errand.alone ? 1 : Call::kBucketsMax;
  Flight* open = common_.open[errand.slot];
  if (open == nullptr || open->lane != this || open->errand.deadline > errand.deadline ||
      open->errand.alone != errand.alone || !open->call.add(chain, told, buckets_max)) {
    auto flight = fresh(errand);
    open = flight.get();
    // One bucket under two quotas' ticks in one chain: no call takes that.
    if (!open->call.add(chain, told, buckets_max)) {
      recycle(std::move(flight));
      breaker_.withdrawn(now);
      return refuse(chain);
    }
    enqueue(std::move(flight));
  }
  open->asks += chain.asks.size();
  common_.asks += chain.asks.size();
}

void Lane::enqueue(std::unique_ptr<Flight> flight) {
  const Time deadline = flight->errand.deadline;
  next_wake_ = std::min(next_wake_, deadline);
  common_.open[flight->errand.slot] = flight.get();
  auto at = waiting_.end();  // Nearly always: only what is asked again is older than the last.
  while (at != waiting_.begin() && (*std::prev(at))->errand.deadline > deadline) --at;
  waiting_.insert(at, std::move(flight));
}

std::unique_ptr<Lane::Flight> Lane::dequeue() {
  auto flight = std::move(waiting_.front());
  waiting_.pop_front();
  Flight*& open = common_.open[flight->errand.slot];
  if (open == flight.get()) open = nullptr;
  return flight;
}

// ---- flying

/// Whether the next call goes now.
bool Lane::flies() const {
  if (waiting_.empty()) return false;
  const Flight& next = *waiting_.front();
  const bool full = common_.open[next.errand.slot] != &next;
  return flying_.size() < (full ? std::max(options_.calls_max, options_.full_max) : options_.calls_max);
}

void Lane::flush(Time now) {
  if (std::exchange(flushing_, true)) return;  // A send that fails at once comes back here: the loop goes on.
  while (flies()) {
    auto flight = dequeue();
    flight->sent = now;
    flight->number = ++common_.numbered;
    Flight& sent = *flight;
    flying_.push_back(std::move(flight));
    ++stats_.calls;
    send(sent, false);
  }
  flushing_ = false;
}

void Lane::send(Flight& flight, bool with_script) {
  std::string& command = common_.command;
  command.clear();
  if (with_script)
    flight.call.write("EVAL", kScript, command);
  else
    flight.call.write("EVALSHA", kScriptSha, command);
  node_.send_in(flight.errand.slot, command, flight);
}

void Lane::give_up(Flight& flight, redis::Loss loss) {
  stats_.given_up += flight.asks;
  common_.asks -= std::exchange(flight.asks, 0);
  // An owner may ask again from within: it must find this call done with.
  auto chains = std::exchange(flight.call.chains(), {});
  flight.call.clear();
  if (loss == redis::Loss::unknown)
    for (const Chain& chain : chains) stats_.unknown_tokens += tokens_of(chain);
  for (const Chain& chain : chains) owner_.given_up(chain, loss);
}

/// The call's place is free for another.
void Lane::landed(Flight& flight) {
  if (loading_ == &flight) loading_ = nullptr;
  const auto it =
      std::find_if(flying_.begin(), flying_.end(), [&](const auto& f) { return f.get() == &flight; });
  auto own = std::move(*it);
  flying_.erase(it);
  recycle(std::move(own));
  flush(owner_.now());
}

/// It did not run: the same call goes again. One brings the script along; those behind it find it there.
bool Lane::load_script(Flight& flight) {
  if (flight.abandoned || loading_ == &flight) return false;
  const bool loads = loading_ == nullptr || flight.repeated;
  flight.repeated = true;
  if (loads) {
    loading_ = &flight;
    ++stats_.scripts_loaded;
  }
  send(flight, loads);
  return true;
}

void Lane::ask_again(Flight& flight, Again how) {
  ++stats_.again;
  breaker_.succeeded();  // A server that says so is well.
  common_.asks -= std::exchange(flight.asks, 0);
  auto chains = std::exchange(flight.call.chains(), {});
  const Errand errand = flight.errand;
  landed(flight);
  owner_.again(chains, errand, how);
}

void Lane::replied(Flight& flight, redis::Reply reply) {
  const auto& head = reply.front();
  const bool error = head.kind == redis::Element::Kind::error;
  if (error && head.text.starts_with("NOSCRIPT") && load_script(flight)) return;
  if (error && !flight.abandoned) {
    if (head.text.starts_with("MOVED ")) return ask_again(flight, Again::moved);
    if (head.text.starts_with("ASK ")) return ask_again(flight, Again::later);
    if (head.text.starts_with("TRYAGAIN")) return ask_again(flight, Again::alone);
  }
  failed_.clear();
  if (!error && !flight.abandoned && flight.call.answer(reply, failed_)) {
    breaker_.succeeded();
    stats_.decisions += flight.asks;
    common_.asks -= std::exchange(flight.asks, 0);
    auto failed = std::exchange(failed_, {});
    owner_.answered(flight.call, flight.sent, flight.number);
    if (!failed.empty()) owner_.trouble("a bucket's key holds something that Sluice did not write");
    for (const Chain& chain : failed) {
      stats_.given_up += chain.asks.size();
      owner_.given_up(chain, redis::Loss::unknown);
    }
  } else if (!error && flight.abandoned) {
    // Late: of no use to anyone, and counted as a failure when its deadline passed. A node that always
    // answers late must not be asked as one that is well: each such call charges what nobody is granted.
  } else {
    ++stats_.errors;
    breaker_.failed(owner_.now(), owner_.chance());
    if (!flight.abandoned)
      owner_.trouble(error ? head.text : std::string_view("the reply is not the script's"));
    give_up(flight, error && says_it_did_not_run(head.text) ? redis::Loss::not_sent : redis::Loss::unknown);
  }
  landed(flight);
}

void Lane::lost(Flight& flight, redis::Loss loss, std::string_view why) {
  if (loss == redis::Loss::unknown && !flight.abandoned) ++stats_.unknown;
  if (!flight.abandoned) {
    breaker_.failed(owner_.now(), owner_.chance());
    owner_.trouble(why);
    give_up(flight, loss);
  }
  landed(flight);
}

// ---- time

void Lane::wake(Time now) {
  if (now < next_wake_) return;
  bool late = false;
  while (!waiting_.empty() && waiting_.front()->errand.deadline <= now) {
    auto flight = dequeue();
    late = true;
    give_up(*flight, redis::Loss::not_sent);
  }
  for (std::size_t i = 0; i < flying_.size(); ++i) {
    Flight& flight = *flying_[i];
    if (flight.abandoned || flight.errand.deadline > now) continue;
    flight.abandoned = late = true;
    ++stats_.unknown;
    give_up(flight, redis::Loss::unknown);
  }
  next_wake_ = waiting_.empty() ? Time::max() : waiting_.front()->errand.deadline;
  for (const auto& flight : flying_)
    if (!flight->abandoned) next_wake_ = std::min(next_wake_, flight->errand.deadline);
  if (!late) return;
  breaker_.failed(now, owner_.chance());
  owner_.trouble("no reply within the deadline");
}

}  // namespace sluice::store
