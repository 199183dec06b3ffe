// told.h: what was decided of a descriptor and of its request, for those who tell it and those who count it.
// Inside of rls only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "door/rls/requests.h"

namespace sluice::door::rls {

/// One descriptor, decided.
struct Told {
  const policy::Match* match;
  Item item;
  std::optional<policy::Verdict> verdict;  ///< Nothing where no bucket was asked.
  bool over = false;                       ///< Over its limit, whether that counts or not.

  const Quota& quota() const { return match->rule->limit->quotas[verdict->decided]; }
  std::int64_t remaining() const { return verdict ? verdict->decision.remaining : 0; }
  Duration wait() const { return verdict ? verdict->decision.retry_after : kNever; }
  /// Has a limit that can be told.
  bool limited() const { return verdict || match->outcome == policy::Match::Outcome::refuse; }
};

inline Told told(const Requests& batch, std::span<const Decision> decisions, std::size_t i) {
  Told t{.match = &batch.matches[i], .item = batch.items[i], .verdict = {}};
  if (t.item.asks > 0) {
    const auto chain = decisions.subspan(t.item.first, t.item.asks);
    t.verdict = policy::combine(chain);
    t.over = !t.verdict->decision.allowed();
  } else {
    t.over = t.match->outcome == policy::Match::Outcome::refuse && t.item.role != Item::Role::refund;
  }
  return t;
}

/// Which descriptor stands for the request: of those that refuse it the one with the longest wait, else the
/// one with the fewest tokens left.
class Deciding {
 public:
  void weigh(const Told& t) {
    const bool refuses = t.over && t.item.role == Item::Role::decides;
    if (!t.limited() || t.item.role == Item::Role::refund || (t.item.role == Item::Role::shadow && t.over))
      return;
    const bool graver = !told_                ? true
                        : refuses != refuses_ ? refuses
                        : refuses             ? t.wait() > told_->wait()
                                              : t.remaining() < told_->remaining();
    if (!graver) return;
    told_ = t;
    refuses_ = refuses;
  }
  const std::optional<Told>& told() const { return told_; }

 private:
  std::optional<Told> told_;  // Nothing: no descriptor has a limit.
  bool refuses_ = false;
};

/// What the descriptors come to for the request.
class Overall {
 public:
  void add(const Told& t) {
    any_ |= t.over && t.item.role == Item::Role::decides;
    if (t.item.role != Item::Role::quota) return;
    const auto group = std::uint64_t{1} << (t.item.group % 64);
    groups_ |= group;
    if (t.over) groups_over_ |= group;
  }
  /// Passed, and so did its quota group.
  bool passed(const Told& t) const {
    const bool group_over = (groups_over_ >> (t.item.group % 64) & 1) != 0;
    return (!t.over || t.item.role == Item::Role::shadow) &&
           !(t.item.role == Item::Role::quota && group_over);
  }
  bool over() const { return any_ || (groups_ != 0 && groups_ == groups_over_); }

 private:
  bool any_ = false;
  std::uint64_t groups_ = 0;
  std::uint64_t groups_over_ = 0;
};

}  // namespace sluice::door::rls
