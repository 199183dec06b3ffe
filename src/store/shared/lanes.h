// lanes.h: the ways to all servers of the shared store: one lane to one server, or, in a Cluster, one to each
// primary. There every ask goes to its slot's primary; asks of one slot travel together, and a chain over
// several slots goes in parts (spread.h). Deadline and queue are for all lanes together, the breaker is each
// lane's own.
//
// A slot on its way to another server refuses calls of several buckets of which some have gone (TRYAGAIN):
// for a second its asks go one bucket a call. What did not run for such a reason is asked again, within its
// deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/shared/lane.h"
#include "store/shared/nodes.h"
#include "store/shared/spread.h"

namespace sluice::store {

class Lanes final : private Lane::Owner {
 public:
  /// What becomes of the asks. Called from within ask(), flush(), wake() and the nodes' calls.
  class Owner {
   public:
    virtual void answered(const Call& call, Time sent, std::uint64_t number) = 0;
    virtual void answered(const Chain& chain) = 0;  ///< One that no single call has answered.
    virtual void given_up(const Chain& chain) = 0;
    virtual void gives_back(const Ask& ask) = 0;  ///< What is known of that bucket's level is about to end.
    virtual void wake_sooner() = 0;               ///< next_wake() may be earlier.
    virtual void trouble(std::string_view what) = 0;
    virtual Time now() = 0;
    virtual double chance() = 0;

   protected:
    ~Owner() = default;
  };

  Lanes(redis::Node& node, const Lane::Options& options, Owner& owner);
  /// `options.calls_max` is each server's.
  Lanes(Nodes& nodes, const Lane::Options& options, Owner& owner);
  ~Lanes();

  /// REQUIRES: at most kChainMax asks.
  void ask(const Chain& chain, Time now) {
    const Time deadline = now + options_.deadline;
    if (nodes_ == nullptr) return lanes_.front()->ask(chain, {.deadline = deadline}, now);
    route(chain, deadline, now);
  }
  bool takes(Time now) const;            ///< Some server would be asked now.
  bool takes(const Ask& ask, Time now);  ///< The bucket's would.
  /// A server is there, and its breaker waits for somebody to ask: if nobody does, it stays open. `key`: one
  /// of the family's whose bucket lives there.
  bool wants_probe(const Family& family, Time now, std::string& key);
  void flush(Time now);
  void wake(Time now);
  Time next_wake() const;
  std::uint64_t next_call() const { return common_.next_call(); }
  std::size_t outstanding() const { return common_.outstanding() + later_.size(); }
  LaneStats stats() const;
  const SpreadStats& spread() const { return spread_.stats(); }
  /// The worst of those that are asked.
  Breaker::State breaker() const;

 private:
  friend Spread;
  struct Later {
    Chain chain;
    Lane::Errand errand;
    Time when;
  };
  struct Moving {
    std::uint16_t slot;
    Time until;
  };

  void answered(const Call& call, Time sent, std::uint64_t number) override;
  void given_up(const Chain& chain, redis::Loss loss) override;
  void again(std::span<Chain> chains, const Lane::Errand& errand, Lane::Again how) override;
  void trouble(std::string_view what) override { owner_.trouble(what); }
  Time now() override { return owner_.now(); }
  double chance() override { return owner_.chance(); }

  void route(const Chain& chain, Time deadline, Time now);
  void send(const Chain& chain, std::uint16_t slot, Time deadline, Time now);
  void send_later(const Chain& chain, const Lane::Errand& errand, Time now);
  void send_alone(std::span<Chain> chains, const Lane::Errand& errand, Time now);
  Lane* lane_of(std::uint16_t slot);
  std::uint16_t slot_of(const Ask& ask);
  bool moving(std::uint16_t slot, Time now);

  const Lane::Options options_;
  Nodes* const nodes_;  // Null: one server.
  Owner& owner_;
  Lane::Common common_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // By the servers' numbers; null: not yet asked.
  Spread spread_;
  std::vector<Later> later_;    // Few: while a slot is moved to a server that is not connected yet.
  std::vector<Moving> moving_;  // The same.
  std::string key_;
  std::uint64_t probes_ = 0;
};

}  // namespace sluice::store
