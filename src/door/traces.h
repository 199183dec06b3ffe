// traces.h: the traces of one batch's requests: which are traced, when what was done, and what became of
// them. Without a tracer everything here is one branch.
//
//     traces.begin(parent);              // Each request that may ask, before its limits are looked for,
//     traces.asks(n, "/v1/take");        // and when it has a reply to come: it is the n-th.
//     traces.ask_store(asks, now);       // batching.h, as the next.
//     traces.decided();
//     if (traces.wanted(decisions))      // When the replies are written: each, in their order.
//       if (const auto* mark = traces.tells(i, part)) traces.tell(*mark, told);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/verdict.h"
#include "observe/tracer.h"
#include "sluice/quota.h"
#include "store/store.h"

namespace sluice::door {

/// What a trace tells of a request's decisions. The views hold during the call.
struct TracedDecision {
  std::string_view limit = {}, domain = {}, rule = {}, version = {}, key = {};
  const Quota* quota = nullptr;
  Decision decision = {};  ///< Of the quota that decided.
  std::int64_t cost = 0;
  std::uint32_t decisions = 0;
  std::uint32_t refused = 0;

  /// One more decision of the same request: the gravest stands for all.
  void add(const TracedDecision& other) {
    const auto all = decisions + 1;
    const auto over = refused + (other.decision.allowed() ? 0 : 1);
    if (decisions == 0 || graver(other.decision, decision)) *this = other;
    decisions = all;
    refused = over;
  }
};

class BatchTraces {
 public:
  struct Mark {
    observe::TraceParent parent;
    std::string_view operation;
    std::size_t reply = 0;
    bool sampled = false;
    Time matched_since, matched;
  };

  /// Null: nothing is traced. The tracer outlives this.
  explicit BatchTraces(observe::Tracer* tracer) : tracer_(tracer) {}
  ~BatchTraces() { forget(); }
  BatchTraces(const BatchTraces&) = delete;
  BatchTraces& operator=(const BatchTraces&) = delete;

  bool on() const { return tracer_ != nullptr; }
  /// Its operation is asked for.
  bool begun() const { return begun_; }
  void begin(const observe::TraceParent& parent) {
    const bool sampled = tracer_->samples(parent);
    begun_ = sampled || parent.present;
    if (!begun_) return;
    latest_ = {.parent = parent, .operation = {}, .sampled = sampled, .matched_since = {}, .matched = {}};
    if (sampled) latest_.matched_since = tracer_->now();
  }
  /// `replies`: how many replies there are, this one's the last.
  void asks(std::size_t replies, std::string_view operation) {
    if (!std::exchange(begun_, false)) return;
    latest_.reply = replies - 1;
    latest_.operation = operation;
    if (latest_.sampled) {
      latest_.matched = tracer_->now();
      ++sampled_;
    }
    marks_.push_back(latest_);
  }

  /// `now`: when the bytes came. `asks` may be none.
  void ask_store(std::span<const store::Ask> asks, Time now) {
    began_ = now;
    if (sampled_ == 0 || asks.empty()) return;
    asked_ = tracer_->now();
    watched_.asks = asks;
    tracer_->watch(watched_);
  }
  void decided() {
    if (sampled_ == 0) return;
    decided_ = tracer_->now();
    forget();
  }

  /// Some request of the batch is to be told of.
  bool wanted(std::span<const Decision> decisions) {
    if (!on()) return false;
    degraded_ = std::ranges::any_of(decisions, is_degraded);
    next_ = 0;
    if (sampled_ > 0) ended_ = tracer_->now();
    return sampled_ > 0 || degraded_;
  }
  /// Null: this one is not. `decisions`: the request's. REQUIRES: replies are asked for in their order.
  const Mark* tells(std::size_t reply, std::span<const Decision> decisions) {
    while (next_ < marks_.size() && marks_[next_].reply < reply) ++next_;
    const bool marked = next_ < marks_.size() && marks_[next_].reply == reply;
    if (!(marked && marks_[next_].sampled) && !(degraded_ && std::ranges::any_of(decisions, is_degraded)))
      return nullptr;
    if (!tracer_->has_room()) return nullptr;
    return marked ? &marks_[next_] : &unmarked_;
  }
  /// `first`, `asks`: where the request's asks are.
  void tell(const Mark& mark, const TracedDecision& told, std::string_view door, std::size_t first,
            std::size_t asks);

  void clear() {
    if (marks_.empty()) return;
    marks_.clear();
    watched_.calls.clear();
    sampled_ = 0;
    asked_ = decided_ = {};
  }

 private:
  static bool is_degraded(const Decision& d) { return d.origin == Origin::degraded; }
  void forget() {
    if (watched_.asks.empty()) return;
    tracer_->forget(watched_);
    watched_.asks = {};
  }

  observe::Tracer* const tracer_;
  std::vector<Mark> marks_;  // Of requests that are sampled or bring a traceparent; by reply.
  Mark latest_;
  const Mark unmarked_{};
  bool begun_ = false;  // latest_ is a request's that has no reply yet.
  bool degraded_ = false;
  std::size_t sampled_ = 0;
  std::size_t next_ = 0;  // Of marks_, while replies are written.
  observe::Tracer::Watched watched_;
  Time began_, asked_, decided_, ended_;
};

}  // namespace sluice::door
