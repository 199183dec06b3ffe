// lane.h: the way to one node. Group commit: while calls are with the node, further asks gather; the next
// call carries them all. Every ask is answered or given up within its deadline; a call that may have run is
// never repeated. No I/O and no clock of its own.
//
//     waiting --(a call's place is free)--> flying --reply--> answered
//        \--deadline, node down--> given up    \--deadline, loss, error--> given up; a late reply is dropped
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
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
  std::uint64_t errors = 0;          ///< Error replies, but NOSCRIPT.
  std::uint64_t scripts_loaded = 0;  ///< Calls that had to bring the script along.
};

class Lane {
 public:
  struct Options {
    Duration deadline = std::chrono::milliseconds(20);  ///< All in, from the ask.
    std::size_t asks_max = 100'000;  ///< Waiting and flying; further ones are given up at once.
    std::size_t calls_max = 2;       ///< Flying at one time.
    Breaker::Options breaker = {};
    const Told* told = nullptr;  ///< Asked for floors; outlives the lane. May be null.
  };

  /// What becomes of the asks. Called from within ask(), flush(), wake() and the node's calls.
  class Owner {
   public:
    virtual void answered(const Call& call, Time sent, std::uint64_t number) = 0;
    virtual void given_up(const Chain& chain) = 0;
    virtual void trouble(std::string_view what) = 0;  ///< For the log: says what failed. Once a call at most.
    virtual Time now() = 0;
    virtual double chance() = 0;  ///< From 0 to 1, anew each time.

   protected:
    ~Owner() = default;
  };

  Lane(redis::Node& node, Options options, Owner& owner);
  ~Lane();

  void ask(const Chain& chain, Time now);  ///< flush() sends it.
  bool takes(Time now) const { return node_.up() && breaker_.would_admit(now); }
  void flush(Time now);
  void wake(Time now);     ///< Gives up what is late.
  Time next_wake() const;  ///< Time::max() if nothing is outstanding.
  std::uint64_t next_call() const {
    return numbered_ + 1;
  }  ///< An ask made now travels with this one or a later one.
  const LaneStats& stats() const { return stats_; }
  Breaker::State breaker() const { return breaker_.state(); }
  bool wants_probe(Time now) const { return node_.up() && breaker_.due(now); }
  std::size_t outstanding() const { return asks_; }

 private:
  struct Flight;

  void send(std::unique_ptr<Flight> flight, std::string_view verb, std::string_view script);
  void landed(Flight& flight);
  void give_up(Flight& flight);
  void replied(Flight& flight, redis::Reply reply);
  void lost(Flight& flight, redis::Loss loss, std::string_view why);
  std::unique_ptr<Flight> fresh();

  redis::Node& node_;
  const Options options_;
  Owner& owner_;
  Breaker breaker_;
  LaneStats stats_;
  std::deque<std::unique_ptr<Flight>> waiting_;
  std::vector<std::unique_ptr<Flight>> flying_;  // Few, in the order in which they were sent.
  std::vector<std::unique_ptr<Flight>> spare_;
  std::vector<Chain> failed_;
  std::string command_;
  std::size_t asks_ = 0;
  bool flushing_ = false;
  std::uint64_t numbered_ = 0;  // The number of the latest call sent.
};

}  // namespace sluice::store
