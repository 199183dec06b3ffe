// shared_store.h: buckets in Redis or Valkey, for one loop of a process. Many stores over one node, or over
// the nodes of one Cluster, admit together exactly what one bucket would (lanes.h, call.h); what the node
// does not decide in time is decided without it (fallback.h). No I/O: the node is given, and time.
//
//     SharedStore store(node, fallback, {...});
//     store.decide(batch, done);                 // done.decided() comes now or later, once
//     store.wake(now);                           // at wakes(), asked for by `wake_at`
//
// Not thread-safe, unlike the local store: a loop has its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/shared/call_observer.h"
#include "store/shared/fallback.h"
#include "store/shared/lanes.h"
#include "store/shared/leases.h"
#include "store/shared/refusals.h"
#include "store/store.h"

namespace sluice::store {

struct SharedOptions {
  Lane::Options lane = {};
  Duration refusals_kept = std::chrono::milliseconds(100);  ///< See refusals.h.
  std::size_t refusals_max = 16'384;
  std::size_t told_max = 65'536;   ///< Buckets whose TATs are kept for a server that takes over. 0: none.
  LeaseOptions leases = {};        ///< For families that are leased.
  std::uint64_t seed = 0;          ///< Of the hashes of keys: nobody's to guess. A simulation's own.
  std::function<Time()> now;       ///< The clock. REQUIRED, as the next two.
  std::function<double()> chance;  ///< From 0 to 1.
  std::function<void(Time)>
      wake_at;  ///< wake() is wanted then at the latest; said again when it gets earlier.
  std::function<void(std::string_view)> trouble =
      {};                         ///< Once a failed call: for a log that keeps its own pace.
  CallObserver* calls = nullptr;  ///< Outlives the store.
};

struct SharedStats {
  LaneStats lane;
  std::uint64_t remembered = 0;  ///< Asks refused from memory.
  std::uint64_t degraded = 0;    ///< Asks decided without the store.
  std::uint64_t uncounted = 0;   ///< Tokens granted without the store and without a count.
  std::uint64_t repaid = 0;      ///< Tokens granted without the store and charged there since.
  LeaseStats leases;
  SpreadStats spread;
  std::uint64_t outstanding = 0;
  Breaker::State breaker = Breaker::State::closed;
};

class SharedStore final : public Store, private Lanes::Owner {
 public:
  /// `node`, `nodes` and `fallback` outlive the store.
  SharedStore(redis::Node& node, Fallback& fallback, SharedOptions options);
  SharedStore(Nodes& nodes, Fallback& fallback, SharedOptions options);
  ~SharedStore() override;

  void decide(Batch& batch, Completion& done) override;
  void wake(Time now);
  /// Charges some of what is owed to the store (arrears.h), if it is there. To be called now and then;
  /// traffic does it, too.
  void repay(Time now);
  /// The node is another server from now on, or the same one started again: what this instance was told
  /// before is offered to it (told.h).
  void server_changed() {
    told_.server_changed();
    if (leases_) leases_->server_changed();
  }
  /// A node is there, and its breaker waits for somebody to ask: if nobody does, it stays open. `key`: what
  /// to ask for, of this family.
  bool wants_probe(const Family& family, Time now, std::string& key) {
    return lane_.wants_probe(family, now, key);
  }
  SharedStats stats() const;

 private:
  void answered(const Call& call, Time sent, std::uint64_t number) override;
  void answered(const Chain& chain) override { finish(*chain.ticket); }
  void given_up(const Chain& chain) override;
  void gives_back(const Ask& ask) override;
  void wake_sooner() override { ask_for_wake(); }
  void trouble(std::string_view what) override;
  Time now() override { return options_.now(); }
  double chance() override { return options_.chance(); }

  void tell_calls(const Call& call, Time sent) const;
  bool decided_at_once(const Chain& chain, Time now);
  /// Asks for tokens ahead, behind all asks of the batch: those of the leased that come after `first`.
  void ask_ahead(std::size_t first, Time now);
  void finish(Ticket& ticket);
  struct Repayment;
  void repay_before(const Chain& chain, Time now);
  bool repay(Debt& debt, Time now);  ///< False: nothing is left to be charged.
  void repaid(Repayment& repayment);
  Ticket& issue(Completion& done);
  void ask_for_wake();

  const SharedOptions options_;
  Fallback& fallback_;
  Told told_;
  Lanes lane_;
  Refusals refusals_;
  struct Leased {
    const Ask* ask;
    bool went;  // To the store; else it was answered from the lease.
  };
  std::vector<Leased> leased_;                    // Of the batch that is being asked, and of those around it.
  std::unique_ptr<Leases> leases_;                // Made when a leased family comes.
  std::vector<std::unique_ptr<Ticket>> tickets_;  // All there are.
  std::vector<Ticket*> spare_tickets_;
  Time wake_asked_ = Time::max();
  std::vector<std::unique_ptr<Repayment>> repayments_;  // Under way.
  std::uint64_t remembered_ = 0;
  std::uint64_t degraded_ = 0;
  std::uint64_t repaid_ = 0;
};

}  // namespace sluice::store
