// annex.h: the few buckets that do not fit a slot of the table: those of wide quotas (ticks.h). As exact,
// behind one mutex, some 100 ns a decision. Bounded like the table, with the same policy: a newcomer to a
// full annex starts with the time until full of the one nearest to full among its neighbours, and takes its
// place.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "sluice/ticks.h"
#include "store/chain.h"
#include "store/local/key_hash.h"

namespace sluice::store {

class Annex {
 public:
  struct Entry {
    Int128 tat = 0;  ///< In ticks, absolute.
    std::int64_t per_ns = 1;
    bool held = false;  ///< A chain is about to decide on it: not to be evicted.

    Int128 ahead_ticks(std::int64_t now_ns) const {
      return std::max<Int128>(tat - static_cast<Int128>(now_ns) * per_ns, 0);
    }
    Int128 ahead(std::int64_t now_ns, const Rate<Int128>& rate) const {
      return convert_ticks(ahead_ticks(now_ns), per_ns, rate);
    }
    void set(std::int64_t now_ns, const Rate<Int128>& rate, Int128 ahead_in_rate) {
      per_ns = static_cast<std::int64_t>(rate.per_ns);
      tat = static_cast<Int128>(now_ns) * per_ns + ahead_in_rate;
    }
  };

  explicit Annex(std::size_t max_entries) : max_entries_(max_entries) {}

  std::mutex& mutex() { return mutex_; }
  /// Whether a key that the table lacks must be looked for here. Moves, for one key, only under the table's
  /// latch or before it is taken.
  bool in_use() const { return users_.load(std::memory_order_seq_cst) != 0; }
  void announce() {
    users_.fetch_add(1, std::memory_order_seq_cst);
  }  ///< Before a key is looked for to be added.
  void withdraw() { users_.fetch_sub(1, std::memory_order_seq_cst); }

  // REQUIRED for all below: the mutex.
  Entry* find(const KeyHash& key);
  /// REQUIRES: announced, and the key not here. The entry starts full, or shares if there is no room.
  Entry& add(const KeyHash& key, const Rate<Int128>& rate, std::int64_t now_ns);
  /// Goes on where the last call ended: about the next `some` entries, of which those that are full are
  /// dropped.
  void sweep(std::int64_t now_ns, std::size_t some);
  std::size_t size() const { return entries_.size(); }
  std::uint64_t evictions() const { return evictions_; }
  /// Where a visit has got to.
  struct Cursor {
    std::size_t buckets = 0;  // Of the hash table; if that was made anew since, the visit begins again.
    std::size_t next = 0;
  };
  /// Calls visit(key, entry) for about the next `some` entries; false when that was the end. An entry may
  /// come twice; none that is there all the while is left out.
  template <class Visit>
  bool visit_some(Cursor& cursor, std::size_t some, Visit visit) const {
    if (cursor.buckets != entries_.bucket_count()) cursor = {entries_.bucket_count(), 0};
    for (std::size_t seen = 0; cursor.next < cursor.buckets && seen < some; ++cursor.next, ++seen)
      for (auto it = entries_.begin(cursor.next); it != entries_.end(cursor.next); ++it, ++seen)
        visit(it->first, it->second);
    return cursor.next < cursor.buckets;
  }

 private:
  struct Hasher {
    std::size_t operator()(const KeyHash& k) const { return k.fingerprint ^ (std::uint64_t{k.place} << 32); }
  };
  using Entries = std::unordered_map<KeyHash, Entry, Hasher>;
  Entries::iterator nearest_to_full(const KeyHash& key, std::int64_t now_ns);

  const std::size_t max_entries_;
  std::mutex mutex_;
  std::atomic<std::uint64_t> users_{0};  // Entries, and those about to add one.
  Entries entries_;                      // Guarded by mutex_, as is the rest.
  std::uint64_t evictions_ = 0;
  Cursor swept_;
  std::vector<KeyHash> full_;  // What a sweep found.
};

}  // namespace sluice::store
