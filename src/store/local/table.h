// table.h: the buckets of this process, shared by all threads.
//
// How it stays exact. A bucket is one slot (slot.h), changed by compare-and-swap. Deciding on a bucket that
// is there waits for nobody, except for the moments in which a thread owns that very slot. A key's bucket
// comes into being only under the latch of the key's home line, so it is never there twice. A slot whose
// bucket is full equals an empty one and may be taken over by any key, in one compare-and-swap.
//
// How it grows. Above a load of 0.8 a table 1.25 times as long is begun; every coming key moves a few lines,
// and maintain() many. A bucket is moved by owning it, putting it into the new array, and closing its old
// slot; until then the old slot is the truth. Lookups go to the old array first, then to the new one. Old
// arrays give their memory back as they are left, and keep their addresses until the table ends, so a late
// reader finds emptiness and looks again.
//
// How it stays bounded. It never grows beyond `max_keys`. When all 256 slots (64 lines) that a newcomer could
// have are taken by buckets that are not full, it shares: it starts with the time until full of the one
// nearest to full and, if it is allowed, takes over that slot. So nobody comes in free, and the offenders,
// who are farthest from full, stay. What is lost is only ever the state nearest to full, and since every
// newcomer in that neighbourhood starts no fuller than that, its owner too when it comes back, an eviction
// admits nothing that the exact bucket would not have. It can refuse a newcomer early. Exception: a quota
// that fills faster than all its neighbours' remaining time starts empty instead, and the bucket that it
// displaced may regain up to one capacity; both cases count as evictions.
//
// How it forgets time. TATs are modulo 2^62 ticks, unambiguous for 4.8 hours of idleness at the finest tick.
// advance() sees to it that no slot rests that long unswept, whatever the callers do.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "store/local/array.h"

namespace sluice::store {

class Table {
 public:
  explicit Table(std::size_t max_keys);

  /// The time in effect: never before the latest seen by any thread. REQUIRED before any other call with that
  /// time.
  Time advance(Time now) {
    const Time latest = latest_.load(std::memory_order_relaxed);
    if (now <= latest) return latest;
    if (rests_too_long(now)) sweep_all(now);
    latest_.store(now, std::memory_order_relaxed);
    return now;
  }

  void prefetch(const KeyHash& key) const { current_.load(std::memory_order_acquire)->prefetch(key.place); }

  /// Decides if the bucket is here; false if it is not, and then nothing happened.
  bool decide(const KeyHash& key, const Rate<std::int64_t>& rate, Op op, std::int64_t amount,
              std::int64_t longest, std::int64_t now_ns, Step<std::int64_t>& result) {
    unsigned spins = 0;
    while (Slot* slot = find(key)) {
      Content seen = slot->load();
      while (seen.fingerprint() == key.fingerprint) {
        if (seen.state() != SlotState::settled) {
          pause_briefly(spins);
          seen = slot->load();
          continue;
        }
        result = step(rate, op, amount, seen.ahead(now_ns, rate), longest);
        if (!result.changed ||
            slot->change(seen, Content::bucket(key.fingerprint, rate.per_ns, now_ns, result.ahead)))
          return true;
      }
    }
    return false;
  }

  /// A bucket that one thread has to itself, until settle().
  struct Owned {
    Slot* slot = nullptr;
    Array* array = nullptr;
    Content before;  ///< What comes back if nothing changes.
    std::uint32_t before_place = 0;
    std::int64_t ahead = 0;     ///< In the ticks of the rate it was owned for.
    bool evicts = false;        ///< `before` is another key's, which is lost if this one is written.
    bool starts_empty = false;  ///< Must be written even if the step changed nothing.
  };
  enum class Owning : std::uint8_t {
    done,
    no_room,    ///< Let go of all that you own, make_room(), try again.
    forbidden,  ///< The key may be elsewhere: `may_come` said no.
  };
  /// Owns the key's bucket, creating it full if it is not here. `may_come` is asked under the latch before a
  /// bucket comes into being. REQUIRES: what the caller owns already was owned in ascending order of keys.
  template <class MayCome>
  Owning own(const KeyHash& key, const Rate<std::int64_t>& rate, std::int64_t now_ns, Owned& owned,
             MayCome may_come);
  /// Once for every `newcomer` that was settled, when the caller owns nothing any more: a newcomer pays for
  /// the growth and the sweeping that it makes necessary.
  void pay(const KeyHash& newcomer, std::int64_t now_ns);
  /// Ends ownership: the bucket is `ahead` ticks of `rate` from full, or as it was if `changed` is false.
  void settle(const KeyHash& key, const Owned& owned, const Rate<std::int64_t>& rate, std::int64_t now_ns,
              std::int64_t ahead, bool changed);

  /// Takes the key's bucket out, for another place to keep it, and calls `keep(content)` (empty if there was
  /// none) under the latch.
  template <class Keep>
  void remove(const KeyHash& key, Keep keep);

  /// Makes room for about so many buckets at once. REQUIRES: nothing was decided yet, nobody else is here.
  void reserve(std::size_t keys);
  /// Puts a bucket in as it was saved; the later of two TATs holds. For snapshots, before or while serving.
  void restore(const KeyHash& key, std::int64_t per_ns, std::int64_t ahead, std::int64_t now_ns);
  /// Calls visit(place, content) for every bucket, at a speed of its own; those that move meanwhile may come
  /// twice. For one thread, while all others decide. Must not be called by one that owns slots.
  template <class Visit>
  void visit(Visit visit) const;

  /// Grows, or goes on growing. Must not be called by a thread that owns slots.
  void make_room(std::int64_t now_ns);
  /// Housekeeping in small steps, for a timer: up to `lines` lines are moved or swept. While there is room
  /// to spare, sweeping takes its time. Thread-safe.
  void maintain(std::int64_t now_ns, std::size_t lines);

  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t evictions() const { return evictions_.load(std::memory_order_relaxed); }
  std::uint64_t slots() const { return current_.load(std::memory_order_acquire)->slots(); }
  std::uint64_t bytes() const;
  bool growing() const { return draining_.load(std::memory_order_acquire) != nullptr; }

 private:
  static constexpr Duration kLongestRest = std::chrono::hours(1);
  struct Sides {
    Array* newest;
    Array* old;  ///< Being left, or null.
  };
  Sides sides() const {
    for (;;) {  // The pair must be of one moment: latches are taken in the order of age.
      Array* newest = current_.load(std::memory_order_acquire);
      Array* old = draining_.load(std::memory_order_acquire);
      if (newest == current_.load(std::memory_order_acquire)) return {newest, old == newest ? nullptr : old};
    }
  }
  bool still(const Sides& s) const { return current_.load(std::memory_order_acquire) == s.newest; }

  /// Null only if the key was in neither array at one moment of the call. Where it was found it was the
  /// truth: it is settled in one array at a time.
  Slot* find(const KeyHash& key) const {
    Array* newest = current_.load(std::memory_order_acquire);
    if (draining_.load(std::memory_order_acquire) == nullptr) {  // After current_: it was set before that.
      if (Slot* slot = newest->find(key)) return slot;
      if (current_.load(std::memory_order_acquire) == newest) return nullptr;
    }
    return find_in_both(key);
  }
  Slot* find_in_both(const KeyHash& key) const;

  /// REQUIRES: now is not before the last sweep. Unsigned, since the times may lie centuries apart.
  bool rests_too_long(Time now) const {
    const auto ns = [](Time t) { return static_cast<std::uint64_t>(t.time_since_epoch().count()); };
    return ns(now) - ns(swept_.load(std::memory_order_relaxed)) >
           static_cast<std::uint64_t>(kLongestRest.count());
  }

  /// While buckets are still to be moved into the array, room is kept for them: newcomers help to move
  /// instead, for instance because the thread that was moving has lost its processor. At this load one block
  /// in 10^8 is full.
  bool crowded(const Array& array) const { return used() * 10 > array.slots() * 7; }

  class Latches;
  bool claim(Array& array, const KeyHash& key, const Rate<std::int64_t>& rate, std::int64_t now_ns,
             bool may_share, Owned& owned);
  bool take_over(Array& array, const KeyHash& key, std::int64_t per_ns, std::int64_t now_ns, Slot* slot,
                 std::size_t distance, Content seen, Owned& owned);
  void begin_growth();
  bool migrate(std::int64_t now_ns, std::size_t lines);
  void move(Array& from, Slot& slot, std::int64_t now_ns);
  void place_moved(const KeyHash& key, Content content, std::int64_t now_ns);
  void sweep(Array& array, std::int64_t now_ns, std::size_t lines);
  std::size_t due_at_rest(const Array& array, std::int64_t now_ns) const;
  void sweep_all(Time now);

  const std::size_t max_lines_;
  std::atomic<Array*> current_;
  std::atomic<Array*> draining_{nullptr};  // Set before current_ moves on.
  std::atomic<std::size_t> frontier_{0};   // Lines of draining_ that have been left.
  alignas(64) std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> evictions_{0};
  alignas(64) std::atomic<Time> latest_{Time::min()};
  alignas(64) std::atomic<Time> swept_{Time::min()};  // When the last whole sweep began.
  std::mutex housekeeping_;                           // One thread at a time grows, moves or sweeps.
  std::size_t sweep_cursor_ = 0;                      // Guarded by housekeeping_, as is the rest.
  Time sweep_began_{Time::min()};
  std::vector<std::unique_ptr<Array>> arrays_;
};

/// Latches the key's home in the array being left and in the newest, in this order.
class Table::Latches {
 public:
  Latches(const Sides& s, const KeyHash& key) : s_(s), key_(key) {
    if (s_.old != nullptr) s_.old->lock(s_.old->home(key.place));
    s_.newest->lock(s_.newest->home(key.place));
  }
  ~Latches() {
    s_.newest->unlock(s_.newest->home(key_.place));
    if (s_.old != nullptr) s_.old->unlock(s_.old->home(key_.place));
  }
  Latches(const Latches&) = delete;
  Latches& operator=(const Latches&) = delete;

 private:
  const Sides s_;
  const KeyHash key_;
};

template <class MayCome>
Table::Owning Table::own(const KeyHash& key, const Rate<std::int64_t>& rate, std::int64_t now_ns,
                         Owned& owned, MayCome may_come) {
  for (unsigned spins = 0;;) {
    const Sides s = sides();
    if (Slot* slot = find(key)) {
      Content seen = slot->load();
      if (seen.fingerprint() != key.fingerprint) continue;
      if (seen.state() != SlotState::settled) {
        pause_briefly(spins);
        continue;
      }
      if (!slot->change(seen, seen.with(SlotState::owned))) continue;
      owned = {.slot = slot, .before = seen, .ahead = seen.ahead(now_ns, rate)};
      return Owning::done;
    }
    const Latches latches(s, key);
    if (!still(s) || find(key) != nullptr) continue;
    if (!may_come()) return Owning::forbidden;
    if (s.old != nullptr && crowded(*s.newest)) return Owning::no_room;
    return claim(*s.newest, key, rate, now_ns, s.newest->lines() >= max_lines_, owned) ? Owning::done
                                                                                       : Owning::no_room;
  }
}

template <class Keep>
void Table::remove(const KeyHash& key, Keep keep) {
  for (unsigned spins = 0;;) {
    const Sides s = sides();
    const Latches latches(s, key);
    if (!still(s)) continue;
    Slot* slot = find(key);
    if (slot == nullptr) return keep(Content());
    Content seen = slot->load();
    if (seen.fingerprint() != key.fingerprint || seen.state() != SlotState::settled) {
      pause_briefly(spins);
      continue;
    }
    if (!slot->change(seen, seen.with(SlotState::owned))) continue;
    keep(seen);
    Content mine = seen.with(SlotState::owned);
    slot->change(mine, Content());
    used_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
}

template <class Visit>
void Table::visit(Visit visit) const {
  const Array* last = nullptr;
  const auto one = [&](const Array& array) {
    for (std::size_t i = 0; i < array.lines(); ++i)
      for (std::size_t k = 0; k < kSlotsPerLine; ++k) {
        const Slot* slot = array.line(i) + k;
        if (slot->fingerprint_now() == 0) continue;
        // An owned slot may hide a bucket that comes back: its owner waits for nobody and is soon done.
        for (unsigned spins = 0;; pause_briefly(spins)) {
          const auto place = array.place(slot);
          const Content content = slot->load();
          if (content.state() == SlotState::owned || place != array.place(slot)) continue;
          if (!content.empty() && content.state() == SlotState::settled) visit(place, content);
          break;
        }
      }
  };
  do {  // Again if growth began on the way: buckets may have moved from behind the cursor to the new array.
    const Sides s = sides();
    if (s.old != nullptr && s.old != last) one(*s.old);
    one(*s.newest);
    last = s.newest;
  } while (current_.load(std::memory_order_acquire) != last);
}

}  // namespace sluice::store
