// refusals.h: refusals that the shared store gave lately, and buckets that it found without a token. A
// bucket's TAT only grows, except by a refund or a reset: so who asks again too early is refused without
// another call. What somebody else gives back is seen once the memory ends (`keep`): until then this instance
// may refuse what would pass; it never allows what would not. Its numbers are those of the bucket as this
// instance's own asks left it: one that goes to the store in spite of a memory ends that, until its answer
// tells more.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/ticks.h"
#include "store/shared/lately.h"
#include "store/store.h"

namespace sluice::store {

class Refusals {
 public:
  /// `keep`: the longest that a refusal is remembered; 0: not at all. `seed`: of the key hash.
  Refusals(std::size_t entries, Duration keep, std::uint64_t seed);

  /// The bucket was `ahead` ticks from full at `sent` at the earliest, when call number `call` was sent. Wide
  /// quotas are not remembered.
  void remember(const Family& family, std::string_view key, const Rate<Int128>& rate, Int128 ahead, Time sent,
                std::uint64_t call);
  /// The same of a bucket that refused nobody: what is remembered of it, if anything is, goes on from there.
  void went_on(const Family& family, std::string_view key, const Rate<Int128>& rate, Int128 ahead, Time sent,
               std::uint64_t call);
  /// The bucket is about to be changed, by a call numbered `next_call` at the earliest:
  /// what an earlier one tells of it no longer counts.
  void forget(const Family& family, std::string_view key, std::uint64_t next_call);
  /// The same, if anything is remembered.
  void ask_goes(const Ask& ask, Time now, std::uint64_t next_call);

  /// True if the ask is refused for certain; the decision says so.
  bool refuses(const Ask& ask, Time now, Decision& decision) const;

 private:
  struct Refusal {
    std::int64_t ahead = 0;  // Ticks until full at `sent`; 0: nothing is remembered.
    std::int64_t per_ns = 1;
    Time sent{};
    std::uint64_t not_before = 0;  // Calls of lower numbers know nothing of what came since.
  };
  void learn(Refusal& known, const Rate<Int128>& rate, Int128 ahead, Time sent, std::uint64_t call) const;
  bool kept(const Rate<Int128>& rate, Int128 ahead) const;

  Lately<Refusal> refusals_;
  const Duration keep_;
  Time kept_until_{};  // Of the youngest: mostly none is kept, and none need be looked for.
};

}  // namespace sluice::store
