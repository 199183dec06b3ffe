#include "simulate/contender.h"

#include <algorithm>

namespace sluice::simulate {
namespace {

std::optional<std::int64_t> tokens_up(const Rate<Int128>& rate, Int128 ticks) {
  if (ticks >= rate.debt_max) return {};
  const Int128 tokens = ticks / rate.per_token + (ticks % rate.per_token != 0 ? 1 : 0);
  if (tokens > std::numeric_limits<std::int64_t>::max()) return {};
  return std::max<std::int64_t>(static_cast<std::int64_t>(tokens), 1);
}

}  // namespace

Contender::Contender(std::string name, std::vector<Quota> quotas)
    : name_(std::move(name)),
      quotas_(std::move(quotas)),
      forgotten_peaks_(quotas_.size()),
      steps_(quotas_.size()) {
  for (const auto& quota : quotas_) rates_.push_back(quota.wide());
}

void Contender::add_key() {
  buckets_.resize(buckets_.size() + quotas_.size());
  outcomes_.emplace_back();
}

bool Contender::arrive(std::uint32_t key, std::int64_t elapsed_ns, std::int64_t cost, std::uint32_t second) {
  bool allowed = true;
  for (std::size_t q = 0; q < quotas_.size(); ++q) {
    const auto& rate = rates_[q];
    Bucket& b = bucket(key, q);
    // Op::charge without its division: below 2^125 + 2^63 * 2^63, so nothing overflows.
    const Int128 debt = refilled(rate, b.debt, elapsed_ns) + static_cast<Int128>(cost) * rate.per_token;
    b.debt = std::min(debt, rate.debt_max);
    b.debt_peak = std::max(b.debt_peak, b.debt);
    b.ahead = refilled(rate, b.ahead, elapsed_ns);
    steps_[q] = step<Int128>(rate, Op::take, cost, b.ahead);
    allowed = allowed && steps_[q].outcome == Outcome::allowed;
  }
  if (allowed)
    for (std::size_t q = 0; q < quotas_.size(); ++q) bucket(key, q).ahead = steps_[q].ahead;
  else
    note_refusal(outcomes_[key], steps_, cost, second);
  return allowed;
}

void Contender::note_refusal(KeyOutcome& outcome, const std::vector<Step<Int128>>& steps, std::int64_t cost,
                             std::uint32_t second) {
  Duration wait{0};
  for (std::size_t q = 0; q < steps.size(); ++q)
    wait = std::max(wait, decide(rates_[q], steps[q]).retry_after);
  ++refused_;
  refused_cost_ += cost;
  never_ += wait == kNever ? 1 : 0;
  if (outcome.refused++ == 0) {
    ++keys_refused_;
    outcome.first_refusal_s = second;
  }
  outcome.longest_wait_ns = std::max(outcome.longest_wait_ns, wait.count());
}

bool Contender::full(std::uint32_t key, std::int64_t elapsed_ns) const {
  for (std::size_t q = 0; q < quotas_.size(); ++q)
    if (refilled(rates_[q], std::max(bucket(key, q).ahead, bucket(key, q).debt), elapsed_ns) != 0)
      return false;
  return true;
}

double Contender::level(std::uint32_t key, std::int64_t elapsed_ns) const {
  double lowest = 1;
  for (std::size_t q = 0; q < quotas_.size(); ++q)
    lowest = std::min(lowest, 1 - static_cast<double>(refilled(rates_[q], bucket(key, q).ahead, elapsed_ns)) /
                                      static_cast<double>(rates_[q].full));
  return lowest;
}

void Contender::retain(const std::vector<bool>& keep) {
  std::size_t to = 0;
  for (std::uint32_t key = 0; key < keep.size(); ++key) {
    for (std::size_t q = 0; q < quotas_.size(); ++q) {
      const Bucket& b = bucket(key, q);
      if (keep[key])
        buckets_[to * quotas_.size() + q] = b;
      else
        forgotten_peaks_[q] = std::max(forgotten_peaks_[q], b.debt_peak);
    }
    if (keep[key]) outcomes_[to++] = outcomes_[key];
  }
  buckets_.resize(to * quotas_.size());
  outcomes_.resize(to);
}

std::optional<std::int64_t> Contender::burst_needed(std::size_t q) const {
  Int128 peak = forgotten_peaks_[q];
  for (std::uint32_t key = 0; key < outcomes_.size(); ++key) peak = std::max(peak, bucket(key, q).debt_peak);
  return tokens_up(rates_[q], peak);
}

std::optional<std::int64_t> Contender::burst_needed(std::size_t q, std::uint32_t key) const {
  return tokens_up(rates_[q], bucket(key, q).debt_peak);
}

}  // namespace sluice::simulate
