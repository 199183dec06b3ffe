// arrears.h: what this process granted by itself while the shared store was away, and owes to it: charged
// there once it is back, so the end of an outage is no second burst.
//
// A bucket owes what it granted since it was charged last, but for what its local share has got back by now.
// With n instances of 1/n each, what all of them granted since some moment is at most what the quota allows
// less what their shares lack together, and that much is charged. Each charge carries an id (once.h), so it
// is repeated until it is known to have been done, and is done once. A debt that the store's bucket cannot
// cover is waited out there. The local share stays as it is: a loop that is still without the store grants no
// more for it.
//
// Thread-safe: the loops of a process share it, as they share the local buckets. It is asked only while
// something is owed, and in an outage.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "store/store.h"

namespace sluice::store {

/// One bucket's. It belongs to whoever took it, to charge it.
class Debt {
 public:
  explicit Debt(const Ask& ask);

  Family family;
  Family ids;
  std::string key;
  Quota quota;
  std::int64_t instances = 1;  ///< Whose share of it granted: where that changed, the largest share.
  std::int64_t granted = 0;    ///< Since the charge before.
  std::int64_t tokens = 0;     ///< To be charged, under `id_key`. 0: not yet found out.
  std::string id_key;

 private:
  friend class Arrears;
  std::int64_t later_ = 0;  // Granted since this charge began, for the next.
  std::optional<Time> failed_first_;
  bool asked_ = false;   // Somebody has it.
  bool queued_ = false;  // Of take_any().
};

class Arrears {
 public:
  static constexpr std::size_t kDebtsMax = 65'536;

  Arrears();

  /// Whether anything is owed, cheaply.
  bool any() const { return owing_.load(std::memory_order_relaxed) > 0; }
  /// The worst case of what was granted too much: tokens granted here and not yet charged.
  std::int64_t tokens() const { return tokens_.load(std::memory_order_relaxed); }
  /// Debts that were dropped: there were kDebtsMax already, or they could not be charged for as long as ids
  /// are kept.
  std::uint64_t forgotten() const { return forgotten_.load(std::memory_order_relaxed); }

  /// The bucket has granted `granted` tokens by itself, from a share of one of so many instances.
  void note(const Ask& ask, std::int64_t granted, std::int64_t instances = 1);

  /// A debt to charge: the caller's until settled(). Null: there is none, or somebody has it already.
  Debt* take(const Family& family, std::string_view key);
  Debt* take_any();
  void settled(Debt& debt, bool charged, Time now);

 private:
  using Name = std::pair<std::string, std::string>;  // The family's, and the key.
  Debt* claim(Debt& debt);
  void queue(Debt& debt);
  bool owes(const Debt& debt) const { return debt.granted + debt.later_ > 0; }

  std::atomic<std::int64_t> owing_{0}, tokens_{0};
  std::atomic<std::uint64_t> forgotten_{0};
  std::mutex mutex_;
  std::map<Name, Debt> debts_;
  std::deque<Debt*> queue_;
  std::uint64_t ids_ = 0;
  const std::uint64_t process_;  // In ids: another process's are others.
};

}  // namespace sluice::store
