#include "store/shared/leases.h"

#include <algorithm>
#include <utility>

namespace sluice::store {

/// An ask for tokens ahead on its way. It owns what it names: who asked first may be gone by then.
struct Leases::Order : Ticket {
  Order(const Family& f, const Quota& q) : family(f), quota(q) { lease = true; }
  Family family;
  Quota quota;
  std::string key;
  Ask ask;
  Decision decision;
  std::size_t place = 0;  // Among those flying.
  std::uint32_t server = 0;
};

Leases::Leases(LeaseOptions options, std::uint64_t seed) : options_(options), held_(options.entries, seed) {}
Leases::~Leases() = default;

bool Leases::covers(const Ask& ask) {
  return ask.family->consistency == Consistency::leased && (ask.op == Op::take || ask.op == Op::take_up_to) &&
         ask.amount > 0 && ask.quota->is_narrow() && ask.amount <= ask.quota->capacity() / kShare;
}

std::int64_t Leases::bound(const Quota& quota) const {
  return std::min(options_.tokens_max, quota.capacity() / kShare);
}

Leases::Held* Leases::find(const Family& family, std::string_view key) {
  Held* held = held_.find(family, key);
  if (held != nullptr && held->server != server_) held->lease.clear(), held->server = server_;
  return held;
}

Leases::Held& Leases::held(const Family& family, std::string_view key) {
  Held& held = held_.claim(family, key);
  if (held.server != server_) held.lease.clear(), held.server = server_;
  return held;
}

Leases::Taken Leases::take(const Ask& ask, Time now, Decision& decision) {
  Held* held = find(*ask.family, ask.key);
  if (held == nullptr) return Taken::no;
  const auto& rate = ask.quota->narrow();
  const std::int64_t left = held->lease.usable(rate, now, options_.drift) - ask.amount;
  if (left < 0) return Taken::no;
  held->lease.spend(rate, ask.amount);
  const std::int64_t passed = Lease::passed(held->told_sent, rate, now, {0, Duration{0}});
  const std::int64_t ahead =
      std::clamp<std::int64_t>(held->told_ahead - passed - held->lease.unspent(), 0, rate.full);
  decision = decide(rate, Step<std::int64_t>{Outcome::allowed, true, ahead, 0, ask.amount});
  decision.origin = Origin::leased;
  ++stats_.asks;
  stats_.spent += static_cast<std::uint64_t>(ask.amount);
  const bool few = left <= held->size / 2 && held->order == nullptr && now >= held->not_before;
  return few ? Taken::of_few : Taken::yes;
}

std::optional<Chain> Leases::ahead(const Ask& ask, bool went, Time now) {
  Held* held = went ? &this->held(*ask.family, ask.key) : find(*ask.family, ask.key);
  if (held == nullptr || held->order != nullptr || held->lease.parts() > 1) return {};
  const std::int64_t at_hand = held->lease.usable(ask.quota->narrow(), now, options_.drift);
  const Duration since = held->asked == Time{} ? Duration::max() : now - held->asked;
  if (went ? since <= Duration{0} : at_hand > held->size / 2) return {};
  held->asked = now;
  if (since < options_.soon) held->size = std::max(held->size * 2, ask.amount);
  if (since > 4 * options_.soon) held->size /= 2;
  const std::int64_t most = bound(*ask.quota);
  held->size = std::min(held->size, most);
  std::int64_t wanted = std::min(held->size, most - at_hand);
  wanted -= wanted % ask.amount;
  if (wanted < ask.amount || now < held->not_before) return {};

  if (spare_.empty()) {
    flying_.push_back(std::make_unique<Order>(*ask.family, *ask.quota));
  } else {
    flying_.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  Order& order = *flying_.back();
  order.place = flying_.size() - 1;
  order.family = *ask.family;
  order.quota = *ask.quota;
  order.key = ask.key;
  order.server = server_;
  order.ask = {.key = order.key,
               .family = &order.family,
               .quota = &order.quota,
               .amount = wanted,
               .op = ask.amount == 1 ? Op::take_up_to : Op::take};
  held->order = &order;
  this->held(*ask.family, ask.key);  // Among the youngest.
  return Chain{{&order.ask, 1}, {&order.decision, 1}, &order};
}

std::unique_ptr<Leases::Order> Leases::finished(const Chain& chain) {
  const std::size_t place = static_cast<Order*>(chain.ticket)->place;
  auto order = std::move(flying_[place]);
  if (place + 1 < flying_.size()) {
    flying_[place] = std::move(flying_.back());
    flying_[place]->place = place;
  }
  flying_.pop_back();
  return order;
}

void Leases::answered(const Call& call, const Chain& chain, Time sent) {
  auto order = finished(chain);
  const std::int64_t granted = order->decision.granted;
  stats_.charged += static_cast<std::uint64_t>(granted);
  Held* held = find(order->family, order->key);
  if (held != nullptr && held->order == order.get()) {
    held->order = nullptr;
    if (granted < order->ask.amount)  // There are no more: others want them, too.
      held->size = order->ask.op == Op::take ? held->size / 2 : granted;
    if (granted == 0)
      held->not_before = std::max(held->not_before, sent + options_.soon);  // It gives as fast as it fills.
    const Call::Bucket* bucket = call.find(order->family, order->key);
    if (granted > 0 && bucket != nullptr && order->server == server_) {
      held->told_sent = sent;
      held->told_ahead = static_cast<std::int64_t>(std::min<Int128>(bucket->ahead, kNarrowDebtMax));
      held->lease.add(order->quota.narrow(), granted, held->told_ahead, sent);
    }
  }
  spare_.push_back(std::move(order));
}

void Leases::given_up(const Chain& chain, Time now) {
  auto order = finished(chain);
  Held* held = find(order->family, order->key);
  if (held != nullptr && held->order == order.get()) {
    held->order = nullptr;
    held->not_before = std::max(held->not_before, now + options_.soon);
  }
  spare_.push_back(std::move(order));
}

void Leases::forget(const Family& family, std::string_view key, Time now) {
  Held& held = this->held(family, key);
  held.lease.clear();
  held.order = nullptr;
  held.size = 0;
  held.not_before = now + kExactFor;
}

}  // namespace sluice::store
