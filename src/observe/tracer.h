// tracer.h: which requests are traced, and where what is known of them goes: into a bounded queue, from which
// an exporter (trace_exporter.h) takes it on its own thread.
//
//     TraceQueue queue(4096);
//     Tracer tracer(queue, {.ratio_millionths = 10'000, .seed = random_seed()});   // One a loop.
//     if (tracer.samples(parent)) ...;            // At a request's begin. Nothing is allocated.
//     if (tracer.has_room()) tracer.record(...);  // At its end.
//
// A request that brings a traceparent is traced if that says so; one without by chance, as the ratio says.
// Whatever was decided without the shared store is traced in any case: the door sees that at the end.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "observe/key_hash.h"
#include "observe/trace_context.h"
#include "sluice/decision.h"
#include "store/shared/call_observer.h"

namespace sluice::observe {

/// The next of a row of random numbers: SplitMix64 (Steele, Lea, Flood 2014).
inline std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

/// What is known of one request that is traced. Texts are bounded (kTraceTextMax).
struct TracedRequest {
  TraceParent parent;
  TraceId trace{};             ///< The parent's, or a new one.
  bool sampled = true;         ///< False: only because it was decided without the store.
  std::string_view door;       ///< "http". Static, as is the next.
  std::string_view operation;  ///< "/v1/take", "CL.THROTTLE". Empty: not known.

  Time began;          ///< The bytes were read.
  Time matched_since;  ///< Its limits were looked for; not known, as the next three, unless it was sampled.
  Time matched;
  Time asked;  ///< The store, for the whole batch.
  Time decided;
  Time ended;  ///< Its reply is written.

  std::string limit, domain, rule, quota;  ///< Of what decided; empty: there is none.
  std::string version;                     ///< Of the file of what decided.
  std::string key;                         ///< Or its hash.
  Decision decision;
  std::int64_t cost = 0;
  std::uint32_t decisions = 0;  ///< That the request asked for,
  std::uint32_t refused = 0;    ///< and of these.
  std::vector<store::CallSeen> calls;
};

inline constexpr std::size_t kTraceTextMax = 256;  ///< Bytes of a text; longer ones are cut.
inline constexpr std::size_t kTraceCallsMax = 4;   ///< Of one request.

/// Between the loops and the exporter. Thread-safe.
class TraceQueue {
 public:
  /// `requests_max`: waiting here and taken but not yet let go of.
  explicit TraceQueue(std::size_t requests_max) : max_(requests_max) {}

  /// False, and counted: there is none. Without a lock.
  bool has_room() {
    if (held_.load(std::memory_order_relaxed) < max_) return true;  // relaxed: put() looks again.
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  void put(TracedRequest&& request);
  /// All that wait, behind what is in `to`. The lock is held for a moment, however many they are, if `to` is
  /// empty.
  void take(std::vector<TracedRequest>& to);
  /// So many of those that were taken are gone.
  void let_go(std::size_t requests) { held_.fetch_sub(requests, std::memory_order_relaxed); }

  std::size_t held() const { return held_.load(std::memory_order_relaxed); }
  std::uint64_t recorded() const { return recorded_.load(std::memory_order_relaxed); }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  const std::size_t max_;
  std::mutex mutex_;
  std::vector<TracedRequest> requests_;  // Guarded by mutex_.
  std::atomic<std::size_t> held_{0};
  std::atomic<std::uint64_t> recorded_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

/// Of one loop, and on its thread alone.
class Tracer final : public store::CallObserver {
 public:
  struct Options {
    std::int64_t ratio_millionths = 10'000;
    const KeyHash* key_hash = nullptr;  ///< Null: keys are told as they are. Outlives the tracer.
    Time (*now)() = &Clock::now;        ///< Only for requests that are traced.
    std::uint64_t seed = 0;             ///< Of chance and of ids: nobody's to guess.
  };
  Tracer(TraceQueue& queue, const Options& options);

  bool samples(const TraceParent& parent) {
    return parent.present ? parent.sampled : (chance() >> 1) < threshold_;
  }
  Time now() const { return options_.now(); }
  bool has_room() { return queue_.has_room(); }
  /// Fills in the trace's id, and puts it into the queue.
  void record(TracedRequest&& request);
  /// As a trace tells it: cut, or hashed.
  std::string key_text(std::string_view key) const;

  /// Calls that answer some of `asks` are wanted, until forget().
  struct Watched {
    std::span<const store::Ask> asks;
    struct Seen {
      std::size_t ask;  ///< Index.
      store::CallSeen call;
    };
    std::vector<Seen> calls;
  };
  void watch(Watched& watched) { watched_.push_back(&watched); }
  void forget(const Watched& watched) { std::erase(watched_, &watched); }

  bool wants_calls() const override { return !watched_.empty(); }
  void call_answered(std::span<const store::Ask> asks, const store::CallSeen& call) override;

 private:
  std::uint64_t chance() { return splitmix64(state_); }

  TraceQueue& queue_;
  const Options options_;
  const std::uint64_t threshold_;  // Of 63 bits.
  std::uint64_t state_;
  std::vector<Watched*> watched_;  // Batches that are with the store and have a sampled request.
};

}  // namespace sluice::observe
