// lane.h: the way to one server. Group commit: while calls are with the node, further asks gather; the next
// call carries them all. Every ask is answered or given up within its deadline; a call that may have run is
// never repeated. No I/O and no clock of its own.
//
//     waiting --(a call's place is free)--> flying --reply--> answered
//        \--deadline, node down--> given up    |--deadline, loss, error--> given up; a late reply is dropped
//                                              \--MOVED, ASK, TRYAGAIN: it did not run--> to be asked again
//
// In a Cluster a call's keys are all of one slot, so what gathers for one slot goes together (lanes.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redis/node.h"
#include "store/shared/breaker.h"
#include "store/shared/call.h"

namespace sluice::store {

/// Sums over the life of a lane.
struct LaneStats {
  std::uint64_t calls = 0;           ///< Sent.
  std::uint64_t decisions = 0;       ///< Asks that the node decided.
  std::uint64_t given_up = 0;        ///< Asks that it did not decide in time, or at all.
  std::uint64_t unknown = 0;         ///< Calls of which nobody can say whether they ran.
  std::uint64_t unknown_tokens = 0;  ///< What these asked for: at most so many were charged for nothing.
  std::uint64_t errors = 0;          ///< Error replies, but NOSCRIPT.
  std::uint64_t scripts_loaded = 0;  ///< Calls that had to bring the script along.
  std::uint64_t again = 0;           ///< Calls that a Cluster refused, since a slot is or was moved.
};

class Lane {
  struct Flight;

 public:
  struct Options {
    Duration deadline = std::chrono::milliseconds(20);  ///< All in, from the ask.
    std::size_t asks_max = 100'000;  ///< Waiting and flying, of all lanes; further ones are given up at once.
    std::size_t calls_max = 2;       ///< Flying at one time, while the next one can take further asks.
    std::size_t full_max = 16;  ///< Flying at one time, if the next one is full: it gains nothing by waiting.
    Breaker::Options breaker = {};
    const Told* told = nullptr;  ///< Asked for floors; outlives the lane. May be null.
  };

  /// What the lanes of one store have in common. Outlives them.
  class Common {
   public:
    explicit Common(std::size_t slots);  ///< 1, or Cluster's.
    ~Common();
    /// An ask made now travels with this call or a later one.
    std::uint64_t next_call() const { return numbered + 1; }
    std::size_t outstanding() const { return asks; }

   private:
    friend Lane;
    std::uint64_t numbered = 0;
    std::size_t asks = 0;       // Waiting and flying.
    std::vector<Flight*> open;  // Of each slot the call that the next ask joins, if there is one.
    std::vector<std::unique_ptr<Flight>> spare;
    std::string command;
  };

  /// Where a chain goes and until when.
  struct Errand {
    Time deadline;
    std::uint16_t slot = 0;
    bool alone = false;  ///< With no other bucket: the slot is being moved.
  };
  enum class Again : std::uint8_t {
    moved,  ///< The slot belongs to another server.
    later,  ///< It will, once that is connected.
    alone,  ///< It is half moved: calls of several buckets are refused.
  };

  /// What becomes of the asks. Called from within ask(), flush(), wake() and the node's calls.
  class Owner {
   public:
    virtual void answered(const Call& call, Time sent, std::uint64_t number) = 0;
    /// `loss`: whether the chain may have been decided all the same.
    virtual void given_up(const Chain& chain, redis::Loss loss) = 0;
    /// The chains did not run and are nobody's now.
    virtual void again(std::span<Chain> chains, const Errand& errand, Again how) = 0;
    virtual void trouble(std::string_view what) = 0;  ///< For the log: says what failed. Once a call at most.
    virtual Time now() = 0;
    virtual double chance() = 0;  ///< From 0 to 1, anew each time.

   protected:
    ~Owner() = default;
  };

  Lane(redis::Node& node, const Options& options, Common& common, Owner& owner);
  ~Lane();

  void ask(const Chain& chain, const Errand& errand, Time now);  ///< flush() sends it.
  void flush(Time now);
  void wake(Time now);                           ///< Gives up what is late.
  Time next_wake() const { return next_wake_; }  ///< Time::max() if nothing is outstanding.
  bool takes(Time now) const { return node_.up() && breaker_.would_admit(now); }
  const LaneStats& stats() const { return stats_; }
  Breaker::State breaker() const { return breaker_.state(); }
  bool wants_probe(Time now) const { return node_.up() && breaker_.due(now); }

 private:
  void enqueue(std::unique_ptr<Flight> flight);
  std::unique_ptr<Flight> dequeue();
  bool flies() const;
  void send(Flight& flight, bool with_script);
  void refuse(const Chain& chain);
  void landed(Flight& flight);
  void give_up(Flight& flight, redis::Loss loss);
  void replied(Flight& flight, redis::Reply reply);
  bool load_script(Flight& flight);
  void ask_again(Flight& flight, Again how);
  void lost(Flight& flight, redis::Loss loss, std::string_view why);
  std::unique_ptr<Flight> fresh(const Errand& errand);
  void recycle(std::unique_ptr<Flight> flight);

  redis::Node& node_;
  const Options options_;
  Common& common_;
  Owner& owner_;
  Breaker breaker_;
  LaneStats stats_;
  std::deque<std::unique_ptr<Flight>> waiting_;  // By their deadlines.
  std::vector<std::unique_ptr<Flight>> flying_;  // Few, in the order in which they were sent.
  std::vector<Chain> failed_;
  Flight* loading_ = nullptr;  // Brings the script along.
  Time next_wake_ = Time::max();
  bool flushing_ = false;
};

}  // namespace sluice::store
