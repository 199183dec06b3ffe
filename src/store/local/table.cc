#include "store/local/table.h"

#include <limits>

namespace sluice::store {
namespace {

constexpr std::size_t kFirstLines = 1024;
constexpr std::size_t kDoublingUpTo = std::size_t{1}
                                      << 16;  // Lines; below, memory is no matter and doubling is quick.
constexpr std::size_t kLinesPerVisit = 16;
constexpr Duration kPassAtRest = std::chrono::minutes(10);
constexpr std::size_t kNewcomersPerSweep =
    8;  // So two lines each: what was full is found before the load is.

/// max_keys at a load of 0.8.
std::size_t lines_for(std::size_t keys) {
  const std::size_t lines = (keys + keys / 4) / kSlotsPerLine + 1;
  return std::clamp<std::size_t>((lines + kBlockLines - 1) / kBlockLines * kBlockLines, kBlockLines,
                                 std::size_t{1} << 31);
}

bool over_load(std::uint64_t used, std::size_t slots) { return used * 5 > slots * 4; }

/// Below this, full buckets may stay: a key that comes back finds its bucket without a latch. From here to
/// over_load newcomers sweep the whole array more than once, so it never grows for the sake of full buckets.
bool worth_sweeping(std::uint64_t used, std::size_t slots) { return used * 5 > slots * 3; }

}  // namespace

Table::Table(std::size_t max_keys) : max_lines_(lines_for(max_keys)) {
  arrays_.push_back(std::make_unique<Array>(std::min(kFirstLines, max_lines_)));
  current_.store(arrays_.back().get(), std::memory_order_release);
}

std::uint64_t Table::bytes() const {
  const Sides s = sides();
  std::uint64_t bytes = s.newest->bytes();
  if (s.old != nullptr) bytes += s.old->bytes();
  return bytes;
}

Slot* Table::find_in_both(const KeyHash& key) const {
  for (;;) {
    const Sides s = sides();
    if (s.old != nullptr &&
        s.old->home(key.place) / kBlockLines >= frontier_.load(std::memory_order_acquire) / kBlockLines)
      if (Slot* slot = s.old->find(key)) return slot;
    if (Slot* slot = s.newest->find(key)) return slot;
    if (still(s)) return nullptr;
  }
}

bool Table::take_over(Array& array, const KeyHash& key, std::int64_t per_ns, std::int64_t now_ns, Slot* slot,
                      std::size_t distance, Content seen, Owned& owned) {
  array.extend_reach(array.home(key.place), distance);
  const std::uint32_t before_place = array.place(slot);
  const Content mine = Content::bucket(key.fingerprint, per_ns, now_ns, 0).with(SlotState::owned);
  if (!slot->change(seen, mine)) return false;
  array.set_place(slot, key.place);
  owned = {.slot = slot, .array = &array, .before = seen, .before_place = before_place};
  return true;
}

/// Under the latch. A slot that is empty or whose bucket is full, else, if it may share, the one nearest to
/// full.
bool Table::claim(Array& array, const KeyHash& key, const Rate<std::int64_t>& rate, std::int64_t now_ns,
                  bool may_share, Owned& owned) {
  const std::size_t home = array.home(key.place);
  for (;;) {
    Slot* nearest = nullptr;
    Content nearest_content;
    std::size_t nearest_distance = 0;
    auto nearest_ns = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 0; i < kBlockLines; ++i)
      for (std::size_t k = 0; k < kSlotsPerLine; ++k) {
        Slot* slot = array.line(Array::neighbour(home, i)) + k;
        const Content seen = slot->load();
        if (seen.state() != SlotState::settled) continue;
        const std::int64_t ns = seen.empty() ? 0 : seen.ahead_ns(now_ns);
        if (ns == 0 && take_over(array, key, rate.per_ns, now_ns, slot, i, seen, owned)) {
          owned.before = Content();  // A full bucket equals an absent one.
          if (seen.empty()) used_.fetch_add(1, std::memory_order_relaxed);
          return true;
        }
        if (ns == 0 || ns >= nearest_ns) continue;
        nearest = slot, nearest_content = seen, nearest_distance = i, nearest_ns = ns;
      }
    if (!may_share || nearest == nullptr) return false;  // No slot, or all are owned by others just now.
    if (!take_over(array, key, rate.per_ns, now_ns, nearest, nearest_distance, nearest_content, owned))
      continue;
    const std::int64_t shared = nearest_content.ahead(now_ns, rate);
    owned.evicts = true;
    owned.starts_empty = shared > rate.full;
    owned.ahead = std::min(shared, rate.full);
    return true;
  }
}

void Table::settle(const KeyHash& key, const Owned& owned, const Rate<std::int64_t>& rate,
                   std::int64_t now_ns, std::int64_t ahead, bool changed) {
  Content mine = owned.slot->load();
  const bool write = changed || owned.starts_empty;
  const Content after = write ? Content::bucket(key.fingerprint, rate.per_ns, now_ns, ahead) : owned.before;
  if (!write && owned.evicts) owned.array->set_place(owned.slot, owned.before_place);
  if (after.empty()) used_.fetch_sub(1, std::memory_order_relaxed);
  if (write && owned.evicts) evictions_.fetch_add(1, std::memory_order_relaxed);
  owned.slot->change(mine, after);  // Nobody else changes an owned slot.
}

void Table::pay(const KeyHash& key, std::int64_t now_ns) {
  if (growing() || (key.fingerprint % kNewcomersPerSweep == 0 && worth_sweeping(used(), slots())))
    maintain(now_ns, kLinesPerVisit);
}

void Table::make_room(std::int64_t now_ns) {
  const std::lock_guard lock(housekeeping_);
  if (growing())
    while (!migrate(now_ns, 1024)) {
    }
  else
    begin_growth();
}

void Table::maintain(std::int64_t now_ns, std::size_t lines) {
  const std::unique_lock lock(housekeeping_, std::try_to_lock);
  if (!lock) return;  // Another thread is at it.
  if (growing()) {
    migrate(now_ns, lines);
    return;
  }
  Array& array = *current_.load(std::memory_order_acquire);
  if (array.lines() < max_lines_ && over_load(used(), array.slots())) begin_growth();
  sweep(array, now_ns,
        worth_sweeping(used(), array.slots()) ? lines : std::min(lines, due_at_rest(array, now_ns)));
}

/// Lines to sweep now so that a pass over an array with room to spare takes kPassAtRest.
std::size_t Table::due_at_rest(const Array& array, std::int64_t now_ns) const {
  if (sweep_cursor_ == 0) return 1;  // Begins the pass.
  const auto since = static_cast<double>(now_ns - sweep_began_.time_since_epoch().count());
  const double due = static_cast<double>(array.lines()) * since / static_cast<double>(kPassAtRest.count());
  return due <= static_cast<double>(sweep_cursor_) ? 0 : static_cast<std::size_t>(due) - sweep_cursor_ + 1;
}

void Table::begin_growth() {
  Array* old = current_.load(std::memory_order_acquire);
  if (old->lines() >= max_lines_) return;
  const std::size_t next = old->lines() + (old->lines() < kDoublingUpTo ? old->lines() : old->lines() / 4);
  // No last step so small that the array would be as crowded as before.
  arrays_.push_back(std::make_unique<Array>(next + next / 4 > max_lines_ ? max_lines_ : next));
  frontier_.store(0, std::memory_order_release);
  draining_.store(old, std::memory_order_release);
  current_.store(arrays_.back().get(), std::memory_order_release);
}

/// True when the old array has been left.
bool Table::migrate(std::int64_t now_ns, std::size_t lines) {
  Array& old = *draining_.load(std::memory_order_acquire);
  std::size_t i = frontier_.load(std::memory_order_relaxed);
  for (const std::size_t end = std::min(i + lines, old.lines()); i < end; ++i) {
    // Whoever took a latch of this block before growth began may still be about to claim a slot in it: wait
    // for that. Whoever takes one from now on sees that growth has begun.
    if (i % kBlockLines == 0)
      for (std::size_t home = i; home < i + kBlockLines; ++home) old.lock(home), old.unlock(home);
    for (std::size_t k = 0; k < kSlotsPerLine; ++k) move(old, old.line(i)[k], now_ns);
    frontier_.store(i + 1, std::memory_order_release);
  }
  old.forget_lines(i);
  if (i < old.lines()) return false;
  draining_.store(nullptr, std::memory_order_release);
  sweep_cursor_ = 0;
  return true;
}

void Table::move(Array& from, Slot& slot, std::int64_t now_ns) {
  Content seen = slot.load();
  for (unsigned spins = 0; seen.state() != SlotState::closed;) {
    if (seen.state() == SlotState::owned) {
      pause_briefly(spins);
      seen = slot.load();
    } else if (seen.empty()) {
      slot.change(seen, Content::closed());
    } else if (Content mine = seen.with(SlotState::owned); slot.change(seen, mine)) {
      if (seen.ahead(now_ns) > 0) place_moved({seen.fingerprint(), from.place(&slot)}, seen, now_ns);
      used_.fetch_sub(1, std::memory_order_relaxed);
      slot.change(mine, Content::closed());
      return;
    }
  }
}

void Table::place_moved(const KeyHash& key, Content content, std::int64_t now_ns) {
  Array& array = *current_.load(std::memory_order_acquire);
  const std::size_t home = array.home(key.place);
  const Rate<std::int64_t> rate{.full = kNarrowDebtMax,
                                .per_token = 1,
                                .per_ns = content.per_ns(),
                                .debt_max = kNarrowDebtMax,
                                .capacity = kNarrowDebtMax};
  for (unsigned spins = 0;; pause_briefly(spins)) {
    array.lock(home);
    Owned owned;
    const bool claimed = claim(array, key, rate, now_ns, true, owned);
    if (claimed) {
      // A moved bucket that has to share keeps the later of the two TATs.
      Content mine = owned.slot->load();
      owned.slot->change(mine, Content::bucket(key.fingerprint, content.per_ns(), now_ns,
                                               std::max(owned.ahead, content.ahead(now_ns))));
      if (owned.evicts) evictions_.fetch_add(1, std::memory_order_relaxed);
    }
    array.unlock(home);
    if (claimed) return;
  }
}

void Table::sweep(Array& array, std::int64_t now_ns, std::size_t lines) {
  const Time now{Duration(now_ns)};
  if (sweep_cursor_ == 0) sweep_began_ = now;
  for (; lines > 0 && sweep_cursor_ < array.lines(); --lines, ++sweep_cursor_)
    for (std::size_t k = 0; k < kSlotsPerLine; ++k) {
      Slot& slot = array.line(sweep_cursor_)[k];
      if (slot.fingerprint_now() == 0) continue;
      Content seen = slot.load();
      if (seen.empty() || seen.state() != SlotState::settled || seen.ahead(now_ns) > 0) continue;
      if (slot.change(seen, Content())) used_.fetch_sub(1, std::memory_order_relaxed);
    }
  if (sweep_cursor_ < array.lines()) return;
  sweep_cursor_ = 0;
  swept_.store(sweep_began_, std::memory_order_relaxed);
}

/// Time is about to leap, or nobody called maintain() for an hour. At the latest time seen, L, every word was
/// unambiguous, and every TAT is at most 2^60 ticks after it. So after a gap of 2^60 ticks a bucket is full
/// for certain; after a shorter one its word is still unambiguous. Other threads wait here for the same leap.
void Table::sweep_all(Time now) {
  const std::lock_guard lock(housekeeping_);
  const Time latest = latest_.load(std::memory_order_relaxed);
  if (now <= latest || !rests_too_long(now)) return;
  const std::int64_t now_ns = now.time_since_epoch().count();
  const Int128 gap = static_cast<Int128>(now_ns) - latest.time_since_epoch().count();
  const auto each = [&](Array& array) {
    for (std::size_t i = 0; i < array.lines(); ++i)
      for (std::size_t k = 0; k < kSlotsPerLine; ++k) {
        Slot& slot = array.line(i)[k];
        for (Content seen = slot.load(); !seen.empty() && seen.state() != SlotState::closed;) {
          if (seen.state() == SlotState::owned) {
            std::this_thread::yield();
            seen = slot.load();
          } else if (gap * seen.per_ns() < kNarrowDebtMax && seen.ahead(now_ns) > 0) {
            break;
          } else if (slot.change(seen, Content())) {
            used_.fetch_sub(1, std::memory_order_relaxed);
            break;
          }
        }
      }
  };
  const Sides s = sides();
  if (s.old != nullptr) each(*s.old);
  each(*s.newest);
  sweep_cursor_ = 0;
  swept_.store(now, std::memory_order_relaxed);
  latest_.store(now, std::memory_order_relaxed);
}

void Table::reserve(std::size_t keys) {
  const std::size_t lines = std::min(lines_for(keys), max_lines_);
  if (growing() || lines <= current_.load(std::memory_order_acquire)->lines()) return;
  const std::lock_guard lock(housekeeping_);
  arrays_.push_back(std::make_unique<Array>(lines));
  current_.store(arrays_.back().get(), std::memory_order_release);
}

void Table::restore(const KeyHash& key, std::int64_t per_ns, std::int64_t ahead, std::int64_t now_ns) {
  const Rate<std::int64_t> rate{.full = kNarrowDebtMax,
                                .per_token = 1,
                                .per_ns = per_ns,
                                .debt_max = kNarrowDebtMax,
                                .capacity = kNarrowDebtMax};
  Owned owned;
  while (own(key, rate, now_ns, owned, [] { return true; }) != Owning::done) make_room(now_ns);
  settle(key, owned, rate, now_ns, std::max(owned.ahead, ahead), true);
  if (growing() || over_load(used(), slots()))
    maintain(now_ns, kLinesPerVisit);  // There is nothing to sweep.
}

}  // namespace sluice::store
