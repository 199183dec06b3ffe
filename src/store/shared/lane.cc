#include "store/shared/lane.h"

#include <algorithm>
#include <utility>

#include "store/shared/script.h"

namespace sluice::store {

/// One call on its way.
struct Lane::Flight final : redis::Caller {
  explicit Flight(Lane& l) : lane(l) {}
  void replied(redis::Reply reply) override { lane.replied(*this, reply); }
  void lost(redis::Loss loss, std::string_view why) override { lane.lost(*this, loss, why); }

  Lane& lane;
  Call call;
  std::size_t asks = 0;
  Time deadline{};  // Of its first ask.
  Time sent{};
  std::uint64_t number = 0;
  bool abandoned = false;
  bool with_script = false;
};

Lane::Lane(redis::Node& node, Options options, Owner& owner)
    : node_(node), options_(options), owner_(owner), breaker_(options.breaker) {}
Lane::~Lane() = default;

std::unique_ptr<Lane::Flight> Lane::fresh() {
  if (spare_.empty()) return std::make_unique<Flight>(*this);
  auto flight = std::move(spare_.back());
  spare_.pop_back();
  return flight;
}

void Lane::ask(const Chain& chain, Time now) {
  if (asks_ + chain.asks.size() > options_.asks_max || !node_.up() || !breaker_.admits(now)) {
    stats_.given_up += chain.asks.size();
    owner_.given_up(chain);
    return;
  }
  const Told* told = options_.told != nullptr && options_.told->offers() ? options_.told : nullptr;
  if (waiting_.empty() || !waiting_.back()->call.add(chain, told)) {
    waiting_.push_back(fresh());
    waiting_.back()->deadline = now + options_.deadline;
    // One bucket under two quotas' ticks in one chain: no call takes that.
    if (!waiting_.back()->call.add(chain, told)) {
      spare_.push_back(std::move(waiting_.back()));
      waiting_.pop_back();
      breaker_.withdrawn(now);
      stats_.given_up += chain.asks.size();
      return owner_.given_up(chain);
    }
  }
  waiting_.back()->asks += chain.asks.size();
  asks_ += chain.asks.size();
}

void Lane::flush(Time now) {
  if (std::exchange(flushing_, true)) return;  // A send that fails at once comes back here: the loop goes on.
  while (!waiting_.empty() && flying_.size() < options_.calls_max) {
    auto flight = std::move(waiting_.front());
    waiting_.pop_front();
    flight->sent = now;
    flight->number = ++numbered_;
    send(std::move(flight), "EVALSHA", kScriptSha);
  }
  flushing_ = false;
}

void Lane::send(std::unique_ptr<Flight> flight, std::string_view verb, std::string_view script) {
  ++stats_.calls;
  command_.clear();
  flight->call.write(verb, script, command_);
  Flight& sent = *flight;
  flying_.push_back(std::move(flight));
  node_.send(command_, sent);
}

void Lane::give_up(Flight& flight) {
  stats_.given_up += flight.asks;
  asks_ -= std::exchange(flight.asks, 0);
  // An owner may ask again from within: it must find this call done with.
  auto chains = std::exchange(flight.call.chains(), {});
  flight.call.clear();
  for (const Chain& chain : chains) owner_.given_up(chain);
}

/// The call's place is free for another.
void Lane::landed(Flight& flight) {
  const auto it =
      std::find_if(flying_.begin(), flying_.end(), [&](const auto& f) { return f.get() == &flight; });
  auto own = std::move(*it);
  flying_.erase(it);
  own->call.clear();
  own->asks = 0;
  own->abandoned = own->with_script = false;
  constexpr std::size_t kSpareMax = 16;
  if (spare_.size() < kSpareMax) spare_.push_back(std::move(own));
  flush(owner_.now());
}

void Lane::replied(Flight& flight, redis::Reply reply) {
  const auto& head = reply.front();
  const bool error = head.kind == redis::Element::Kind::error;
  if (error && head.text.starts_with("NOSCRIPT") && !flight.with_script && !flight.abandoned) {
    // It did not run: the same call goes again, and brings the script along.
    flight.with_script = true;
    ++stats_.scripts_loaded;
    command_.clear();
    flight.call.write("EVAL", kScript, command_);
    node_.send(command_, flight);
    return;
  }
  failed_.clear();
  if (!error && !flight.abandoned && flight.call.answer(reply, failed_)) {
    breaker_.succeeded();
    stats_.decisions += flight.asks;
    asks_ -= std::exchange(flight.asks, 0);
    owner_.answered(flight.call, flight.sent, flight.number);
    if (!failed_.empty()) owner_.trouble("a bucket's key holds something that Sluice did not write");
    for (const Chain& chain : std::exchange(failed_, {})) {
      stats_.given_up += chain.asks.size();
      owner_.given_up(chain);
    }
  } else if (!error && flight.abandoned) {
    // Late: of no use to anyone, and counted as a failure when its deadline passed. A node that always
    // answers late must not be asked as one that is well: each such call charges what nobody is granted.
  } else {
    ++stats_.errors;
    breaker_.failed(owner_.now(), owner_.chance());
    if (!flight.abandoned)
      owner_.trouble(error ? head.text : std::string_view("the reply is not the script's"));
    give_up(flight);
  }
  landed(flight);
}

void Lane::lost(Flight& flight, redis::Loss loss, std::string_view why) {
  if (loss == redis::Loss::unknown && !flight.abandoned) ++stats_.unknown;
  if (!flight.abandoned) {
    breaker_.failed(owner_.now(), owner_.chance());
    owner_.trouble(why);
    give_up(flight);
  }
  landed(flight);
}

void Lane::wake(Time now) {
  bool late = false;
  while (!waiting_.empty() && waiting_.front()->deadline <= now) {
    auto flight = std::move(waiting_.front());
    waiting_.pop_front();
    late = true;
    give_up(*flight);
  }
  for (std::size_t i = 0; i < flying_.size(); ++i) {
    Flight& flight = *flying_[i];
    if (flight.abandoned || flight.deadline > now) continue;
    flight.abandoned = late = true;
    ++stats_.unknown;
    give_up(flight);
  }
  if (!late) return;
  breaker_.failed(now, owner_.chance());
  owner_.trouble("no reply within the deadline");
}

Time Lane::next_wake() const {
  Time next = waiting_.empty() ? Time::max() : waiting_.front()->deadline;
  for (const auto& flight : flying_)
    if (!flight->abandoned) next = std::min(next, flight->deadline);
  return next;
}

}  // namespace sluice::store
