#include "observe/metrics.h"

#include <algorithm>
#include <numeric>

namespace sluice::observe {

std::uint64_t Latencies::total() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

DoorMetrics::Limit& DoorMetrics::limit(std::string_view name) {
  if (const auto it = index_.find(name); it != index_.end()) return *it->second;
  if (limits_.size() >= kLimitsCountedMax && name != kOtherLimits) return limit(kOtherLimits);
  Limit& added = limits_.emplace_back(name);
  added.before = latest_.load(std::memory_order_relaxed);
  index_.emplace(added.name, &added);
  latest_.store(&added, std::memory_order_release);
  return added;
}

void DoorMetrics::decided(std::string_view name, Outcome outcome, std::uint64_t n) {
  add(limit(name).outcomes[static_cast<std::size_t>(outcome)], n);
}

void DoorMetrics::answered(std::uint64_t n, Duration took) {
  std::size_t i = 0;
  while (i < kLatencyBounds.size() && took > kLatencyBounds[i]) ++i;
  add(latencies_[i], n);
  add(latency_ns_, n * static_cast<std::uint64_t>(std::max(took, Duration(0)).count()));
}

void DoorMetrics::add_to(std::map<std::string, Outcomes, std::less<>>& limits) const {
  for (const Limit* l = latest_.load(std::memory_order_acquire); l != nullptr; l = l->before) {
    Outcomes& sums = limits[l->name];
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += l->outcomes[i].load(std::memory_order_relaxed);
  }
}

void DoorMetrics::add_to(Latencies& latencies) const {
  for (std::size_t i = 0; i < latencies_.size(); ++i)
    latencies.counts[i] += latencies_[i].load(std::memory_order_relaxed);
  latencies.sum_ns += latency_ns_.load(std::memory_order_relaxed);
}

std::map<std::string, Outcomes, std::less<>> Metrics::limits() const {
  std::map<std::string, Outcomes, std::less<>> sums;
  for (const DoorMetrics& door : doors_) door.add_to(sums);
  return sums;
}

std::map<std::string, Latencies, std::less<>> Metrics::latencies() const {
  std::map<std::string, Latencies, std::less<>> sums;
  for (const DoorMetrics& door : doors_) door.add_to(sums[door.door()]);
  return sums;
}

std::uint64_t Metrics::requests(std::string_view door) const {
  Latencies sums;
  for (const DoorMetrics& d : doors_)
    if (d.door() == door) d.add_to(sums);
  return sums.total();
}

void Metrics::add_to(RuleSums& rules) const {
  for (const DoorMetrics& door : doors_) door.add_to(rules);
}

std::uint64_t Metrics::shadowed_requests() const {
  std::uint64_t sum = 0;
  for (const DoorMetrics& door : doors_) sum += door.shadowed_requests();
  return sum;
}

}  // namespace sluice::observe
