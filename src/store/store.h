// store.h: where buckets live, as the doors see it. A store answers spans of asks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sluice/quota.h"
#include "sluice/result.h"

namespace sluice::store {

/// What holds while a shared store is away. Such decisions are marked Origin::degraded.
enum class OnFailure : std::uint8_t {
  local,  ///< A bucket in this process decides, with this instance's share of the quota.
  allow,
  deny,
};

/// How exactly instances that share a store count. A local store is always strict.
enum class Consistency : std::uint8_t {
  strict,  ///< Every decision is the store's.
  leased,  ///< Tokens of hot buckets are charged ahead and then spent without asking: never too many.
};

/// The buckets of one quota of one limit, told apart by key. Two families with one name are the same buckets.
struct Family {
  explicit Family(std::string limit_name, std::size_t quota_index = 0, OnFailure when_away = OnFailure::local,
                  Consistency kept = Consistency::strict);
  /// Of a limit's ids (once.h).
  static Family of_ids(const std::string& limit_name, OnFailure when_away);
  std::string limit;
  std::size_t quota;   ///< Its index in the limit.
  std::string name;    ///< For instance "api" or "api#1".
  std::uint64_t salt;  ///< A hash of the name, mixed into the hash of every key.
  OnFailure on_failure;
  Consistency consistency;
  bool once = false;  ///< Its keys are once_key()s.
  std::string tag;    ///< What decides the slot of its buckets in a Cluster; empty: limit and key.
};

/// One bucket's part of a request. Views and pointers must stay valid until the batch is done.
struct Ask {
  std::string_view key;  ///< Any bytes.
  const Family* family = nullptr;
  const Quota* quota = nullptr;
  std::int64_t amount = 1;  ///< Tokens; >= 0.
  Op op = Op::take;
  /// This ask and the next stand or fall together: if one bucket refuses, none is charged. A chain has one
  /// op (a refund may have the take of an id among it), and take_up_to takes the same number, the smallest,
  /// from each of its buckets.
  bool with_next = false;
  Duration max_wait{0};  ///< reserve only: the longest wait that is acceptable.
};

/// What one read from a socket brought. `decisions` has the length of `asks`. In a chain that was refused,
/// the buckets that would have passed say `allowed` with granted 0.
struct Batch {
  std::span<const Ask> asks;
  std::span<Decision> decisions;
  Time now;
};

/// Whether a store can keep the buckets of a quota, and if not, why and what to mend. Null: it can of all.
using QuotaCheck = Status (*)(const Quota&);

class Completion {
 public:
  virtual void decided() = 0;

 protected:
  ~Completion() = default;
};

class Store {
 public:
  virtual ~Store() = default;
  /// Fills batch.decisions and then calls done.decided(), once: before it returns or later, on the calling
  /// thread's event loop. The batch and `done` must stay where they are until then. Thread-safe.
  virtual void decide(Batch& batch, Completion& done) = 0;
};

}  // namespace sluice::store
