// hold_book.h: costs known only afterwards: LLM tokens, bytes of an answer, seconds of work.
//
// Before the work: take an estimate and note it here; the hold has an id and an expiry. After the work: close
// the hold, once, and settle the difference to what it really cost:
//
//     sluice::HoldBook<std::string> book;
//     auto id = book.open("alice", 500, now + 1min, now);                  // First a place in the book,
//     if (id && !bucket.take(500, now).allowed()) (void)book.close(*id, now);   // then the tokens.
//     ...
//     if (auto hold = book.close(*id, later)) {                            // Exactly once: then not_found.
//       const auto difference = hold->settle(620);
//       difference.op == sluice::Op::charge ? bucket.charge(difference.amount, later)
//                                           : bucket.refund(difference.amount, later);
//     }
//
// (KeyedLimiter::hold and settle do this for you.) A hold that expires has settled at its estimate: nothing
// more happens, and closing it is not_found. So a forgotten hold leaks neither tokens nor memory. An actual
// cost above the estimate is charged whether the tokens are there or not; later requests wait the debt out.
//
// The book does not know what is charged: `Payload` says it (a key, a limit and a key). Ids are numbers that
// nobody can guess from other ids, so they may be handed to clients; who knows an id may settle it.
//
// Thread-safe, behind one mutex: about half a microsecond a call. The number of holds is bounded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "sluice/result.h"
#include "sluice/ticks.h"
#include "sluice/time.h"

namespace sluice {

struct HoldId {
  std::uint64_t value = 0;

  std::string text() const;                                   ///< 16 hexadecimal digits.
  static std::optional<HoldId> parse(std::string_view text);  ///< Reads back text(); nothing else.
  friend bool operator==(const HoldId&, const HoldId&) = default;
};

/// 2^64 different ids, in an order that only the holder of the key knows: a counter through a block cipher
/// (Speck64/128, Beaulieu et al. 2013). Not thread-safe.
class HoldIds {
 public:
  using Key = std::array<std::uint32_t, 4>;
  HoldIds() : HoldIds(random_key()) {}
  explicit HoldIds(const Key& key);
  HoldId next() { return {encrypt(sequence_++)}; }
  std::uint64_t encrypt(std::uint64_t block) const;

 private:
  static Key random_key();
  static constexpr std::size_t kRounds = 27;
  std::array<std::uint32_t, kRounds> round_keys_;
  std::uint64_t sequence_ = 0;
};

/// What remains to be done to a bucket from which a hold's estimate was taken.
struct Settlement {
  Op op;  ///< refund or charge.
  std::int64_t amount;
};

template <class Payload>
class HoldBook {
 public:
  struct Hold {
    Payload payload;
    std::int64_t estimate;
    Time expiry;

    /// REQUIRES: actual >= 0.
    Settlement settle(std::int64_t actual) const {
      if (actual > estimate) return {Op::charge, actual - estimate};
      return {Op::refund, estimate - actual};
    }
  };

  explicit HoldBook(std::size_t max_holds = 100'000) : max_holds_(max_holds) {}
  HoldBook(std::size_t max_holds, const HoldIds::Key& key) : max_holds_(max_holds), ids_(key) {}

  /// Error: resource_exhausted when max_holds are open and none has expired. REQUIRES: estimate >= 0.
  Result<HoldId> open(Payload payload, std::int64_t estimate, Time expiry, Time now) {
    const std::lock_guard lock(mutex_);
    forget_expired(now);
    if (holds_.size() >= max_holds_)
      return Error{Code::resource_exhausted,
                   "there are " + std::to_string(max_holds_) +
                       " open holds, the most allowed; settle some, let them expire "
                       "sooner, or allow more"};
    const HoldId id = ids_.next();
    holds_.emplace(id.value, Hold{std::move(payload), estimate, expiry});
    by_expiry_.emplace(expiry, id.value);
    return id;
  }

  /// Takes the hold out of the book, for the caller to settle: of many that try, one succeeds. Error:
  /// not_found if it was closed before, has expired or never was.
  Result<Hold> close(HoldId id, Time now) {
    const std::lock_guard lock(mutex_);
    forget_expired(now);
    const auto it = holds_.find(id.value);
    if (it == holds_.end())
      return Error{Code::not_found, "no hold " + id.text() + ": it was settled, has expired or never was"};
    by_expiry_.erase({it->second.expiry, id.value});
    Hold hold = std::move(it->second);
    holds_.erase(it);
    return hold;
  }

  /// Open holds; expired ones count until the next open() or close().
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return holds_.size();
  }

 private:
  /// Every hold is forgotten once: in the mean a call pays for one at most.
  void forget_expired(Time now) {
    while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
      holds_.erase(by_expiry_.begin()->second);
      by_expiry_.erase(by_expiry_.begin());
    }
  }

  const std::size_t max_holds_;
  mutable std::mutex mutex_;
  HoldIds ids_;  // Guarded by mutex_, as is the rest.
  std::unordered_map<std::uint64_t, Hold> holds_;
  std::set<std::pair<Time, std::uint64_t>> by_expiry_;  // As many entries as holds_.
};

}  // namespace sluice
