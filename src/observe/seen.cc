#include "observe/seen.h"

#include <algorithm>
#include <cmath>

#include "core/decision_names.h"
#include "wire/json_object.h"

namespace sluice::observe {

namespace {

using wire::JsonObject;

/// Twice the standard deviation of an estimate by samples that stand for `weight` decisions each: 19 of 20
/// lie within.
std::uint64_t sampling_error(std::uint64_t count, double weight) {
  return static_cast<std::uint64_t>(
      std::ceil(2 * std::sqrt(static_cast<double>(count) * std::max(0.0, weight - 1))));
}

}  // namespace

void Seen::take(const Sample& s, std::int64_t wall_ns) {
  const std::lock_guard lock(mutex_);
  turn(wall_ns);
  auto it = limits_.find(*s.limit);
  if (it == limits_.end()) {
    if (limits_.size() >= options_.limits) {
      beyond_ += s.weight;
      return;
    }
    it = limits_.emplace(*s.limit, options_.keys).first;
  }
  Window& now = it->second.now;
  ++now.samples;
  now.asked.add(s.key(), s.weight);
  if (s.outcome == Outcome::allowed) return;
  now.refused.add(s.key(), s.weight);
  if (refusals_.size() >= options_.refusals) refusals_.pop_front();
  refusals_.push_back(
      {&it->first, std::string(s.key()), wall_ns, s.cost, s.wait, s.weight, s.quota, s.outcome, s.origin});
}

void Seen::lost(std::uint64_t decisions) {
  const std::lock_guard lock(mutex_);
  lost_ = decisions;
}

/// REQUIRES: the lock.
void Seen::turn(std::int64_t wall_ns) {
  const auto length = options_.window.count();
  if (window_begin_ != 0 && wall_ns >= window_begin_ && wall_ns < window_begin_ + length) return;
  // The clock may have gone back, or nobody may have asked for long: then nothing is left of before.
  const bool follows = wall_ns >= window_begin_ && wall_ns < window_begin_ + 2 * length;
  before_begin_ = follows ? window_begin_ : wall_ns;
  window_begin_ = wall_ns;
  for (auto& [name, limit] : limits_) {
    if (follows)
      limit.before = std::move(limit.now);
    else
      limit.before = Window(options_.keys);
    limit.now = Window(options_.keys);
  }
}

std::string Seen::top(std::string_view limit, By by, std::size_t n, std::int64_t wall_ns) {
  struct Row {
    const std::string* limit;
    HeavyKeys::Key key;
    double weight;
  };
  std::vector<Row> rows;
  std::uint64_t asked = 0, refused = 0, samples = 0;
  const std::lock_guard lock(mutex_);
  turn(wall_ns);
  for (const auto& [name, l] : limits_) {
    if (!limit.empty() && name != limit) continue;
    const std::uint64_t all = l.now.asked.total() + l.before.asked.total();
    const std::uint64_t taken = l.now.samples + l.before.samples;
    asked += all;
    refused += l.now.refused.total() + l.before.refused.total();
    samples += taken;
    const double weight = taken == 0 ? 1 : static_cast<double>(all) / static_cast<double>(taken);
    for (auto& key : by == By::asked ? HeavyKeys::sum(l.now.asked, l.before.asked)
                                     : HeavyKeys::sum(l.now.refused, l.before.refused))
      rows.push_back({&name, std::move(key), weight});
  }
  n = std::min(n, rows.size());
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(n), rows.end(),
                    [](const Row& a, const Row& b) {
                      if (a.key.count != b.key.count) return a.key.count > b.key.count;
                      return *a.limit != *b.limit ? *a.limit < *b.limit : a.key.key < b.key.key;
                    });
  std::string out;
  {
    JsonObject all(out);
    all.time("time", wall_ns);
    all.time("since", before_begin_);
    all.text("by", by == By::asked ? "asked" : "refused");
    all.number("asked", asked);
    all.number("refused", refused);
    all.number("samples", samples);
    const double rate = asked == 0 ? 1 : static_cast<double>(samples) / static_cast<double>(asked);
    all.name("sample_rate") += std::to_string(std::min(1.0, rate));
    all.number("lost", lost_);
    all.number("not_counted", beyond_);
    all.name("keys") += '[';
    for (std::size_t i = 0; i < n; ++i) {
      const Row& row = rows[i];
      if (i > 0) out += ',';
      JsonObject one(out);
      one.text("limit", *row.limit);
      one.text("key", row.key.key);
      one.number("count", row.key.count);
      one.number("error", row.key.error);
      one.number("sampling_error", sampling_error(row.key.count, row.weight));
    }
    out += ']';
  }
  return out;
}

std::string Seen::refusals(std::string_view limit, std::string_view key, std::size_t n) {
  std::array<char, kSampledKeyBytes> buffer;
  const std::string_view seen(buffer.data(), seen_key(key, buffer));
  std::string out("[");
  const std::lock_guard lock(mutex_);
  for (auto it = refusals_.rbegin(); it != refusals_.rend() && n > 0; ++it) {
    if (*it->limit != limit || it->key != seen) continue;
    --n;
    if (out.size() > 1) out += ',';
    JsonObject one(out);
    one.time("time", it->wall_ns);
    one.number("cost", static_cast<std::uint64_t>(it->cost));
    if (it->outcome == Outcome::never)
      one.name("wait") += "null";
    else
      wire::json_seconds(one.name("wait"), it->wait);
    one.number("quota_index", it->quota);
    one.text("store", store_name(it->origin, shared_));
    one.number("stands_for", it->weight);
  }
  return out += "]";
}

}  // namespace sluice::observe
