#include "sluice/bucket.h"

#include "core/atomic128.h"

namespace sluice {
namespace {

Int128 ticks_at(Time now, const Rate<Int128>& rate) {
  return static_cast<Int128>(now.time_since_epoch().count()) * rate.per_ns;
}

}  // namespace

Bucket::Bucket(const Quota& quota, Time since) noexcept
    : quota_(quota),
      one_tick_a_ns_(quota.is_narrow() && quota.narrow().per_ns == 1),
      latest_(since),
      word_(static_cast<std::uint64_t>(since.time_since_epoch().count())),
      wide_(ticks_at(since, quota.wide())) {}

Decision Bucket::run_wide(Op op, std::int64_t amount, Time now, Duration max_wait) noexcept {
  const auto rate = quota_.wide();
  const Int128 base = ticks_at(now, rate);
  const Int128 longest = duration_to_ticks(rate, max_wait);
  auto& word = reinterpret_cast<UInt128&>(wide_);
  UInt128 seen = load_whole(word);
  for (;;) {
    const auto ahead = std::max<Int128>(static_cast<Int128>(seen) - base, 0);
    const auto s = step(rate, op, amount, ahead, longest);
    if (!s.changed || compare_exchange(word, seen, static_cast<UInt128>(base + s.ahead)))
      return decide(rate, s);
  }
}

}  // namespace sluice
