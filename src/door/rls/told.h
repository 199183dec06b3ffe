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
  /// Where no bucket was asked, for people.
  std::string_view outright() const {
    if (match->outcome == policy::Match::Outcome::allow)
      return match->by_list ? "on an allow list" : "unlimited";
    return match->by_list ? "on a deny list" : "refuses all";
  }
  /// Without a bucket: a list, or a rule that refuses all.
  Decision decision() const {
    return verdict ? verdict->decision : Decision{.outcome = Outcome::never, .retry_after = kNever};
  }
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

/// Which descriptor stands for the request: the gravest (core/verdict.h), where only those refuse that count.
class Deciding {
 public:
  void weigh(const Told& t) {
    const bool refuses = t.over && t.item.role == Item::Role::decides;
    if (!t.limited() || t.item.role == Item::Role::refund || (t.item.role == Item::Role::shadow && t.over))
      return;
    Decision weighed = t.decision();
    if (!refuses) weighed.outcome = Outcome::allowed;
    if (told_ && !graver(weighed, weighed_)) return;
    told_ = t;
    weighed_ = weighed;
  }
  const std::optional<Told>& told() const { return told_; }

 private:
  std::optional<Told> told_;  // Nothing: no descriptor has a limit.
  Decision weighed_;
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
