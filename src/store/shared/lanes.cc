#include "store/shared/lanes.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "redis/key_slot.h"

namespace sluice::store {

namespace {

constexpr Duration kAgainAfter = std::chrono::milliseconds(2);
constexpr Duration kMovingFor = std::chrono::seconds(1);

}  // namespace

Lanes::Lanes(redis::Node& node, const Lane::Options& options, Owner& owner)
    : options_(options), nodes_(nullptr), owner_(owner), common_(1), spread_(*this) {
  lanes_.push_back(std::make_unique<Lane>(node, options_, common_, static_cast<Lane::Owner&>(*this)));
}
Lanes::Lanes(Nodes& nodes, const Lane::Options& options, Owner& owner)
    : options_(options), nodes_(&nodes), owner_(owner), common_(redis::kSlots), spread_(*this) {}
Lanes::~Lanes() = default;

// ---- where to

std::uint16_t Lanes::slot_of(const Ask& ask) {
  key_.clear();
  append_bucket_key(*ask.family, ask.key, key_);
  return redis::slot_of(key_);
}

Lane* Lanes::lane_of(std::uint16_t slot) {
  const std::size_t server = nodes_->server_of(slot);
  if (server == Nodes::kNobody) return nullptr;
  if (server >= lanes_.size()) lanes_.resize(server + 1);
  auto& lane = lanes_[server];
  if (!lane)
    lane = std::make_unique<Lane>(nodes_->node(server), options_, common_, static_cast<Lane::Owner&>(*this));
  return lane.get();
}

bool Lanes::takes(Time now) const {
  return std::ranges::any_of(lanes_, [&](const auto& lane) { return lane && lane->takes(now); });
}

bool Lanes::takes(const Ask& ask, Time now) {
  const Lane* lane = nodes_ == nullptr ? lanes_.front().get() : lane_of(slot_of(ask));
  return lane != nullptr && lane->takes(now);
}

bool Lanes::wants_probe(const Family& family, Time now, std::string& key) {
  if (nodes_ == nullptr) return lanes_.front()->wants_probe(now);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (!lanes_[i] || !nodes_->serves(i) || !lanes_[i]->wants_probe(now)) continue;
    constexpr int kTries = 1000;  // A server with fewer slots than that is found now and then.
    for (int n = 0; n < kTries; ++n) {
      key = std::to_string(++probes_);
      if (lane_of(slot_of({.key = key, .family = &family})) == lanes_[i].get()) return true;
    }
  }
  return false;
}

bool Lanes::moving(std::uint16_t slot, Time now) {
  if (moving_.empty()) return false;
  std::erase_if(moving_, [&](const Moving& m) { return m.until <= now; });
  return std::ranges::any_of(moving_, [&](const Moving& m) { return m.slot == slot; });
}

void Lanes::route(const Chain& chain, Time deadline, Time now) {
  const std::uint16_t slot = slot_of(chain.asks.front());
  if (chain.asks.size() > 1) {
    const bool one = std::all_of(chain.asks.begin() + 1, chain.asks.end(),
                                 [&](const Ask& ask) { return slot_of(ask) == slot; });
    if ((!one || moving(slot, now)) && spread_.begin(chain, one, deadline, now)) return;
    if (!one) return owner_.given_up(chain);  // Several ops, which cannot be taken apart.
  }
  send(chain, slot, deadline, now);
}

void Lanes::send(const Chain& chain, std::uint16_t slot, Time deadline, Time now) {
  if (Lane* lane = lane_of(slot))
    return lane->ask(
        chain, {.deadline = deadline, .slot = slot, .alone = chain.asks.size() == 1 && moving(slot, now)},
        now);
  owner_.trouble("no server is known to have the key's slot");
  given_up(chain, redis::Loss::not_sent);
}

// ---- what did not run

void Lanes::again(std::span<Chain> chains, const Lane::Errand& errand, Lane::Again how) {
  const Time now = owner_.now();
  const Lane* lane = lane_of(errand.slot);
  if (how == Lane::Again::alone) {
    if (!moving(errand.slot, now)) moving_.push_back({errand.slot, now + kMovingFor});
    send_alone(chains, errand, now);
  } else {
    const bool ready = how == Lane::Again::moved && lane != nullptr && lane->takes(now);
    for (const Chain& chain : chains)
      if (ready)
        send(chain, errand.slot, errand.deadline, now);
      else
        send_later(chain, errand, now);
  }
  flush(now);
  owner_.wake_sooner();
}

/// One bucket a call.
void Lanes::send_alone(std::span<Chain> chains, const Lane::Errand& errand, Time now) {
  std::vector<std::size_t> order(chains.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) {  // Those of one bucket side by side, and in their order.
    const auto& asks = chains[i].asks;
    return std::tuple(asks.size(), std::string_view(asks.front().family->name), asks.front().key, i);
  });
  for (const std::size_t i : order) {
    const Chain& chain = chains[i];
    const bool apart = chain.asks.size() > 1 &&
                       (chain.part != nullptr ? spread_.split(chain, errand.slot, errand.deadline, now)
                                              : spread_.begin(chain, true, errand.deadline, now));
    if (apart) continue;
    if (chain.asks.size() == 1)
      send(chain, errand.slot, errand.deadline, now);
    else
      send_later(chain, errand, now);
  }
}

void Lanes::send_later(const Chain& chain, const Lane::Errand& errand, Time now) {
  const Time when = now + kAgainAfter;
  if (when >= errand.deadline) return given_up(chain, redis::Loss::not_sent);
  later_.push_back({chain, errand, when});
}

// ---- hearing

void Lanes::answered(const Call& call, Time sent, std::uint64_t number) {
  owner_.answered(call, sent, number);
  if (nodes_ == nullptr) return;
  for (const Chain& chain : call.chains())
    if (chain.part != nullptr) spread_.answered(chain);
}

void Lanes::given_up(const Chain& chain, redis::Loss loss) {
  if (chain.part != nullptr)
    spread_.given_up(chain, loss, owner_.now());
  else
    owner_.given_up(chain);
}

// ---- time

void Lanes::flush(Time now) {
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (lanes_[i]) lanes_[i]->flush(now);
}

void Lanes::wake(Time now) {
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (lanes_[i]) lanes_[i]->wake(now);
  for (const Later& l : std::exchange(later_, {})) {
    if (l.errand.deadline <= now) {
      given_up(l.chain, redis::Loss::not_sent);
    } else if (l.when > now) {
      later_.push_back(l);
    } else {
      const Lane* lane = lane_of(l.errand.slot);
      if (lane != nullptr && lane->takes(now))
        send(l.chain, l.errand.slot, l.errand.deadline, now);
      else
        send_later(l.chain, l.errand, now);
    }
  }
  spread_.wake(now);
}

Time Lanes::next_wake() const {
  Time next = spread_.next_wake();
  for (const auto& lane : lanes_)
    if (lane) next = std::min(next, lane->next_wake());
  for (const Later& l : later_) next = std::min(next, l.when);
  return next;
}

// ---- numbers

LaneStats Lanes::stats() const {
  LaneStats sum;
  for (const auto& lane : lanes_) {
    if (!lane) continue;
    const LaneStats& s = lane->stats();
    sum.calls += s.calls;
    sum.decisions += s.decisions;
    sum.given_up += s.given_up;
    sum.unknown += s.unknown;
    sum.unknown_tokens += s.unknown_tokens;
    sum.errors += s.errors;
    sum.scripts_loaded += s.scripts_loaded;
    sum.again += s.again;
  }
  sum.decisions -= spread_.stats().given_back;  // Nobody asked for these.
  return sum;
}

Breaker::State Lanes::breaker() const {
  const auto worse = [](Breaker::State a, Breaker::State b) {
    const auto rank = [](Breaker::State s) {
      return s == Breaker::State::closed ? 0 : s == Breaker::State::probing ? 1 : 2;
    };
    return rank(a) >= rank(b) ? a : b;
  };
  Breaker::State worst = Breaker::State::closed;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (lanes_[i] && (nodes_ == nullptr || nodes_->serves(i))) worst = worse(worst, lanes_[i]->breaker());
  return worst;
}

}  // namespace sluice::store
