// leases.h: the leases (lease.h) of the buckets that were asked for lately, and how much is charged ahead.
//
// A key begins with nothing ahead. When it comes back to the store soon, as many tokens as it took are asked
// for with it, then twice as many, to a bound; a lease is renewed when half of it is spent, so that a hot key
// does not wait. One that lasts long is halved. So leases find the keys that pay, and others are decided
// as if there were none. What is asked for ahead is "as many of these as there are"; for those
// who take several tokens at once, whole multiples or none: a part would lie idle.
//
// Decided by the store all the same: chains, reserve, charge, peek, refund and reset; a take of more than is
// left; quotas of 128 bits, and those whose capacity is below kShare tokens. A refund or a reset gives up
// this instance's lease (its tokens are lost until refilled) and keeps the bucket from being leased for
// kExactFor.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/shared/call.h"
#include "store/shared/lately.h"
#include "store/shared/lease.h"
#include "store/store.h"

namespace sluice::store {

struct LeaseOptions {
  std::size_t entries = 16'384;      ///< Buckets; the lease of one that gives way to another is lost.
  std::int64_t tokens_max = 10'000;  ///< Ahead at one time, of one bucket.
  Lease::Drift drift = {};
  Duration soon = std::chrono::milliseconds(50);  ///< Who comes back sooner is leased twice as much.
};

struct LeaseStats {
  std::uint64_t asks = 0;     ///< Answered from leases.
  std::uint64_t charged = 0;  ///< Tokens charged ahead.
  std::uint64_t spent = 0;    ///< Tokens of these that were granted.
};

class Leases {
 public:
  static constexpr std::int64_t kShare = 8;  ///< At most this part of the capacity is ahead at one instance.
  static constexpr Duration kExactFor = std::chrono::seconds(10);

  Leases(LeaseOptions options, std::uint64_t seed);  ///< `seed`: of the key hash.
  ~Leases();

  /// Whether the ask, which stands alone, can be answered from a lease.
  static bool covers(const Ask& ask);

  enum class Taken : std::uint8_t {
    no,  ///< There are too few tokens; the store decides.
    yes,
    of_few,  ///< Yes, and it is time to ask for more: ahead().
  };
  /// Spends tokens. REQUIRES: covers(ask).
  Taken take(const Ask& ask, Time now, Decision& decision);

  /// An ask for tokens ahead, to be sent behind `ask`, or none. `went`: the store decides `ask`, else it has
  /// just been answered here, of few. Ends with answered() or given_up().
  std::optional<Chain> ahead(const Ask& ask, bool went, Time now);
  static bool is_ours(const Chain& chain) { return chain.ticket != nullptr && chain.ticket->lease; }
  void answered(const Call& call, const Chain& chain, Time sent);
  void given_up(const Chain& chain, Time now);

  /// The bucket is about to be given tokens.
  void forget(const Family& family, std::string_view key, Time now);
  /// Another server holds the buckets from now on, and may not know what was charged: no lease outlives the
  /// server that charged it.
  void server_changed() { ++server_; }

  const LeaseStats& stats() const { return stats_; }
  std::int64_t bound(const Quota& quota) const;  ///< The most tokens ahead.

 private:
  struct Order;
  struct Held {
    Lease lease;
    std::int64_t size = 0;         // Tokens to ask for.
    Time asked{};                  // When, last; or when the key came to the store.
    Time not_before{};             // Nothing is asked for ahead until then.
    const Order* order = nullptr;  // On its way; its answer counts only while it is this one.
    Time told_sent{};              // The latest call with tokens ahead, and the ticks until full after it.
    std::int64_t told_ahead = 0;
    std::uint32_t server = 0;
  };

  Held& held(const Family& family, std::string_view key);
  Held* find(const Family& family, std::string_view key);
  std::unique_ptr<Order> finished(const Chain& chain);

  const LeaseOptions options_;
  Lately<Held> held_;
  std::vector<std::unique_ptr<Order>> flying_, spare_;
  std::uint32_t server_ = 0;
  LeaseStats stats_;
};

}  // namespace sluice::store
