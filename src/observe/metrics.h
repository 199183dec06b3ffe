// metrics.h: what the process has done, counted by those who do it and summed by those who ask.
//
//     Metrics metrics;
//     DoorMetrics& mine = metrics.door("resp");           // One for each door and loop, before the loops
//     run. mine.decided("api", Outcome::allowed, 60);          // On that loop's thread, once a batch.
//     mine.answered(64, took);                            // Likewise.
//     std::string page = metrics_text(metrics, others);   // Any thread: GET /metrics.
//
// Every number has one writer, so counting takes no locked instruction. Readers see each number whole, not
// all of them at one moment.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "observe/decisions.h"
#include "observe/samples.h"
#include "sluice/time.h"

namespace sluice::observe {

/// Limits that one door and loop counts by name, reloads included. What comes beyond is counted under
/// kOtherLimits, which no limit can be called.
inline constexpr std::size_t kLimitsCountedMax = 2000;
inline constexpr std::string_view kOtherLimits = "#other";

/// Upper bounds of the latency histogram's buckets; one more bucket has no bound.
inline constexpr std::array<Duration, 19> kLatencyBounds = [] {
  std::array<Duration, 19> bounds{};
  std::int64_t decade = 1000;
  for (std::size_t i = 0; i < bounds.size(); ++i) {  // 1, 2.5 and 5 µs, and so on to 1 s.
    bounds[i] = Duration(i % 3 == 0 ? decade : i % 3 == 1 ? decade * 5 / 2 : decade * 5);
    if (i % 3 == 2) decade *= 10;
  }
  return bounds;
}();

using Outcomes = std::array<std::uint64_t, 3>;  ///< Decisions by Outcome.

struct Latencies {
  std::array<std::uint64_t, kLatencyBounds.size() + 1> counts{};  ///< Not cumulative.
  std::uint64_t sum_ns = 0;
  std::uint64_t total() const;
};

/// Of one door on one loop. Written by that loop's thread, read by any.
class DoorMetrics final : public Decisions {
 public:
  /// `named`, `refusals` and `teller` outlive this.
  DoorMetrics(std::string_view door, NamedCounts& named, bool sampled, RefusalSampling& refusals,
              RefusalTeller* teller)
      : door_(door),
        named_(named),
        samples_(sampled ? std::make_unique<Samples>() : nullptr),
        refusals_(refusals),
        teller_(teller) {}

  /// Whose requests are counted from now on; the view is valid until the next call.
  void serving(std::string_view client, Time now) {
    client_ = client;
    refusals_.at(now);
  }
  RefusalSampler* refusal_sampler() override { return teller_ == nullptr ? nullptr : &refusals_; }
  void refused(const Refusal& refusal, std::uint64_t unlogged) override {
    teller_->tell(refusal, door_, client_, unlogged);
  }

  void decided(std::string_view limit, Outcome outcome, std::uint64_t n) override;
  void hit(const CountedRule& rule, const RuleHits& hits) override { rules_.hit(rule, hits); }
  void hit(std::string_view domain, std::string_view name, const RuleHits& hits) override {
    named_.hit(domain, name, hits);
  }
  void unknown_domain(std::string_view domain) override { named_.unknown_domain(domain); }
  void shadowed() override { add(shadowed_, 1); }
  std::uint32_t* sampling() override { return samples_ == nullptr ? nullptr : &samples_->skip(); }
  void sample(std::string_view name, std::string_view key, std::int64_t cost, std::size_t quota,
              const Decision& d) override {
    samples_->put(limit(name).name, key, cost, quota, d);
  }
  Samples* samples() const { return samples_.get(); }  ///< For the one who drains them. Null: none are taken.
  /// `n` requests that were read together have their replies after `took`: each counts as so long.
  void answered(std::uint64_t n, Duration took);

  const std::string& door() const { return door_; }
  void add_to(std::map<std::string, Outcomes, std::less<>>& limits) const;
  void add_to(Latencies& latencies) const;
  void add_to(RuleSums& rules) const { rules_.add_to(rules); }
  std::uint64_t shadowed_requests() const { return shadowed_.load(std::memory_order_relaxed); }

 private:
  using Counter = std::atomic<std::uint64_t>;
  struct Limit {
    explicit Limit(std::string_view n) : name(n) {}
    const std::string name;
    std::array<Counter, 3> outcomes{};
    const Limit* before = nullptr;  // Constant once the limit can be reached from latest_.
  };
  static void add(Counter& counter, std::uint64_t n) {  // relaxed: one writer, and nothing hangs on it.
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  Limit& limit(std::string_view name);

  const std::string door_;
  std::deque<Limit> limits_;                            // The writer's own, as is the next.
  std::unordered_map<std::string_view, Limit*> index_;  // Views of Limit::name.
  std::atomic<const Limit*> latest_{nullptr};  // Where readers begin; release: what it leads to is there.
  std::array<Counter, kLatencyBounds.size() + 1> latencies_{};
  Counter latency_ns_{0};
  Counter shadowed_{0};
  RuleCounts rules_;
  NamedCounts& named_;
  const std::unique_ptr<Samples> samples_;
  RefusalSampler refusals_;  // The writer's own, as is the next but one.
  RefusalTeller* const teller_;
  std::string_view client_;
};

class Metrics {
 public:
  /// Names of rules that requests make up, of all doors together; the rest is kOtherNames.
  /// `teller` of sampled refusals outlives this; null: none are told.
  explicit Metrics(std::size_t detailed_series_max = 1000, bool sampled = false,
                   RefusalTeller* teller = nullptr)
      : named_(detailed_series_max), sampled_(sampled), teller_(teller) {}

  /// A new part, which lives as long as this. Not while others read.
  DoorMetrics& door(std::string_view name) {
    return doors_.emplace_back(name, named_, sampled_, refusals_, teller_);
  }
  /// Of how many refusals `teller` is told; of none until set.
  void tell_refusals(RefusalWish wish) { refusals_.set(wish); }
  std::deque<DoorMetrics>& doors() { return doors_; }

  std::map<std::string, Outcomes, std::less<>> limits() const;      ///< By limit, of all doors.
  std::map<std::string, Latencies, std::less<>> latencies() const;  ///< By door.
  std::uint64_t requests(std::string_view door) const;              ///< Answered by all loops of one door.
  /// Adds what all doors counted. The names live as long as this.
  void add_to(RuleSums& rules) const;
  NamedCounts::Names named() const { return named_.names(); }
  std::uint64_t shadowed_requests() const;

 private:
  NamedCounts named_;
  const bool sampled_;
  RefusalSampling refusals_;
  RefusalTeller* const teller_;
  std::deque<DoorMetrics> doors_;
};

/// A number that somebody else keeps, with its name and meaning.
struct Family {
  enum class Kind : std::uint8_t { counter, gauge };
  struct Sample {
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
  };
  std::string name;
  std::string help;
  Kind kind = Kind::gauge;
  std::vector<Sample> samples;
};

/// The page in the Prometheus text format, version 0.0.4. Its content type:
inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";
/// `in_force` are the rules of now, which are told even if they have counted nothing yet.
std::string metrics_text(const Metrics& metrics, std::span<const Family> others,
                         std::span<const RuleName> in_force = {});

}  // namespace sluice::observe
