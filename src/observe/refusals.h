// refusals.h: which refusals are told one by one. They are sampled, so that a storm of them costs the door a
// nanosecond each, and the log a bounded number of lines:
//
//     RefusalSampling sampling;              // One a process.
//     sampling.set({.per_second = 10});      // What is wished for, at any time anew.
//     RefusalSampler mine(sampling);         // One a door and loop.
//     mine.at(now);                          // Once a batch.
//     if (auto unlogged = mine.pick()) ...   // Each refusal. Something: tell it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "sluice/bucket.h"
#include "sluice/decision.h"
#include "sluice/quota.h"

namespace sluice::observe {

struct Refusal {
  std::string_view limit;  ///< Its name, or the rule's.
  const Quota* quota;      ///< That decided. Null: no bucket was asked, since the policy refuses outright.
  std::size_t index;       ///< Of this quota in the limit.
  std::string_view key;    ///< Any bytes.
  std::int64_t cost;       ///< Tokens.
  const Decision& decision;
  bool shadow;                     ///< It was let pass all the same.
  std::string_view outright = {};  ///< Why, where there is no quota.
};

/// Of how many refusals one is told: a part of all, or so many a second; and never more than
/// kRefusalsPerSecondMax a second.
struct RefusalWish {
  std::int64_t millionths = 0;
  std::int64_t per_second = 0;  ///< 0: as `millionths` says.
  friend bool operator==(const RefusalWish&, const RefusalWish&) = default;
};
inline constexpr std::int64_t kRefusalsPerSecondMax = 1000;

/// Thread-safe.
class RefusalSampling {
 public:
  RefusalSampling() { set({}); }
  /// While samplers run, from one thread at a time. What was set before is kept for their sake: a few bytes a
  /// change, and changes are made by people.
  void set(RefusalWish wish) {
    const auto most = wish.per_second > 0 ? wish.per_second : kRefusalsPerSecondMax;
    const auto odds =
        wish.per_second > 0 ? kAll : static_cast<std::uint64_t>(wish.millionths) * kAll / 1'000'000;
    auto next = std::make_unique<Set>(odds, *Quota::make({most, most, std::chrono::seconds(1)}));
    next->before = std::move(newest_);
    newest_ = std::move(next);
    now_.store(newest_.get(), std::memory_order_release);
  }

 private:
  friend class RefusalSampler;
  static constexpr std::uint64_t kAll = std::uint64_t{1} << 32;
  struct Set {
    Set(std::uint64_t o, const Quota& lines) : odds(o), bucket(lines) {}
    const std::uint64_t odds;  // In 2^32nds.
    Bucket bucket;             // Of lines, of all samplers together.
    std::unique_ptr<Set> before;
  };
  std::unique_ptr<Set> newest_;
  std::atomic<Set*> now_{nullptr};  // release: what it leads to is there.
};

/// Of one thread.
class RefusalSampler {
 public:
  explicit RefusalSampler(RefusalSampling& sampling) : sampling_(&sampling) {}

  /// The time of the refusals that follow.
  void at(Time now) { now_ = now; }
  /// One more refusal. Something: it is to be told, and so many were not since the last one that was.
  std::optional<std::uint64_t> pick() {
    auto* const set = sampling_->now_.load(std::memory_order_acquire);
    if (set->odds == 0) return {};
    if (set != set_) {
      set_ = set;
      closed_until_ = {};
    }
    ++unlogged_;
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;  // Knuth's, MMIX.
    if (now_ < closed_until_ || random_ >> 32 >= set->odds) return {};
    return ask();
  }

 private:
  std::optional<std::uint64_t> ask() {
    const auto d = set_->bucket.take(1, now_);
    if (!d.allowed()) {
      closed_until_ = now_ + d.retry_after;
      return {};
    }
    return std::exchange(unlogged_, 0) - 1;
  }

  RefusalSampling* sampling_;
  RefusalSampling::Set* set_ = nullptr;
  Time now_;
  Time closed_until_;  // No line before.
  std::uint64_t random_ = reinterpret_cast<std::uintptr_t>(this);
  std::uint64_t unlogged_ = 0;
};

/// What tells of them. Any thread; returns soon.
class RefusalTeller {
 public:
  virtual void tell(const Refusal& refusal, std::string_view door, std::string_view client,
                    std::uint64_t unlogged) = 0;

 protected:
  ~RefusalTeller() = default;
};

}  // namespace sluice::observe
