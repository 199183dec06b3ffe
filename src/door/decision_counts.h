// decision_counts.h: a batch's decisions on their way to observe::Decisions, summed while the limit is the
// same.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "observe/decisions.h"
#include "policy/limit.h"
#include "store/store.h"

namespace sluice::door {

class DecisionCounts {
 public:
  /// `to` may be null: then nothing is counted.
  explicit DecisionCounts(observe::Decisions* to)
      : to_(to),
        sampling_(to == nullptr ? nullptr : to->sampling()),
        refusals_(to == nullptr ? nullptr : to->refusal_sampler()) {}

  bool on() const { return to_ != nullptr; }
  observe::Decisions& to() const { return *to_; }  ///< REQUIRES: on().
  /// One request: its first ask, with the others behind it, and what decided it. `limit` is one view a limit
  /// and stays until report(). `shadow`: a refusal is let pass. What only asks, gives back or settles does
  /// not count.
  void count(std::string_view limit, const store::Ask& ask, const policy::Verdict& verdict, bool shadow) {
    if (ask.amount == 0 || ask.op == Op::peek || ask.op == Op::refund || ask.op == Op::reset ||
        ask.op == Op::charge)
      return;
    if (limit.data() != limit_.data()) {
      report();
      limit_ = limit;
    }
    ++counts_[static_cast<std::size_t>(verdict.decision.outcome)];
    if (sampling_ != nullptr && --*sampling_ == 0)
      to_->sample(limit, ask.key, ask.amount, verdict.decided, verdict.decision);
    if (!verdict.decision.allowed() && refusals_ != nullptr)
      if (const auto unlogged = refusals_->pick())
        tell(limit, (&ask)[verdict.decided], verdict, shadow, *unlogged);
  }
  /// Without a bucket. Told of alone: no limit has counted it.
  void refused_outright(std::string_view rule, std::string_view key, std::int64_t cost, std::string_view why,
                        bool shadow) {
    if (refusals_ == nullptr) return;
    const auto unlogged = refusals_->pick();
    if (!unlogged) return;
    const Decision never{.outcome = Outcome::never, .retry_after = kNever};
    to_->refused({.limit = rule,
                  .quota = nullptr,
                  .index = 0,
                  .key = key,
                  .cost = cost,
                  .decision = never,
                  .shadow = shadow,
                  .outright = why},
                 *unlogged);
  }
  void report() {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] != 0) to_->decided(limit_, static_cast<Outcome>(i), counts_[i]);
      counts_[i] = 0;
    }
    limit_ = {};
  }

 private:
  void tell(std::string_view limit, const store::Ask& ask, const policy::Verdict& verdict, bool shadow,
            std::uint64_t unlogged) {
    to_->refused({.limit = limit,
                  .quota = ask.quota,
                  .index = verdict.decided,
                  .key = ask.key,
                  .cost = ask.amount,
                  .decision = verdict.decision,
                  .shadow = shadow},
                 unlogged);
  }

  observe::Decisions* const to_;
  std::uint32_t* const sampling_;
  observe::RefusalSampler* const refusals_;
  std::string_view limit_;
  std::array<std::uint64_t, 3> counts_{};  // By outcome, of limit_, not yet reported.
};

}  // namespace sluice::door
