#include "store/shared/shared_store.h"

#include <array>
#include <utility>

#include "store/chain.h"
#include "store/once.h"

namespace sluice::store {

namespace {

Lane::Options with_floors(Lane::Options options, const Told* told) {
  options.told = told;
  return options;
}

}  // namespace

SharedStore::SharedStore(redis::Node& node, Fallback& fallback, SharedOptions options)
    : options_(std::move(options)),
      fallback_(fallback),
      told_(options_.told_max, options_.seed),
      lane_(node, with_floors(options_.lane, options_.told_max > 0 ? &told_ : nullptr), *this),
      refusals_(options_.refusals_max, options_.refusals_kept, options_.seed) {}
SharedStore::SharedStore(Nodes& nodes, Fallback& fallback, SharedOptions options)
    : options_(std::move(options)),
      fallback_(fallback),
      told_(options_.told_max, options_.seed),
      lane_(nodes, with_floors(options_.lane, options_.told_max > 0 ? &told_ : nullptr), *this),
      refusals_(options_.refusals_max, options_.refusals_kept, options_.seed) {}
SharedStore::~SharedStore() = default;

void SharedStore::decide(Batch& batch, Completion& done) {
  Ticket& ticket = issue(done);
  const std::size_t leased = leased_.size();
  ticket.left = 1;  // This call itself: nothing is finished before all is asked.
  for (std::size_t at = 0; at < batch.asks.size();) {
    const std::size_t n = chain_length(batch.asks.subspan(at));
    const Chain chain{batch.asks.subspan(at, n), batch.decisions.subspan(at, n), &ticket};
    at += n;
    if (decided_at_once(chain, batch.now)) continue;
    ++ticket.left;
    if (fallback_.owes()) repay_before(chain, batch.now);
    lane_.ask(chain, batch.now);
    if (n == 1 && Leases::covers(chain.asks.front())) leased_.push_back({&chain.asks.front(), true});
  }
  ask_ahead(leased, batch.now);
  lane_.flush(batch.now);
  ask_for_wake();
  finish(ticket);
}

bool SharedStore::decided_at_once(const Chain& chain, Time now) {
  if (chain.asks.size() > kChainMax) {
    for (auto& d : chain.decisions) d = Decision{.outcome = Outcome::never, .retry_after = kNever};
    return true;
  }
  for (const Ask& ask : chain.asks) {
    if (fits_shared(*ask.quota)) continue;
    for (std::size_t i = 0; i < chain.asks.size(); ++i)
      chain.decisions[i] = Decision{
          .outcome = Outcome::never, .capacity = chain.asks[i].quota->capacity(), .retry_after = kNever};
    return true;
  }
  const Ask& ask = chain.asks.front();
  if (ask.op == Op::charge || ask.op == Op::refund || ask.op == Op::reset) {
    for (const Ask& a : chain.asks) {
      refusals_.forget(*a.family, a.key, lane_.next_call());
      if (ask.op != Op::charge && leases_ && a.family->consistency == Consistency::leased)
        leases_->forget(*a.family, a.key, now);
    }
    return false;
  }
  if (chain.asks.size() == 1 && Leases::covers(ask)) {
    if (!leases_) leases_ = std::make_unique<Leases>(options_.leases, options_.seed);
    const auto taken = leases_->take(ask, now, chain.decisions.front());
    if (taken == Leases::Taken::of_few) leased_.push_back({&ask, false});
    if (taken != Leases::Taken::no) return true;
  }
  if (chain.asks.size() == 1 && refusals_.refuses(ask, now, chain.decisions.front())) {
    ++remembered_;
    return true;
  }
  for (const Ask& a : chain.asks) refusals_.ask_goes(a, now, lane_.next_call());
  return false;
}

void SharedStore::ask_ahead(std::size_t first, Time now) {
  for (std::size_t i = first; i < leased_.size(); ++i)
    if (const auto chain = leases_->ahead(*leased_[i].ask, leased_[i].went, now)) lane_.ask(*chain, now);
  leased_.resize(first);
}

void SharedStore::answered(const Call& call, Time sent, std::uint64_t number) {
  for (const Call::Bucket& b : call.buckets())
    if (b.ours) {
      const bool spent = b.ahead + b.rate.per_token > b.rate.full;  // The next one would be refused.
      if (b.refused || spent)
        refusals_.remember(*b.family, b.key, b.rate, b.ahead, sent, number);
      else
        refusals_.went_on(*b.family, b.key, b.rate, b.ahead, sent, number);
      if (options_.told_max > 0) told_.remember(*b.family, b.key, call.tat(b));
    }
  if (options_.calls != nullptr && options_.calls->wants_calls()) tell_calls(call, sent);
  for (const Chain& chain : call.chains())  // Before anybody who is finished takes away what he named.
    if (Leases::is_ours(chain)) leases_->answered(call, chain, sent);
  for (const Chain& chain : call.chains())
    if (chain.ticket != nullptr && !Leases::is_ours(chain)) finish(*chain.ticket);
  if (fallback_.owes()) repay(options_.now());
}

void SharedStore::tell_calls(const Call& call, Time sent) const {
  CallSeen seen{.sent = sent, .answered = options_.now(), .buckets = call.buckets().size()};
  for (const Chain& chain : call.chains()) seen.asks += chain.asks.size();
  for (const Chain& chain : call.chains()) options_.calls->call_answered(chain.asks, seen);
}

/// What is owed for the chain's buckets goes ahead of it.
void SharedStore::repay_before(const Chain& chain, Time now) {
  if (!lane_.takes(chain.asks.front(), now)) return;
  for (const Ask& ask : chain.asks)
    if (Debt* const debt = fallback_.arrears()->take(*ask.family, ask.key)) repay(*debt, now);
}

void SharedStore::repay(Time now) {
  constexpr int kChargesAtOnce = 16;
  constexpr int kDebtsAtOnce = 256;  // Most are paid by time alone, where quotas are fast.
  int charges = 0;
  for (int i = 0; i < kDebtsAtOnce && charges < kChargesAtOnce && fallback_.owes() && lane_.takes(now); ++i) {
    Debt* const debt = fallback_.arrears()->take_any();
    if (debt == nullptr) break;
    if (repay(*debt, now)) ++charges;
  }
  lane_.flush(now);
  ask_for_wake();
}

/// One debt's charge.
struct SharedStore::Repayment final : Completion {
  Repayment(SharedStore& s, Debt& d)
      : store(s),
        debt(d),
        asks{Ask{.key = d.key,
                 .family = &d.family,
                 .quota = &d.quota,
                 .amount = d.tokens,
                 .op = Op::charge,
                 .with_next = true},
             Ask{.key = d.id_key, .family = &d.ids, .quota = &once_quota()}} {}
  void decided() override { store.repaid(*this); }

  SharedStore& store;
  Debt& debt;
  const std::array<Ask, 2> asks;
  std::array<Decision, 2> decisions;
};

bool SharedStore::repay(Debt& debt, Time now) {
  if (debt.tokens == 0) debt.tokens = fallback_.owed(debt, now);
  if (debt.tokens == 0 || !fits_shared(debt.quota)) {
    fallback_.arrears()->settled(debt, true, now);
    return false;
  }
  Repayment& repayment = *repayments_.emplace_back(std::make_unique<Repayment>(*this, debt));
  Ticket& ticket = issue(repayment);
  ticket.left = 1, ticket.repayment = true;
  lane_.ask({repayment.asks, repayment.decisions, &ticket}, now);
  return true;
}

void SharedStore::repaid(Repayment& repayment) {
  const bool charged = repayment.decisions.front().origin != Origin::degraded;
  const Time now = options_.now();
  if (charged) repaid_ += static_cast<std::uint64_t>(repayment.debt.tokens);
  fallback_.arrears()->settled(repayment.debt, charged, now);
  std::erase_if(repayments_, [&](const auto& r) { return r.get() == &repayment; });
}

void SharedStore::given_up(const Chain& chain) {
  if (Leases::is_ours(chain)) return leases_->given_up(chain, options_.now());
  if (chain.ticket != nullptr && chain.ticket->repayment) {
    chain.decisions.front().origin = Origin::degraded;
    return finish(*chain.ticket);
  }
  degraded_ += chain.asks.size();
  fallback_.decide(chain, options_.now());
  if (chain.ticket != nullptr) finish(*chain.ticket);  // None: a part of a longer chain.
}

void SharedStore::gives_back(const Ask& ask) {
  refusals_.forget(*ask.family, ask.key, lane_.next_call());
  if (leases_ && ask.family->consistency == Consistency::leased)
    leases_->forget(*ask.family, ask.key, options_.now());
}

void SharedStore::trouble(std::string_view what) {
  if (options_.trouble) options_.trouble(what);
}

void SharedStore::wake(Time now) {
  wake_asked_ = Time::max();
  lane_.wake(now);
  lane_.flush(now);
  ask_for_wake();
}

void SharedStore::ask_for_wake() {
  const Time next = lane_.next_wake();
  if (next >= wake_asked_) return;
  wake_asked_ = next;
  options_.wake_at(next);
}

Ticket& SharedStore::issue(Completion& done) {
  if (spare_tickets_.empty()) {
    tickets_.push_back(std::make_unique<Ticket>());
    spare_tickets_.push_back(tickets_.back().get());
  }
  Ticket& ticket = *spare_tickets_.back();
  spare_tickets_.pop_back();
  ticket.done = &done;
  ticket.repayment = false;
  return ticket;
}

void SharedStore::finish(Ticket& ticket) {
  if (--ticket.left > 0) return;
  Completion* done = std::exchange(ticket.done, nullptr);
  spare_tickets_.push_back(&ticket);
  done->decided();
}

SharedStats SharedStore::stats() const {
  return {.lane = lane_.stats(),
          .remembered = remembered_,
          .degraded = degraded_,
          .uncounted = fallback_.uncounted(),
          .repaid = repaid_,
          .leases = leases_ ? leases_->stats() : LeaseStats{},
          .spread = lane_.spread(),
          .outstanding = lane_.outstanding(),
          .breaker = lane_.breaker()};
}

}  // namespace sluice::store
