// contender.h: one limit under trial: its quotas, and the buckets of every key under them. All arithmetic is
// sluice/ticks.h in 128 bits: exact for every quota that there can be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluice/quota.h"

namespace sluice::simulate {

/// A bucket's time until full after `elapsed_ns` in which nobody asked.
constexpr Int128 refilled(const Rate<Int128>& rate, Int128 ahead, std::int64_t elapsed_ns) {
  const Int128 gained = static_cast<Int128>(elapsed_ns) * rate.per_ns;  // Below 2^63 * 2^61.
  return gained >= ahead ? 0 : ahead - gained;
}

/// What became of one key's requests.
struct KeyOutcome {
  std::uint64_t refused = 0;
  std::int64_t first_refusal_s = -1;  ///< Since 1970 UTC; -1: never refused.
  std::int64_t longest_wait_ns =
      0;  ///< The longest retry_after that a refusal told; kNever's count if one said never.
};

class Contender {
 public:
  /// `name`: how reports call it. REQUIRES: at least one quota; all must pass, or none is charged.
  Contender(std::string name, std::vector<Quota> quotas);

  const std::string& name() const { return name_; }
  const std::vector<Quota>& quotas() const { return quotas_; }

  /// The next key, with full buckets.
  void add_key();
  /// One request of a key that last asked `elapsed_ns` before. Returns whether it is allowed.
  bool arrive(std::uint32_t key, std::int64_t elapsed_ns, std::int64_t cost, std::uint32_t second);

  const KeyOutcome& outcome(std::uint32_t key) const { return outcomes_[key]; }
  std::uint64_t refused() const { return refused_; }  ///< Requests.
  std::uint64_t never() const { return never_; }      ///< Those of them that cost more than a capacity.
  std::uint64_t keys_refused() const { return keys_refused_; }
  Int128 refused_cost() const { return refused_cost_; }

  /// Whether all of the key's buckets are full `elapsed_ns` after its last request, and would be had it never
  /// been refused: then forgetting it changes neither a decision nor burst_needed.
  bool full(std::uint32_t key, std::int64_t elapsed_ns) const;
  /// The fullness of the key's emptiest bucket, 0 to 1, `elapsed_ns` after its last request. For charts.
  double level(std::uint32_t key, std::int64_t elapsed_ns) const;
  /// As std::vector::erase of those with !keep[i].
  void retain(const std::vector<bool>& keep);

  /// The smallest burst of quota `q`, at its rate, under which nobody would have been refused, whatever the
  /// other quotas do; for one key or for all. Exact: it is the largest time until full that a bucket would
  /// have reached had it refused nobody, in tokens, rounded up. None if it is 2^63 or more.
  std::optional<std::int64_t> burst_needed(std::size_t q) const;
  std::optional<std::int64_t> burst_needed(std::size_t q, std::uint32_t key) const;

 private:
  struct Bucket {
    Int128 ahead = 0;      // Ticks until full at the key's last request.
    Int128 debt = 0;       // The same had every request been charged.
    Int128 debt_peak = 0;  // The most that debt has been.
  };
  Bucket& bucket(std::uint32_t key, std::size_t q) { return buckets_[key * quotas_.size() + q]; }
  const Bucket& bucket(std::uint32_t key, std::size_t q) const { return buckets_[key * quotas_.size() + q]; }
  void note_refusal(KeyOutcome& outcome, const std::vector<Step<Int128>>& steps, std::int64_t cost,
                    std::uint32_t second);

  std::string name_;
  std::vector<Quota> quotas_;
  std::vector<Rate<Int128>> rates_;
  std::vector<Bucket> buckets_;  // Key by key, quota by quota.
  std::vector<KeyOutcome> outcomes_;
  std::vector<Int128> forgotten_peaks_;  // One a quota: the most that any key which is no longer held needed.
  std::vector<Step<Int128>> steps_;      // Scratch of arrive().
  std::uint64_t refused_ = 0;
  std::uint64_t never_ = 0;
  std::uint64_t keys_refused_ = 0;
  Int128 refused_cost_ = 0;
};

}  // namespace sluice::simulate
