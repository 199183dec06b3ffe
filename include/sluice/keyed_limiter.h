// keyed_limiter.h: one bucket a key, for all the keys of a program: users, addresses, tenants.
//
//     auto limiter = sluice::KeyedLimiter::make({"100/s burst 200", "10000/h"});
//     if (!limiter->take("alice").allowed()) ...             // Both quotas must pass; none is charged if one
//     refuses. const auto d = limiter->take(std::uint64_t{4711}, 3);  // Integers are keys as well.
//
// A key's buckets are full until it is first charged, and a full bucket takes no memory: there is nothing to
// register and nothing to remove. Memory is bounded by `max_keys`, whatever keys clients make up: the table
// grows with the buckets that are away from full, up to that many; beyond, newcomers share the state of the
// bucket nearest to full among their neighbours, so that a flood of new keys neither frees those that have
// used up their tokens nor comes in free (docs/library.md). Nothing needs to be called for that: requests of
// new keys pay for growth and reuse as they come, in steps too short to notice. maintain() is for programs
// that would rather have a timer of theirs do it.
//
// Every call is thread-safe, on one limiter from any number of threads. Deciding on a key that is there takes
// no lock and allocates nothing; in spans a key costs less than half as much, since the memory latencies
// overlap. (Quotas that need 128 bits, ticks.h, are kept behind a mutex.)
//
// `now` may come from any one clock. A time before the latest that the limiter was given, for whatever key,
// counts as that latest one. Calls without `now` read Clock::now().
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/decision.h"
#include "sluice/hold_book.h"
#include "sluice/quota.h"
#include "sluice/result.h"
#include "sluice/ticks.h"
#include "sluice/time.h"

namespace sluice {

/// Whom a bucket counts: bytes (any, also empty, also with zeros) or a 64-bit integer. A view: it must not
/// outlive the bytes. An integer never equals a string; -1 equals 2^64-1.
class Key {
 public:
  Key(std::string_view bytes) noexcept : data_(bytes.data()), size_or_number_(bytes.size()) {}
  Key(const std::string& bytes) noexcept : Key(std::string_view(bytes)) {}
  Key(const char* text) noexcept : Key(std::string_view(text)) {}
  template <std::integral Number>
    requires(!std::same_as<Number, bool> && !std::same_as<Number, char>)
  Key(Number number) noexcept : size_or_number_(static_cast<std::uint64_t>(number)), is_number_(true) {}

  bool is_number() const noexcept { return is_number_; }
  /// Of an integer its eight bytes in this machine's order: those of this object.
  std::string_view bytes() const noexcept {
    if (is_number_) return {reinterpret_cast<const char*>(&size_or_number_), sizeof size_or_number_};
    return {data_, size_or_number_};
  }

 private:
  const char* data_ = nullptr;
  std::uint64_t size_or_number_;
  bool is_number_ = false;
};

struct KeyedLimiterOptions {
  /// Buckets that can be away from full at one time, one a key and quota; about 27 bytes each when that many
  /// are.
  std::size_t max_keys = 10'000'000;
  std::size_t max_holds = 100'000;  ///< Open holds; a few hundred bytes each.
  /// Of the key hash; random if not given. Give one only to repeat a run: who knows it can choose keys that
  /// share a neighbourhood.
  std::optional<std::uint64_t> seed;
};

class KeyedLimiter {
 public:
  static constexpr std::size_t kQuotasMax = 32;

  /// One quota or several, all of which a request must pass. Error: no quota, more than kQuotasMax, one that
  /// does not parse, no room for a single key.
  static Result<KeyedLimiter> make(std::vector<Quota> quotas, const KeyedLimiterOptions& options = {});
  static Result<KeyedLimiter> make(std::initializer_list<std::string_view> quotas,
                                   const KeyedLimiterOptions& options = {});
  static Result<KeyedLimiter> make(std::string_view quota, const KeyedLimiterOptions& options = {});

  KeyedLimiter(KeyedLimiter&&) noexcept;
  KeyedLimiter& operator=(KeyedLimiter&&) noexcept;
  ~KeyedLimiter();

  // As in bucket.h, a bucket a key. With several quotas the decision is that of the quota which decided: of
  // those that refuse the one with the longest wait, otherwise the one with the fewest tokens left.
  // REQUIRES: cost >= 0, here and below.
  Decision take(const Key& key, std::int64_t cost, Time now) noexcept {
    return run(Op::take, key, cost, now);
  }
  Decision peek(const Key& key, std::int64_t cost, Time now) noexcept {
    return run(Op::peek, key, cost, now);
  }
  Decision take_up_to(const Key& key, std::int64_t most, Time now) noexcept {
    return run(Op::take_up_to, key, most, now);
  }
  Decision reserve(const Key& key, std::int64_t cost, Duration max_wait, Time now) noexcept {
    return run(Op::reserve, key, cost, now, max_wait);
  }
  Decision charge(const Key& key, std::int64_t cost, Time now) noexcept {
    return run(Op::charge, key, cost, now);
  }
  Decision refund(const Key& key, std::int64_t cost, Time now) noexcept {
    return run(Op::refund, key, cost, now);
  }
  Decision reset(const Key& key, Time now) noexcept { return run(Op::reset, key, 0, now); }

  Decision take(const Key& key, std::int64_t cost = 1) noexcept { return take(key, cost, Clock::now()); }
  Decision peek(const Key& key, std::int64_t cost = 1) noexcept { return peek(key, cost, Clock::now()); }
  Decision take_up_to(const Key& key, std::int64_t most) noexcept {
    return take_up_to(key, most, Clock::now());
  }
  Decision reserve(const Key& key, std::int64_t cost, Duration max_wait = kNever) noexcept {
    return reserve(key, cost, max_wait, Clock::now());
  }
  Decision charge(const Key& key, std::int64_t cost) noexcept { return charge(key, cost, Clock::now()); }
  Decision refund(const Key& key, std::int64_t cost) noexcept { return refund(key, cost, Clock::now()); }
  Decision reset(const Key& key) noexcept { return reset(key, Clock::now()); }

  /// Many at once, as if one after the other in their order; a key may be there twice. Each key is a request
  /// of its own: some may pass and some not. REQUIRES: decisions.size() >= keys.size().
  void take(std::span<const std::string_view> keys, std::span<Decision> decisions, std::int64_t cost,
            Time now) noexcept;
  void take(std::span<const std::uint64_t> keys, std::span<Decision> decisions, std::int64_t cost,
            Time now) noexcept;
  struct Request {
    Key key;
    std::int64_t cost = 1;
  };
  void take(std::span<const Request> requests, std::span<Decision> decisions, Time now) noexcept;

  void take(std::span<const std::string_view> keys, std::span<Decision> decisions) noexcept {
    take(keys, decisions, 1, Clock::now());
  }
  void take(std::span<const std::uint64_t> keys, std::span<Decision> decisions) noexcept {
    take(keys, decisions, 1, Clock::now());
  }
  void take(std::span<const Request> requests, std::span<Decision> decisions) noexcept {
    take(requests, decisions, Clock::now());
  }

  struct Held {
    Decision decision;
    HoldId id;  ///< Of meaning only if the decision is allowed.
  };
  /// Takes `estimate` tokens for a cost that is known only afterwards (hold_book.h). Until `expires_after` is
  /// over it can be settled; then it has settled at its estimate. Copies the key. Error: resource_exhausted
  /// when max_holds are open; nothing is charged then.
  Result<Held> hold(const Key& key, std::int64_t estimate, Duration expires_after, Time now);
  /// Gives back what the hold took too much, or charges what it took too little, even into debt. Exactly
  /// once: not_found if it was settled before, has expired or never was. Also an error: actual < 0; the hold
  /// stays open then.
  Result<Decision> settle(HoldId id, std::int64_t actual, Time now);

  Result<Held> hold(const Key& key, std::int64_t estimate, Duration expires_after) {
    return hold(key, estimate, expires_after, Clock::now());
  }
  Result<Decision> settle(HoldId id, std::int64_t actual) { return settle(id, actual, Clock::now()); }

  /// Optional housekeeping, for a timer, some ten times a second: sweeps or moves up to 40,000 buckets, below
  /// a millisecond. Keeps requests of new keys from having to do it, and gives unused pages back after
  /// growth.
  void maintain(Time now) noexcept;
  void maintain() noexcept { maintain(Clock::now()); }

  struct Stats {
    std::uint64_t keys = 0;       ///< Buckets held, some of them full again and not yet reused.
    std::uint64_t bytes = 0;      ///< Of address space; untouched pages of it use no memory.
    std::uint64_t evictions = 0;  ///< Buckets that lost their place at max_keys while they were not full.
    std::size_t holds = 0;        ///< Open holds.
  };
  Stats stats() const;
  std::span<const Quota> quotas() const noexcept;

 private:
  class Impl;
  explicit KeyedLimiter(std::unique_ptr<Impl> impl) noexcept;
  Decision run(Op op, const Key& key, std::int64_t amount, Time now,
               Duration max_wait = Duration{0}) noexcept;

  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
