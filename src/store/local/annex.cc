#include "store/local/annex.h"

namespace sluice::store {

Annex::Entry* Annex::find(const KeyHash& key) {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second;
}

Annex::Entry& Annex::add(const KeyHash& key, const Rate<Int128>& rate, std::int64_t now_ns) {
  // No sweep here: it would look at many entries for each newcomer of a flood. maintain() sweeps by its
  // timer, and of the neighbours a full one is the nearest to full.
  Int128 shared = 0;
  if (entries_.size() >= max_entries_)
    if (const auto victim = nearest_to_full(key, now_ns); victim != entries_.end()) {
      shared = std::min(victim->second.ahead(now_ns, rate), rate.full);
      if (shared > 0) ++evictions_;  // A full bucket equals an absent one.
      entries_.erase(victim);
      withdraw();
    }
  Entry& entry = entries_[key];
  entry.set(now_ns, rate, shared);
  announce();
  return entry;
}

Annex::Entries::iterator Annex::nearest_to_full(const KeyHash& key, std::int64_t now_ns) {
  constexpr int neighbours = 64;
  std::size_t bucket = Hasher{}(key) % entries_.bucket_count();
  const KeyHash* nearest = nullptr;
  Int128 nearest_ns = 0;
  for (std::size_t tried = 0, seen = 0; seen < neighbours && tried < entries_.bucket_count(); ++tried) {
    for (auto it = entries_.begin(bucket); it != entries_.end(bucket); ++it, ++seen) {
      const Int128 ns = it->second.ahead_ticks(now_ns) / it->second.per_ns;
      if (it->second.held || (nearest != nullptr && ns >= nearest_ns)) continue;
      nearest = &it->first, nearest_ns = ns;
    }
    bucket = (bucket + 1) % entries_.bucket_count();
  }
  return nearest == nullptr ? entries_.end() : entries_.find(*nearest);
}

void Annex::sweep(std::int64_t now_ns, std::size_t some) {
  full_.clear();
  const bool more = visit_some(swept_, some, [&](const KeyHash& key, const Entry& entry) {
    if (!entry.held && entry.ahead_ticks(now_ns) == 0) full_.push_back(key);
  });
  for (const KeyHash& key : full_) withdraw(), entries_.erase(key);
  if (!more) swept_ = {};
}

}  // namespace sluice::store
