#include "store/shared/call.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "redis/command.h"
#include "store/chain.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::store {

namespace {

constexpr std::size_t kStepBytes = 9 * sizeof(double);

Int128 per_us(const Rate<Int128>& rate) { return rate.per_ns * 1000; }

/// The most ticks until full that a bucket may be at after the ask.
Int128 most_after(const Ask& ask, const Rate<Int128>& rate) {
  if (ask.op == Op::reserve)
    return rate.full + std::min(duration_to_ticks(rate, ask.max_wait), rate.debt_max - rate.full);
  return ask.op == Op::charge ? rate.debt_max : rate.full;
}

bool can_never_pass(const Ask& ask) {
  return (ask.op == Op::take || ask.op == Op::reserve) && ask.amount > ask.quota->capacity();
}

struct Link : ChainLink<Link> {};

}  // namespace

void wait_for_clock(Decision& d, std::int64_t behind_us) {
  if (behind_us == 0) return;
  const auto later = [&](Duration& t) {
    const Duration more = std::chrono::microseconds(behind_us);
    if (t > Duration{0}) t = t > Duration::max() - more ? Duration::max() : t + more;
  };
  later(d.retry_after);
  later(d.reset_after);
  later(d.due_after);
}

void Call::clear() {
  buckets_.clear();
  steps_.clear();
  chains_.clear();
  bucket_of_ask_.clear();
  keys_.clear();
}

std::size_t Call::bucket_of(const Ask& ask, const Told* told) {
  const std::uint64_t hash = XXH3_64bits_withSeed(ask.key.data(), ask.key.size(), ask.family->salt);
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    const Bucket& b = buckets_[i];
    if (b.hash == hash && b.key == ask.key && b.family->name == ask.family->name) return i;
  }
  Bucket b{.key = ask.key, .family = ask.family, .rate = shared_rate(*ask.quota), .hash = hash};
  b.text_at = keys_.size();
  append_bucket_key(*ask.family, ask.key, keys_);
  b.text_size = keys_.size() - b.text_at;
  if (told != nullptr && (b.floor = told->floor(*ask.family, ask.key))) {
    if (b.floor->per_us != per_us(b.rate) && b.floor->ticks > 0) ++b.floor->us, b.floor->ticks = 0;
    steps_.push_back(
        {.bucket = buckets_.size(), .what = floor, .cost = 0, .rate = b.rate, .most = 0, .times = 1});
    ++b.steps;
  }
  buckets_.push_back(b);
  return buckets_.size() - 1;
}

bool Call::add(const Chain& chain, const Told* told, std::size_t buckets_max) {
  const std::size_t n = chain.asks.size();
  if (chains_.size() >= kChainsMax || steps_.size() + 2 * n > kStepsMax) return false;
  const std::size_t steps = steps_.size();
  const std::size_t buckets = buckets_.size(), text = keys_.size(), asks = bucket_of_ask_.size();
  bool passable = true;
  for (const Ask& ask : chain.asks) {
    const std::size_t k = bucket_of(ask, told);
    bucket_of_ask_.push_back(static_cast<std::uint8_t>(k));
    passable &= !can_never_pass(ask);
    // A bucket is counted in one quota's ticks a call: another's come with the next.
    if (buckets_.size() > buckets_max || buckets_[k].rate.per_ns != ask.quota->wide().per_ns) {
      buckets_.resize(buckets, Bucket{});
      steps_.resize(steps, Step{});
      keys_.resize(text);
      bucket_of_ask_.resize(asks);
      return false;
    }
  }
  chains_.push_back(chain);
  for (std::size_t i = 0; i < n && passable; ++i) add_step(chain.asks[i], bucket_of_ask_[asks + i], n > 1);
  if (chain.part != nullptr && chain.part->gives_back && steps_.size() > steps)
    steps_.back().what = give_back, steps_.back().since = &chain.part->before.front().tat;
  if (n == 1) return true;
  if (passable && chain.asks.front().op != Op::peek)
    steps_.back().what &= static_cast<std::uint8_t>(~with_next);
  for (std::size_t i = 0; i < n; ++i)
    buckets_[bucket_of_ask_[asks + i]].last_step = kNone;  // What follows comes after it.
  return true;
}

void Call::add_step(const Ask& ask, std::size_t bucket, bool chained) {
  if (ask.op == Op::peek || (ask.amount == 0 && ask.op != Op::reset && !chained)) return;
  Step step{.bucket = bucket,
            .what = take,
            .cost = ask.amount,
            .rate = shared_rate(*ask.quota),
            .most = 0,
            .times = 1};
  step.most = most_after(ask, step.rate);
  switch (ask.op) {
    case Op::charge:
      step.what = charge;
      break;
    case Op::refund:
      step.what = refund;
      break;
    case Op::reset:
      step.what = refund, step.cost = std::numeric_limits<std::int64_t>::max();
      break;
    case Op::take_up_to:
      step.times = ask.amount, step.cost = 1;
      break;
    default:
      break;
  }
  if (chained) {
    step.what |= with_next;
  } else if (step.what == take && buckets_[bucket].last_step != kNone) {
    Step& last = steps_[buckets_[bucket].last_step];
    constexpr std::int64_t kTimesMax = std::int64_t{1} << 51;
    if (last.what == take && last.cost == step.cost && last.most == step.most &&
        last.rate.per_token == step.rate.per_token && last.times < kTimesMax && step.times < kTimesMax) {
      last.times += step.times;
      return;
    }
  }
  buckets_[bucket].steps += chained ? 2 : 1;
  buckets_[bucket].last_step = steps_.size();
  steps_.push_back(step);
}

/// As it travels: the only take of a bucket is told apart, since the script then keeps nothing for a later
/// step.
std::uint8_t Call::what(const Step& step) const {
  if (step.what == take && buckets_[step.bucket].steps == 1) return only_take;
  return step.what;
}

/// Steps from `first` on that do the same to one bucket after the other: they travel as one.
std::size_t Call::alike(std::size_t first) const {
  const Step& a = steps_[first];
  std::size_t n = 1;
  if (a.what == floor || a.what == give_back) return 1;
  while (a.what < with_next && (first == 0 || steps_[first - 1].what < with_next) &&
         first + n < steps_.size()) {
    const Step& b = steps_[first + n];
    if (b.bucket != a.bucket + n || what(b) != what(a) || b.cost != a.cost || b.times != a.times ||
        b.most != a.most || b.rate.per_token != a.rate.per_token || b.rate.per_ns != a.rate.per_ns)
      break;
    ++n;
  }
  return n;
}

void Call::write(std::string_view verb, std::string_view script, std::string& out) const {
  std::size_t steps = 0;
  for (std::size_t j = 0; j < steps_.size(); j += alike(j)) ++steps;
  redis::append_header(out, 3 + buckets_.size() + steps);
  redis::append_argument(out, verb);
  redis::append_argument(out, script);
  redis::append_argument(out, static_cast<std::int64_t>(buckets_.size()));
  for (const Bucket& b : buckets_)
    redis::append_argument(out, std::string_view(keys_).substr(b.text_at, b.text_size));
  for (std::size_t j = 0; j < steps_.size();) {
    const Step& s = steps_[j];
    const std::size_t n = alike(j);
    j += n;
    const Int128 cost_ticks =
        std::min<Int128>(static_cast<Int128>(s.cost) * s.rate.per_token, per_us(s.rate) * kMicrosMax);
    Micros cost = to_micros(cost_ticks, per_us(s.rate));
    if (s.what == floor) {
      const Tat& tat = *buckets_[s.bucket].floor;
      cost = {static_cast<double>(tat.us), static_cast<double>(tat.ticks)};
    }
    Micros most = to_micros(s.most, per_us(s.rate));
    if (s.what == give_back) most = {static_cast<double>(s.since->us), static_cast<double>(s.since->ticks)};
    const double numbers[] = {static_cast<double>(s.bucket + 1),
                              static_cast<double>(what(s)),
                              static_cast<double>(per_us(s.rate)),
                              cost.us,
                              cost.ticks,
                              most.us,
                              most.ticks,
                              static_cast<double>(std::min(s.times, std::int64_t{1} << 53)),
                              static_cast<double>(s.bucket + n)};
    static_assert(sizeof numbers == kStepBytes);
    redis::append_argument(out, std::string_view(reinterpret_cast<const char*>(numbers), sizeof numbers));
  }
}

bool Call::answer(redis::Reply reply, std::vector<Chain>& failed) {
  using Kind = redis::Element::Kind;
  if (reply.size() != buckets_.size() + 2 || reply.front().kind != Kind::array ||
      reply.back().kind != Kind::integer)
    return false;
  constexpr std::int64_t kTimeEnd = std::int64_t{1} << 53;  // Of whole doubles.
  const std::int64_t now_us = now_us_ = reply.back().integer;
  if (now_us < 0 || now_us >= kTimeEnd) return false;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    const auto& element = reply[i + 1];
    if (element.kind != Kind::null && element.kind != Kind::text) return false;
    const auto value =
        read_value(element.kind == Kind::text ? element.text : std::string_view{}, now_us, buckets_[i].rate);
    buckets_[i].ours = value.has_value() && !(element.kind == Kind::text && element.text.empty());
    if (!value) continue;
    Bucket& b = buckets_[i];
    b.ahead = value->ahead, b.behind_us = value->behind_us;
    if (!b.floor || b.floor->us < now_us + b.behind_us) continue;
    const Int128 floor_ahead = (b.floor->us - now_us - b.behind_us) * per_us(b.rate) + b.floor->ticks;
    b.ahead = std::min(std::max(b.ahead, floor_ahead), b.rate.debt_max);
  }
  std::size_t at = 0;
  for (Chain& chain : chains_) {
    const auto places = std::span(bucket_of_ask_).subspan(at, chain.asks.size());
    at += chain.asks.size();
    if (chain.part != nullptr && !chain.part->gives_back) note_before(chain, places);
    if (std::any_of(places.begin(), places.end(), [&](std::uint8_t k) { return !buckets_[k].ours; }))
      failed.push_back(std::exchange(chain, {}));
    else if (places.size() == 1)
      answer_one(chain, places[0]);
    else
      answer_chain(chain, places);
  }
  return true;
}

const Call::Bucket* Call::find(const Family& family, std::string_view key) const {
  const auto it = std::find_if(buckets_.begin(), buckets_.end(), [&](const Bucket& b) {
    return b.key == key && b.family->salt == family.salt && b.family->name == family.name;
  });
  return it == buckets_.end() ? nullptr : &*it;
}

Tat Call::tat(const Bucket& bucket) const {
  const Int128 unit = per_us(bucket.rate);
  return {.us = now_us_ + bucket.behind_us + static_cast<std::int64_t>(bucket.ahead / unit),
          .ticks = static_cast<std::int64_t>(bucket.ahead % unit),
          .per_us = static_cast<std::int64_t>(unit)};
}

void Call::note_before(const Chain& chain, std::span<const std::uint8_t> places) const {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Bucket& b = buckets_[places[i]];
    chain.part->before[i] = {b.ahead, b.behind_us, tat(b)};
  }
}

void Call::answer_give_back(const Chain& chain, Bucket& b) const {
  const Ask& ask = chain.asks.front();
  const Tat& since = chain.part->before.front().tat;
  const Int128 gone = (now_us_ + b.behind_us - since.us) * per_us(b.rate) - since.ticks;
  const Int128 left = static_cast<Int128>(ask.amount) * b.rate.per_token - std::max<Int128>(gone, 0);
  b.ahead = std::max<Int128>(b.ahead - std::max<Int128>(left, 0), 0);
  b.refused = false;
  chain.decisions.front() = decide(b.rate, step(b.rate, Op::peek, 0, b.ahead));
}

void Call::answer_one(const Chain& chain, std::size_t bucket) {
  Bucket& b = buckets_[bucket];
  if (chain.part != nullptr && chain.part->gives_back) return answer_give_back(chain, b);
  const Ask& ask = chain.asks.front();
  Decision& decision = chain.decisions.front();
  const auto longest = [&]<class Tick>(const Rate<Tick>& rate) {
    return ask.op == Op::reserve ? duration_to_ticks(rate, ask.max_wait) : Tick{0};
  };
  if (ask.quota->is_narrow() && b.ahead <= kNarrowDebtMax) {  // 128 bits divide slowly.
    const auto& rate = ask.quota->narrow();
    const auto s = step(rate, ask.op, ask.amount, static_cast<std::int64_t>(b.ahead), longest(rate));
    decision = decide(rate, s);
    b.ahead = s.ahead;
  } else {
    const auto rate = shared_rate(*ask.quota);
    const auto s = step(rate, ask.op, ask.amount, b.ahead, longest(rate));
    decision = decide(rate, s);
    b.ahead = s.ahead;
  }
  b.refused = decision.outcome == Outcome::refused || (b.refused && ask.op == Op::peek);
  wait_for_clock(decision, b.behind_us);
}

void Call::answer_chain(const Chain& chain, std::span<const std::uint8_t> places) {
  std::array<Link, kChainMax> memory;
  const auto links = std::span(memory).first(places.size());
  for (std::size_t i = 0; i < links.size(); ++i) {
    links[i] = Link{
        {.ask = &chain.asks[i], .decision = &chain.decisions[i], .rate = shared_rate(*chain.asks[i].quota)}};
    const auto first = std::find(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(i), places[i]);
    links[i].first = &links[static_cast<std::size_t>(first - places.begin())];
    links[i].held = buckets_[places[i]].ahead;
  }
  if (decide_chain(links)) {
    for (std::size_t i = 0; i < links.size(); ++i) {
      if (links[i].first != &links[i] || !links[i].changed) continue;
      buckets_[places[i]].ahead = links[i].ahead;
      buckets_[places[i]].refused = false;
    }
  }
  for (std::size_t i = 0; i < links.size(); ++i)
    wait_for_clock(chain.decisions[i], buckets_[places[i]].behind_us);
}

}  // namespace sluice::store
