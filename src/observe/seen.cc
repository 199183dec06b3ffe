#include "observe/seen.h"

#include <algorithm>
#include <cmath>

#include "wire/json_writer.h"

namespace sluice::observe {

namespace {

void member(std::string& out, std::string_view name) {
  if (out.back() != '{') out += ',';
  wire::json_string(out, name);
  out += ':';
}
void number(std::string& out, std::string_view name, std::uint64_t n) {
  member(out, name);
  wire::json_integer(out, static_cast<std::int64_t>(n));
}
void time(std::string& out, std::string_view name, std::int64_t wall_ns) {
  member(out, name);
  wire::json_seconds(out, Duration(wall_ns - wall_ns % 1'000'000));
}

/// Twice the standard deviation of an estimate by samples that stand for `weight` decisions each: 19 of 20
/// lie within.
std::uint64_t sampling_error(std::uint64_t count, double weight) {
  return static_cast<std::uint64_t>(
      std::ceil(2 * std::sqrt(static_cast<double>(count) * std::max(0.0, weight - 1))));
}

}  // namespace

std::string_view origin_name(Origin origin, bool shared) {
  switch (origin) {
    case Origin::bucket:
      return shared ? "shared" : "local";
    case Origin::remembered:
      return "remembered";
    case Origin::leased:
      return "leased";
    case Origin::degraded:
      return "degraded";
  }
  return "";
}

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
  std::string out("{");
  time(out, "time", wall_ns);
  time(out, "since", before_begin_);
  member(out, "by");
  out += by == By::asked ? "\"asked\"" : "\"refused\"";
  number(out, "asked", asked);
  number(out, "refused", refused);
  number(out, "samples", samples);
  member(out, "sample_rate");
  const double rate = asked == 0 ? 1 : static_cast<double>(samples) / static_cast<double>(asked);
  out += std::to_string(std::min(1.0, rate));
  number(out, "lost", lost_);
  number(out, "not_counted", beyond_);
  member(out, "keys");
  out += '[';
  for (std::size_t i = 0; i < n; ++i) {
    const Row& row = rows[i];
    out += i == 0 ? "{" : ",{";
    member(out, "limit");
    wire::json_string(out, *row.limit);
    member(out, "key");
    wire::json_string(out, row.key.key);
    number(out, "count", row.key.count);
    number(out, "error", row.key.error);
    number(out, "sampling_error", sampling_error(row.key.count, row.weight));
    out += '}';
  }
  return out += "]}";
}

std::string Seen::refusals(std::string_view limit, std::string_view key, std::size_t n) {
  std::array<char, kSampledKeyBytes> buffer;
  const std::string_view seen(buffer.data(), seen_key(key, buffer));
  std::string out("[");
  const std::lock_guard lock(mutex_);
  for (auto it = refusals_.rbegin(); it != refusals_.rend() && n > 0; ++it) {
    if (*it->limit != limit || it->key != seen) continue;
    --n;
    out += out.size() == 1 ? "{" : ",{";
    time(out, "time", it->wall_ns);
    number(out, "cost", static_cast<std::uint64_t>(it->cost));
    member(out, "wait");
    if (it->outcome == Outcome::never)
      out += "null";
    else
      wire::json_seconds(out, it->wait);
    number(out, "quota_index", it->quota);
    member(out, "store");
    wire::json_string(out, origin_name(it->origin, shared_));
    number(out, "stands_for", it->weight);
    out += '}';
  }
  return out += "]";
}

}  // namespace sluice::observe
