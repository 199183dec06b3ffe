// call.h: what one call asks of a node's buckets, and the answers read out of its reply.
//
//     Call call;
//     if (!call.add(asks, decisions, ticket)) ...;       // Full: the next call takes it.
//     call.write(kScriptSha, out);                       // EVALSHA
//     call.answer(now_us, values);                       // Every decision, in the order of add().
//
// Asks for one bucket travel as one key; takes of one cost in a row as one step ("of these m, how many
// pass?"). The script (script.lua) applies the steps and returns the buckets as they were; every answer
// follows from that, with the arithmetic of a local bucket. So decisions are the same as if each ask had gone
// alone, in this order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redis/node.h"
#include "store/shared/bucket_value.h"
#include "store/shared/told.h"
#include "store/store.h"

namespace sluice::store {

/// Whose decisions are outstanding: one batch of a door.
struct Ticket {
  Completion* done = nullptr;
  std::size_t left = 0;    ///< Chains without an answer.
  bool repayment = false;  ///< The store's own (arrears.h): no rule holds for it while the store is away.
  bool lease = false;      ///< As well (leases.h); `done` is nobody.
};

/// A bucket when a call came to it.
struct Before {
  Int128 ahead = 0;  ///< Ticks until full.
  std::int64_t behind_us = 0;
  Tat tat;  ///< Or the store's time, where that is later.
};

/// Of a chain that is asked for a store's own ends (spread.h): a part of a longer one, or what gives one
/// back.
struct Part {
  std::span<Before> before;  ///< Of a part: one for each ask, filled in with the answers.
  /// The ask is a refund of what was charged when the bucket was as `before` says. What would have been
  /// refilled by now without that charge is not given back: it would be granted twice.
  bool gives_back = false;
};

/// An ask, or several that stand or fall together.
struct Chain {
  std::span<const Ask> asks;
  std::span<Decision> decisions;
  Ticket* ticket = nullptr;
  Part* part = nullptr;
};

/// The store's clock is behind the bucket's: all that is waited for comes so much later.
void wait_for_clock(Decision& decision, std::int64_t behind_us);

class Call {
 public:
  static constexpr std::size_t kBucketsMax =
      32;  ///< More makes others wait for the node longer, for little gain.
  static constexpr std::size_t kStepsMax = 256;
  static constexpr std::size_t kChainsMax = 4096;

  /// False if it does not fit; then nothing was added. `told` may be null: it is asked for floors. REQUIRES:
  /// fits_shared() of every quota.
  bool add(const Chain& chain, const Told* told = nullptr, std::size_t buckets_max = kBucketsMax);

  /// Appends `EVALSHA script` or `EVAL script`, as `verb` says, with the buckets and steps.
  void write(std::string_view verb, std::string_view script, std::string& out) const;

  /// Fills in the decisions. `reply` is the script's. False if it is no such reply: then no decision is
  /// filled in. Chains with a bucket under whose key lies something else are put into `failed`.
  bool answer(redis::Reply reply, std::vector<Chain>& failed);

  /// A bucket after an answered call.
  struct Bucket {
    std::string_view key;  ///< Of the ask.
    const Family* family;
    Rate<Int128> rate;
    Int128 ahead = 0;
    std::int64_t behind_us = 0;
    std::optional<Tat> floor;
    bool ours = true;
    bool refused =
        false;  ///< An ask that stood alone was refused, and none came after it that changed the bucket.
    std::uint64_t hash = 0;
    std::size_t last_step = kNone;
    std::size_t steps = 0;  ///< One of a chain counts twice: it does not stand alone.
    std::size_t text_at = 0, text_size = 0;
  };
  std::span<const Bucket> buckets() const { return buckets_; }
  /// Null: the call asks nothing of this one.
  const Bucket* find(const Family& family, std::string_view key) const;
  /// Of an answered call: a bucket's TAT after it.
  Tat tat(const Bucket& bucket) const;
  std::vector<Chain>& chains() { return chains_; }
  const std::vector<Chain>& chains() const { return chains_; }
  bool empty() const { return chains_.empty(); }
  void clear();

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  enum What : std::uint8_t {
    take = 1,
    charge = 2,
    refund = 3,
    floor = 4,
    give_back = 5,
    only_take = 6,
    with_next = 8
  };
  struct Step {
    std::size_t bucket;
    std::uint8_t what;
    std::int64_t cost;  ///< Tokens (of a floor: none); two steps of one cost and kind in a row are one.
    Rate<Int128> rate;
    Int128 most;  ///< Ticks until full that may be reached.
    std::int64_t times;
    const Tat* since = nullptr;  ///< Of give_back.
  };

  std::size_t bucket_of(const Ask& ask, const Told* told);
  std::uint8_t what(const Step& step) const;
  std::size_t alike(std::size_t first) const;
  void add_step(const Ask& ask, std::size_t bucket, bool chained);
  void note_before(const Chain& chain, std::span<const std::uint8_t> buckets) const;
  void answer_one(const Chain& chain, std::size_t bucket);
  void answer_give_back(const Chain& chain, Bucket& bucket) const;
  void answer_chain(const Chain& chain, std::span<const std::uint8_t> buckets);

  std::vector<Bucket> buckets_;
  std::vector<Step> steps_;
  std::vector<Chain> chains_;
  std::vector<std::uint8_t> bucket_of_ask_;  ///< Of every ask of every chain, in order.
  std::int64_t now_us_ = 0;                  ///< The store's, of the answer.
  std::string keys_;                         ///< The buckets' keys in the store, one behind the other.
};

}  // namespace sluice::store
