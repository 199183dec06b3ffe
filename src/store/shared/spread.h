// spread.h: chains over several slots of a Cluster, which no script can decide at once: charge and give back.
//
// Each part, of one slot, is charged there, all at one time. If all pass, so does the chain. If one refuses
// or is lost, what the others charged is given back: exactly that, less what the bucket would have been
// refilled by since without it. So never is too much granted; until it is given back others may be refused
// what they would have got, and if a give-back is lost, until that is refilled. The answers are those of
// store/chain.h, from the buckets as each part found them.
//
// What never refuses (peek, charge, refund, reset) needs no giving back: a part that is lost is decided
// without the store, by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "redis/node.h"
#include "store/shared/call.h"

namespace sluice::store {

class Lanes;

struct SpreadStats {
  std::uint64_t chains = 0;      ///< Over several slots.
  std::uint64_t given_back = 0;  ///< Charges, of one bucket each.
  std::uint64_t lost = 0;        ///< Of which nobody can say whether they were given back.
};

class Spread {
 public:
  explicit Spread(Lanes& lanes);
  ~Spread();

  /// `by_bucket`: the buckets of one slot cannot travel together either; each is a part. False: the chain
  /// has several ops, or only one part.
  bool begin(const Chain& chain, bool by_bucket, Time deadline, Time now);
  /// The same for a part, of `slot`, of which that turns out.
  bool split(const Chain& part, std::uint16_t slot, Time deadline, Time now);
  /// What became of a chain that has a Part.
  void answered(const Chain& part);
  void given_up(const Chain& part, redis::Loss loss, Time now);

  void wake(Time now);  ///< Tries again what certainly was not given back.
  Time next_wake() const { return next_wake_; }
  const SpreadStats& stats() const { return stats_; }

 private:
  struct Piece;
  struct Whole;
  struct GiveBack;

  void send(Piece& piece, std::uint16_t slot, Time deadline, Time now);
  void heard(Piece& piece);
  void finish(Whole& whole);
  void finish_each(Whole& whole);
  bool decide(Whole& whole);
  void give_back(Whole& whole, bool allowed);
  void try_to_give_back(std::unique_ptr<GiveBack> one, Time now);
  std::unique_ptr<GiveBack> ended(GiveBack& one);
  Whole& issue();

  Lanes& lanes_;
  std::vector<std::unique_ptr<Whole>> wholes_;  // All there are.
  std::vector<Whole*> spare_;
  std::vector<std::unique_ptr<GiveBack>> under_way_;
  std::vector<std::unique_ptr<GiveBack>> waiting_;
  Time next_wake_ = Time::max();
  SpreadStats stats_;
};

}  // namespace sluice::store
