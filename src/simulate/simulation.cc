#include "simulate/simulation.h"

#include <algorithm>
#include <string>

namespace sluice::simulate {

Simulation::Simulation(Options options, std::vector<Contender> contenders)
    : options_(options), contenders_(std::move(contenders)), arrivals_(options.spread, Sink{this}) {}

Status Simulation::add(std::uint32_t second, std::string_view key, std::int64_t cost) {
  if (totals_.requests++ == 0) totals_.first_s = totals_.last_s = second;
  if (second < totals_.last_s) {
    ++totals_.late;
    totals_.latest_by_s = std::max(totals_.latest_by_s, totals_.last_s - second);
    second = totals_.last_s;
  }
  if (second != totals_.last_s) {
    if (table_.size() > options_.max_keys) {
      arrivals_.finish();  // Nothing that is held back may name a key by an index that is about to move.
      totals_.last_s = second;
      if (const auto made = make_room(); !made) return made.error();
    }
    totals_.last_s = second;
  }
  totals_.cost += cost;

  const auto index = table_.index_of(key);
  if (index == seen_.size()) {
    seen_.push_back({0, second * kNsPerSecond, static_cast<std::uint32_t>(totals_.keys++)});
    for (auto& contender : contenders_) contender.add_key();
  }
  ++seen_[index].requests;
  if (options_.keep_events)
    if (const auto kept = spool_.add({second, seen_[index].serial, cost}); !kept) return kept.error();
  arrivals_.add({second, index, cost});
  return Done{};
}

void Simulation::arrive(const Event& event, std::int64_t now_ns) {
  auto& interval = timeline_.at(event.second);
  ++interval.requests;
  auto& last_ns = seen_[event.key].last_ns;
  const std::int64_t elapsed = now_ns - last_ns;
  last_ns = now_ns;
  for (std::size_t c = 0; c < contenders_.size(); ++c)
    if (!contenders_[c].arrive(event.key, elapsed, event.cost, event.second)) ++interval.refused[c];
}

std::uint64_t Simulation::refusals(std::uint32_t index) const {
  std::uint64_t most = 0;
  for (const auto& contender : contenders_) most = std::max(most, contender.outcome(index).refused);
  return most;
}

Status Simulation::make_room() {
  const auto too_many = [&](const char* why) {
    return Error{Code::resource_exhausted, "more than " + std::to_string(options_.max_keys) + " keys " + why +
                                               "; allow more with --max-keys (about 170 bytes each)"};
  };
  if (!options_.may_forget) return too_many("in the log, and the search for a quota has to hold them all");
  std::vector<std::uint32_t> full;
  const std::int64_t now_ns = totals_.last_s * kNsPerSecond;
  for (std::uint32_t i = 0; i < table_.size(); ++i) {
    const std::int64_t elapsed = now_ns - seen_[i].last_ns;
    if (std::all_of(contenders_.begin(), contenders_.end(),
                    [&](const auto& c) { return c.full(i, elapsed); }))
      full.push_back(i);
  }
  if (full.size() < options_.max_keys / 16 + 1)
    return too_many("have buckets that are not full at one time, so none can be forgotten");
  std::sort(full.begin(), full.end(),
            [&](auto a, auto b) { return std::pair(refusals(a), a) < std::pair(refusals(b), b); });
  const std::size_t goal = options_.max_keys / 4 * 3;
  std::vector<bool> keep(table_.size(), true);
  std::size_t left = table_.size();
  for (const auto i : full) {
    if (left <= goal && refusals(i) > 0) break;
    keep[i] = false;
    --left;
  }
  totals_.keys_forgotten += table_.size() - left;
  table_.retain(keep);
  for (auto& contender : contenders_) contender.retain(keep);
  std::size_t to = 0;
  for (std::size_t i = 0; i < keep.size(); ++i)
    if (keep[i]) seen_[to++] = seen_[i];
  seen_.resize(to);
  return Done{};
}

std::vector<std::uint32_t> Simulation::worst(std::size_t c, std::size_t most) const {
  const auto& contender = contenders_[c];
  std::vector<std::uint32_t> keys;
  for (std::uint32_t i = 0; i < table_.size(); ++i)
    if (contender.outcome(i).refused > 0) keys.push_back(i);
  const auto worse = [&](auto a, auto b) {
    if (contender.outcome(a).refused != contender.outcome(b).refused)
      return contender.outcome(a).refused > contender.outcome(b).refused;
    if (seen_[a].requests != seen_[b].requests) return seen_[a].requests > seen_[b].requests;
    return seen_[a].serial < seen_[b].serial;
  };
  const auto n = std::min(most, keys.size());
  std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(n), keys.end(), worse);
  keys.resize(n);
  return keys;
}

}  // namespace sluice::simulate
