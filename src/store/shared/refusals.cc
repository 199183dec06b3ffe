#include "store/shared/refusals.h"

#include <algorithm>
#include <bit>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::store {

Refusals::Refusals(std::size_t entries, Duration keep, std::uint64_t seed)
    : entries_(std::bit_ceil(std::max<std::size_t>(entries, 2))), keep_(keep), seed_(seed) {}

Refusals::Place Refusals::place(const Family& family, std::string_view key) const {
  const auto h = XXH3_128bits_withSeed(key.data(), key.size(), seed_ ^ family.salt);
  return {h.low64, h.high64,
          (h.low64 ^ h.high64) & (entries_.size() - 2)};  // Two neighbours, of which one is the key's.
}

const Refusals::Entry* Refusals::find(const Place& p) const {
  for (std::size_t i = p.at; i < p.at + 2; ++i)
    if (entries_[i].low == p.low && entries_[i].high == p.high) return &entries_[i];
  return nullptr;
}

Refusals::Entry& Refusals::claim(const Place& p) {
  if (const Entry* entry = find(p)) return entries_[static_cast<std::size_t>(entry - entries_.data())];
  Entry& older = entries_[p.at].sent <= entries_[p.at + 1].sent ? entries_[p.at] : entries_[p.at + 1];
  older = Entry{.low = p.low, .high = p.high};
  return older;
}

void Refusals::remember(const Family& family, std::string_view key, const Rate<Int128>& rate, Int128 ahead,
                        Time sent, std::uint64_t call) {
  if (keep_ <= Duration{0} || ahead > kNarrowDebtMax || rate.per_ns > kNarrowTicksPerNsMax) return;
  const Place p = place(family, key);
  Entry& entry = claim(p);
  if (call < entry.not_before) return;
  entry.ahead = static_cast<std::int64_t>(ahead);
  entry.per_ns = static_cast<std::int64_t>(rate.per_ns);
  entry.sent = sent;
}

void Refusals::forget(const Family& family, std::string_view key, Time now, std::uint64_t next_call) {
  Entry& entry = claim(place(family, key));
  entry.ahead = 0;
  entry.sent = now;
  entry.not_before = next_call;
}

bool Refusals::refuses(const Ask& ask, Time now, Decision& decision) const {
  if (!ask.quota->is_narrow()) return false;
  const Entry* entry = find(place(*ask.family, ask.key));
  if (entry == nullptr || entry->ahead == 0 || now - entry->sent >= keep_) return false;
  const auto& rate = ask.quota->narrow();
  if (entry->per_ns != rate.per_ns) return false;  // Another quota's memory.
  const std::int64_t since = std::max<std::int64_t>((now - entry->sent).count(), 0) * rate.per_ns;
  const std::int64_t ahead = std::max<std::int64_t>(entry->ahead - since, 0);
  const auto s = step(rate, ask.op, ask.amount, std::min(ahead, rate.debt_max),
                      ask.op == Op::reserve ? duration_to_ticks(rate, ask.max_wait) : 0);
  if (s.outcome != Outcome::refused) return false;
  decision = decide(rate, s);
  decision.origin = Origin::remembered;
  return true;
}

}  // namespace sluice::store
