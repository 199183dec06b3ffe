#include "store/local/buckets.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>

#include "store/chain.h"

namespace sluice::store {

/// One ask of a chain while it is decided on: its bucket is owned in the table or held in the annex.
struct Buckets::Link : ChainLink<Link> {
  KeyHash key{};
  Table::Owned owned{};
  Annex::Entry* entry = nullptr;
};

namespace {

constexpr std::size_t kAhead =
    kChainMax;  // Asks hashed and prefetched before the first is decided: covers the memory latency.

bool alone_and_narrow(const Ask& ask) { return !ask.with_next && ask.quota->is_narrow(); }

std::int64_t longest_wait(const Ask& ask) {
  return ask.op == Op::reserve ? duration_to_ticks(ask.quota->narrow(), ask.max_wait) : 0;
}

}  // namespace

void Buckets::decide(std::span<const Ask> asks, std::span<Decision> decisions, Time given) {
  const std::int64_t now_ns = table.advance(given).time_since_epoch().count();
  std::array<KeyHash, kAhead> keys;
  while (!asks.empty()) {
    const std::size_t n = std::min(asks.size(), kAhead);
    for (std::size_t i = 0; i < n; ++i) {
      keys[i] = hash_key(asks[i].key, seed_ ^ asks[i].family->salt);
      table.prefetch(keys[i]);
    }
    std::size_t done = 0;
    while (done < n) {
      if (decide_present(asks[done], keys[done], now_ns, decisions[done])) {
        ++done;
        continue;
      }
      if (decide_newcomer(asks[done], keys[done], now_ns, decisions[done])) {
        ++done;
        continue;
      }
      const std::size_t length = chain_length(asks.subspan(done));
      if (done + length > n && done > 0) break;  // Its rest is not hashed yet: it opens the next round.
      chain(asks.subspan(done, length), std::span(keys).subspan(done), decisions.subspan(done, length),
            now_ns);
      done += length;
    }
    asks = asks.subspan(done);
    decisions = decisions.subspan(done);
  }
}

/// The fast path: an ask that stands alone, for a narrow quota's bucket that is in the table.
inline bool Buckets::decide_present(const Ask& ask, const KeyHash& key, std::int64_t now_ns,
                                    Decision& decision) {
  if (!alone_and_narrow(ask)) return false;
  const auto& rate = ask.quota->narrow();
  Step<std::int64_t> s;
  if (!table.decide(key, rate, ask.op, ask.amount, longest_wait(ask), now_ns, s)) return false;
  decision = sluice::decide(rate, s);
  return true;
}

/// The same for a bucket that comes into being, as long as no bucket is in the annex.
bool Buckets::decide_newcomer(const Ask& ask, const KeyHash& key, std::int64_t now_ns, Decision& decision) {
  if (!alone_and_narrow(ask) || annex.in_use()) return false;
  const auto& rate = ask.quota->narrow();
  Table::Owned owned;
  for (;;) {
    const auto owning = table.own(key, rate, now_ns, owned, [&] { return !annex.in_use(); });
    if (owning == Table::Owning::forbidden) return false;
    if (owning == Table::Owning::done) break;
    table.make_room(now_ns);
  }
  const auto s = step(rate, ask.op, ask.amount, owned.ahead, longest_wait(ask));
  table.settle(key, owned, rate, now_ns, s.ahead, s.changed);
  decision = sluice::decide(rate, s);
  table.pay(key, now_ns);
  return true;
}

/// The slow path: chains, and whatever has to do with the annex.
void Buckets::chain(std::span<const Ask> asks, std::span<const KeyHash> keys, std::span<Decision> decisions,
                    std::int64_t now_ns) {
  if (asks.size() > kChainMax) {
    for (auto& d : decisions) d = Decision{.outcome = Outcome::never, .retry_after = kNever};
    return;
  }
  bool with_annex = annex.in_use();
  for (const Ask& ask : asks) with_annex |= !ask.quota->is_narrow();
  for (;;) {
    // Only as many as there are come into being: all of them would be 6 kB to clear.
    alignas(Link) std::array<std::byte, kChainMax * sizeof(Link)> memory;
    const std::span links(reinterpret_cast<Link*>(memory.data()), asks.size());
    for (std::size_t i = 0; i < asks.size(); ++i)
      std::construct_at(&links[i], Link{{.ask = &asks[i], .decision = &decisions[i]}, keys[i]});
    std::unique_lock lock(annex.mutex(), std::defer_lock);
    if (with_annex) lock.lock();
    const Attempt result = attempt(links, now_ns, with_annex);
    if (result == Attempt::done) return table.pay(keys[0], now_ns);
    if (result == Attempt::no_room) table.make_room(now_ns);
    with_annex |= result == Attempt::needs_annex;
  }
}

/// Holds every bucket, in ascending order of keys so that two chains cannot wait for each other; decides;
/// lets go.
Buckets::Attempt Buckets::attempt(std::span<Link> links, std::int64_t now_ns, bool with_annex) {
  std::array<Link*, kChainMax> order;
  std::transform(links.begin(), links.end(), order.begin(), [](Link& link) { return &link; });
  const auto sorted = std::span(order).first(links.size());
  std::sort(sorted.begin(), sorted.end(), [](const Link* a, const Link* b) {
    return std::tuple(a->key.fingerprint, a->key.place, a) < std::tuple(b->key.fingerprint, b->key.place, b);
  });
  Attempt result = Attempt::done;
  std::size_t held = 0;
  for (; held < sorted.size() && result == Attempt::done; ++held) {
    Link& link = *sorted[held];
    const bool again = held > 0 && sorted[held - 1]->key == link.key;
    link.first = again ? sorted[held - 1]->first : &link;
    result = again ? Attempt::done : hold(link, now_ns, with_annex);
    if (again) link.rate = link.ask->quota->wide();
  }
  if (result != Attempt::done) {
    for (std::size_t i = 0; i + 1 < held; ++i) release(*sorted[i], now_ns, false);
    return result;
  }
  const bool commit = decide_chain<Link>(links);
  for (Link* link : sorted) release(*link, now_ns, commit);
  return Attempt::done;
}

Buckets::Attempt Buckets::hold(Link& link, std::int64_t now_ns, bool with_annex) {
  const Quota& quota = *link.ask->quota;
  link.rate = quota.wide();
  link.entry = with_annex ? annex.find(link.key) : nullptr;
  if (link.entry == nullptr && !quota.is_narrow()) move_to_annex(link, now_ns);
  if (link.entry != nullptr) {
    link.entry->held = true;
    link.held = link.ahead = link.entry->ahead(now_ns, link.rate);
    return Attempt::done;
  }
  link.rate.debt_max = kNarrowDebtMax;
  const auto owning =
      table.own(link.key, quota.narrow(), now_ns, link.owned, [&] { return with_annex || !annex.in_use(); });
  if (owning == Table::Owning::no_room) return Attempt::no_room;
  if (owning == Table::Owning::forbidden) return Attempt::needs_annex;
  link.held = link.ahead = link.owned.ahead;
  return Attempt::done;
}

void Buckets::move_to_annex(Link& link, std::int64_t now_ns) {
  annex.announce();
  table.remove(link.key, [&](Content content) {
    link.entry = &annex.add(link.key, link.rate, now_ns);
    if (!content.empty())
      link.entry->set(now_ns, link.rate, convert_ticks(content.ahead(now_ns), content.per_ns(), link.rate));
  });
  annex.withdraw();
}

void Buckets::restore_wide(const KeyHash& key, std::int64_t per_ns, Int128 ahead, std::int64_t now_ns) {
  const Rate<Int128> rate{.full = kWideDebtMax,
                          .per_token = 1,
                          .per_ns = per_ns,
                          .debt_max = kWideDebtMax,
                          .capacity = std::numeric_limits<std::int64_t>::max()};
  const std::lock_guard lock(annex.mutex());
  annex.announce();
  table.remove(key, [&](Content content) {
    Annex::Entry* entry = annex.find(key);
    if (entry == nullptr) entry = &annex.add(key, rate, now_ns);
    Int128 latest = std::max(ahead, entry->ahead(now_ns, rate));
    if (!content.empty())
      latest = std::max(latest, convert_ticks(content.ahead(now_ns), content.per_ns(), rate));
    entry->set(now_ns, rate, latest);
  });
  annex.withdraw();
}

void Buckets::release(Link& link, std::int64_t now_ns, bool commit) {
  if (link.first != &link) return;
  const bool write = commit && link.changed;
  if (link.entry != nullptr) {
    if (write) link.entry->set(now_ns, link.rate, link.ahead);
    link.entry->held = false;
    return;
  }
  table.settle(link.key, link.owned, link.ask->quota->narrow(), now_ns,
               static_cast<std::int64_t>(write ? link.ahead : link.held), write);
}

}  // namespace sluice::store
