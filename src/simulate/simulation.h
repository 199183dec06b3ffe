// simulation.h: the replay itself: requests in, in the log's order; who would have been refused out.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "simulate/contender.h"
#include "simulate/events.h"
#include "simulate/key_table.h"
#include "simulate/timeline.h"

namespace sluice::simulate {

class Simulation {
 public:
  struct Options {
    bool spread = false;
    bool keep_events = false;  ///< For search.h and levels.h.
    /// Above this many keys at once those are forgotten whose buckets are all full (which changes no
    /// decision), those never refused first, then those refused least; their own rows of the report are lost.
    std::size_t max_keys = 1'000'000;
    bool may_forget = true;  ///< If not, more than max_keys is an error.
  };

  Simulation(Options options, std::vector<Contender> contenders);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  void set_zone(std::int32_t zone) { timeline_.set_zone(zone); }  ///< REQUIRES: nothing was added.
  /// One request. A `second` before the latest counts as that latest one. REQUIRES: cost >= 0.
  Status add(std::uint32_t second, std::string_view key, std::int64_t cost);
  void finish() { arrivals_.finish(); }  ///< REQUIRED before anything below is asked.

  struct Totals {
    std::uint64_t requests = 0;
    Int128 cost = 0;
    std::uint64_t late = 0;         ///< Requests that came out of order, and
    std::uint32_t latest_by_s = 0;  ///< the most by which one did.
    std::uint32_t first_s = 0, last_s = 0;
    std::uint64_t keys = 0;  ///< That were seen; one that was forgotten and came back counts again.
    std::uint64_t keys_forgotten = 0;
  };
  const Totals& totals() const { return totals_; }
  const std::vector<Contender>& contenders() const { return contenders_; }
  const Timeline& timeline() const { return timeline_; }
  const EventSpool& events() const { return spool_; }  ///< Their keys are serial numbers.

  /// The keys held, for use with Contender.
  std::uint32_t keys() const { return static_cast<std::uint32_t>(table_.size()); }
  std::string_view key(std::uint32_t index) const { return table_.key(index); }
  std::uint32_t serial(std::uint32_t index) const { return seen_[index].serial; }
  std::uint64_t requests(std::uint32_t index) const { return seen_[index].requests; }

  /// The `most` keys that contender `c` refused most often, worst first; of equals the one that asked more,
  /// then the one that came first.
  std::vector<std::uint32_t> worst(std::size_t c, std::size_t most) const;

 private:
  struct Seen {
    std::uint64_t requests = 0;
    std::int64_t last_ns = 0;
    std::uint32_t serial = 0;  // Given once and never to another key.
  };
  struct Sink {
    Simulation* simulation;
    void operator()(const Event& event, std::int64_t now_ns) const { simulation->arrive(event, now_ns); }
  };

  void arrive(const Event& event, std::int64_t now_ns);
  Status make_room();
  std::uint64_t refusals(std::uint32_t index) const;

  const Options options_;
  std::vector<Contender> contenders_;
  Arrivals<Sink> arrivals_;
  KeyTable table_;
  std::vector<Seen> seen_;
  Timeline timeline_;
  EventSpool spool_;
  Totals totals_;
};

}  // namespace sluice::simulate
