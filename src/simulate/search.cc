#include "simulate/search.h"

#include <algorithm>
#include <string>

#include "simulate/contender.h"

namespace sluice::simulate {
namespace {

Result<Quota> with(const Quota& quota, std::int64_t capacity, std::int64_t tokens) {
  return Quota::make({.capacity = capacity, .tokens = tokens, .period = quota.period()});
}

/// A bound on a replay: how many `quota` with other numbers refuses.
Result<std::uint64_t> count(Replayer& replayer, const Result<Quota>& quota, std::uint64_t budget) {
  if (!quota) return quota.error();
  return replayer.refused(*quota, budget);
}

/// The smallest x in (low, high] that meets `meets`, which `high` does and `low` does not; and what it gave.
template <class Count>
Result<std::pair<std::int64_t, std::uint64_t>> bisect(std::int64_t low, std::int64_t high,
                                                      std::uint64_t at_high, std::uint64_t budget,
                                                      Count count_at) {
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    const Result<std::uint64_t> refused = count_at(middle);
    if (!refused) return refused.error();
    if (*refused <= budget)
      high = middle, at_high = *refused;
    else
      low = middle;
  }
  return std::pair{high, at_high};
}

}  // namespace

Result<Share> Share::parse_percent(std::string_view text) {
  const auto bad = [text] {
    return Error{Code::invalid_argument,
                 "share '" + std::string(text) + "': use per cent from 0 to 100, as in 1, 0.5% or 0.01%"};
  };
  auto rest = text;
  if (rest.ends_with('%')) rest.remove_suffix(1);
  while (rest.ends_with(' ')) rest.remove_suffix(1);
  Share share;
  bool point = false, digit = false;
  for (const char c : rest) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9' || share.den >= 100'000'000'000 || share.num > 100'000'000'000) return bad();
    share.num = share.num * 10 + static_cast<std::uint64_t>(c - '0');
    if (point) share.den *= 10;
    digit = true;
  }
  if (!digit || share.num > share.den) return bad();
  return share;
}

std::uint64_t Share::of(std::uint64_t n) const {
  return static_cast<std::uint64_t>(static_cast<Int128>(n) * static_cast<Int128>(num) /
                                    static_cast<Int128>(den));
}

Replayer::Replayer(const EventSpool& events, std::uint32_t keys, bool spread)
    : events_(events), spread_(spread), buckets_(keys) {}

Result<std::uint64_t> Replayer::refused(const Quota& quota, std::uint64_t enough) {
  const auto rate = quota.wide();
  std::fill(buckets_.begin(), buckets_.end(), Bucket{0, 0});
  std::uint64_t count = 0;
  const auto arrive = [&](const Event& event, std::int64_t now_ns) {
    Bucket& bucket = buckets_[event.key];
    const auto s =
        step<Int128>(rate, Op::take, event.cost, refilled(rate, bucket.ahead, now_ns - bucket.last_ns));
    bucket = {s.ahead, now_ns};
    count += s.outcome == Outcome::allowed ? 0 : 1;
  };
  Arrivals arrivals(spread_, arrive);
  const auto replayed = events_.for_each([&](const Event& event) {
    arrivals.add(event);
    return count <= enough;
  });
  if (!replayed) return replayed.error();
  arrivals.finish();
  return count;
}

Result<Found> find_burst(Replayer& replayer, const Quota& quota, std::int64_t burst_needed,
                         std::uint64_t budget) {
  const auto at = [&](std::int64_t burst) { return with(quota, burst, quota.tokens()); };
  const auto found =
      bisect(0, burst_needed, 0, budget, [&](auto burst) { return count(replayer, at(burst), budget); });
  if (!found) return found.error();
  const auto best = at(found->first);
  if (!best) return best.error();
  return Found{*best, found->second};
}

Result<std::optional<Found>> find_rate(Replayer& replayer, const Quota& quota, bool spread,
                                       std::uint64_t budget) {
  // At `limit` a bucket is full again at the next moment that anything can happen: faster is the same.
  const Int128 moment_ns = spread ? 1 : kNsPerSecond;
  const Int128 moments = (quota.period().count() + moment_ns - 1) / moment_ns;
  const auto limit =
      static_cast<std::int64_t>(std::min<Int128>(moments * quota.capacity(), static_cast<Int128>(1) << 60));
  const auto at = [&](std::int64_t tokens) { return with(quota, quota.capacity(), tokens); };
  const auto count_at = [&](std::int64_t tokens) { return count(replayer, at(tokens), budget); };
  std::int64_t low = 0, high = std::min(quota.tokens(), limit);
  auto at_high = count_at(high);
  while (at_high && *at_high > budget && high < limit) {
    low = high;
    high = high > limit / 2 ? limit : high * 2;
    at_high = count_at(high);
  }
  if (!at_high) return at_high.error();
  if (*at_high > budget) return std::optional<Found>{};
  const auto found = bisect(low, high, *at_high, budget, count_at);
  if (!found) return found.error();
  const auto best = at(found->first);
  if (!best) return best.error();
  return std::optional(Found{*best, found->second});
}

}  // namespace sluice::simulate
