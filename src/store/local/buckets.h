// buckets.h: the table and its annex as one: asks in, decisions out.
#pragma once

#include <span>

#include "store/local/annex.h"
#include "store/local/table.h"
#include "store/store.h"

namespace sluice::store {

class Buckets {
 public:
  Buckets(std::size_t max_keys, std::uint64_t seed)
      : table(max_keys), annex(max_keys / 16 + 64), seed_(seed) {}

  void decide(std::span<const Ask> asks, std::span<Decision> decisions, Time now);

  std::uint64_t seed() const { return seed_; }
  /// REQUIRES: nothing was decided yet.
  void set_seed(std::uint64_t seed) { seed_ = seed; }

  /// Puts a wide quota's bucket in as it was saved; the later of two TATs holds, also of one in the table.
  void restore_wide(const KeyHash& key, std::int64_t per_ns, Int128 ahead, std::int64_t now_ns);

  Table table;
  Annex annex;

 private:
  struct Link;
  enum class Attempt : std::uint8_t { done, no_room, needs_annex };

  bool decide_present(const Ask& ask, const KeyHash& key, std::int64_t now_ns, Decision& decision);
  bool decide_newcomer(const Ask& ask, const KeyHash& key, std::int64_t now_ns, Decision& decision);
  void chain(std::span<const Ask> asks, std::span<const KeyHash> keys, std::span<Decision> decisions,
             std::int64_t now_ns);
  Attempt attempt(std::span<Link> links, std::int64_t now_ns, bool with_annex);
  Attempt hold(Link& link, std::int64_t now_ns, bool with_annex);
  void move_to_annex(Link& link, std::int64_t now_ns);
  void release(Link& link, std::int64_t now_ns, bool commit);

  std::uint64_t seed_;
};

}  // namespace sluice::store
