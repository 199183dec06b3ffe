#include "model_server.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "sluice/ticks.h"
#include "store/shared/script.h"
#include "wire/resp_parser.h"

namespace sluice::sim {

struct ModelServer::Bucket {
  std::string_view key;
  const std::string* old = nullptr;
  bool opened = false, foreign = false, changed = false;
  std::int64_t clock = 0;
  std::int64_t expiry = 0;
  Int128 ahead = 0;
  Int128 per_us = 1;
};

struct ModelServer::Step {
  std::size_t bucket = 0;
  int what = 0;
  bool with_next = false;
  Int128 per_us = 1, cost = 0, most = 0;
  std::int64_t times = 0;
  double cost_us = 0, cost_ticks = 0;
};

namespace {

using Kind = redis::Element::Kind;

double number_at(std::string_view bytes, std::size_t index) {
  double d;
  std::memcpy(&d, bytes.data() + index * sizeof d, sizeof d);
  return d;
}

void append_number(double d, std::string& out) { out.append(reinterpret_cast<const char*>(&d), sizeof d); }

ModelServer::Answer error(std::string text) {
  ModelServer::Answer answer;
  answer.texts.push_back(std::move(text));
  answer.elements.push_back({.kind = Kind::error, .text = answer.texts.back()});
  return answer;
}

Int128 whole(double us, double ticks, Int128 per_us) {
  return static_cast<Int128>(us) * per_us + static_cast<Int128>(ticks);
}

}  // namespace

std::int64_t ModelServer::take(Bucket& bucket, const Step& step, std::int64_t most_times) {
  const Int128 room = step.most - bucket.ahead;
  if (room < 0) return 0;
  const std::int64_t times =
      step.cost == 0 ? most_times : static_cast<std::int64_t>(std::min<Int128>(room / step.cost, most_times));
  bucket.ahead += times * step.cost;
  bucket.changed |= times > 0;
  return times;
}

std::int64_t ModelServer::apply(Bucket& bucket, const Step& step, std::int64_t times) {
  if (bucket.foreign) return 0;
  if (step.what == 1) return take(bucket, step, times);
  if (step.what == 4) {
    const auto us = static_cast<std::int64_t>(step.cost_us) - bucket.clock;
    const Int128 floor = us < 0 ? Int128{-1} : us * step.per_us + static_cast<Int128>(step.cost_ticks);
    if (floor > bucket.ahead) bucket.ahead = floor, bucket.changed = true;
    return 1;
  }
  const Int128 cost = step.what == 5 ? left_to_give_back(bucket, step) : step.cost;
  if (cost < 0) return 1;
  bucket.changed = true;
  if (step.what == 2)
    bucket.ahead = std::min(bucket.ahead + cost, step.most);
  else
    bucket.ahead = std::max<Int128>(bucket.ahead - cost, 0);
  return times;
}

/// What was charged less what would have been refilled since without that charge.
Int128 ModelServer::left_to_give_back(const Bucket& bucket, const Step& step) {
  return step.cost - std::max<Int128>(bucket.clock * step.per_us - step.most, 0);
}

void ModelServer::tell(const Bucket& bucket, const Step& step, std::int64_t times,
                       std::int64_t now_us) const {
  if (!watch_ || times == 0) return;
  double us = step.cost_us, ticks = step.cost_ticks;
  if (step.what == 5) {
    const Int128 left = std::max<Int128>(left_to_give_back(bucket, step), 0);
    us = static_cast<double>(left / step.per_us), ticks = static_cast<double>(left % step.per_us);
  }
  watch_(bucket.key, step.what, us, ticks, static_cast<double>(step.per_us), times, now_us);
}

void ModelServer::together(std::vector<Bucket>& buckets, const std::vector<Step>& chain) {
  const std::vector<Bucket> before = buckets;
  std::optional<std::int64_t> fewest;
  bool again = false;
  for (const Step& step : chain) {
    const std::int64_t times = apply(buckets[step.bucket], step, step.times);
    if (times == 0) {
      buckets = before;
      return;
    }
    again |= fewest && times != *fewest;
    fewest = fewest ? std::min(*fewest, times) : times;
  }
  if (again) {
    buckets = before;
    for (const Step& step : chain) (void)apply(buckets[step.bucket], step, *fewest);
  }
  for (const Step& step : chain) tell(buckets[step.bucket], step, *fewest, now_us_);
}

ModelServer::Answer ModelServer::run(std::string_view command, std::int64_t now_us) {
  now_us_ = now_us;
  wire::RespParser parser({});
  if (parser.feed(command) != wire::RespParser::Event::command) return error("ERR this is no whole command");
  const auto args = parser.args();
  if (args.size() < 3) return error("ERR wrong number of arguments");
  if (args[0] == "EVAL" && args[1] == store::kScript)
    has_script_ = true;
  else if (args[0] != "EVALSHA" || args[1] != store::kScriptSha || !has_script_)
    return error("NOSCRIPT No matching script.");
  const std::size_t n = static_cast<std::size_t>(std::stoul(std::string(args[2])));

  std::vector<Bucket> buckets(n);
  for (std::size_t i = 0; i < n; ++i) {
    Bucket& b = buckets[i];
    b.key = args[3 + i];
    auto it = data_.find(b.key);
    if (it != data_.end() && it->second.expires_us <= now_us) data_.erase(it), it = data_.end();
    if (it != data_.end()) b.old = &it->second.value;
  }
  std::vector<Step> chain;
  for (std::size_t j = 3 + n; j < args.size(); ++j) {
    const auto at = [&](std::size_t i) { return number_at(args[j], i); };
    Step step;
    step.what = static_cast<int>(at(1)) % 8;
    if (step.what == 6) step.what = 1;  // The only take of its buckets: no other take than that.
    step.with_next = at(1) > 8;
    step.per_us = static_cast<Int128>(at(2));
    step.cost_us = at(3), step.cost_ticks = at(4);
    step.cost = whole(at(3), at(4), step.per_us);
    step.most = whole(at(5), at(6), step.per_us);
    if (step.what == 5 && gives_back_all_) step.most = whole(at(5) * 2, at(6), step.per_us);
    step.times = static_cast<std::int64_t>(at(7));
    for (step.bucket = static_cast<std::size_t>(at(0)) - 1; step.bucket < static_cast<std::size_t>(at(8));
         ++step.bucket) {
      Bucket& b = buckets[step.bucket];
      if (!b.opened) {
        b.opened = true;
        b.per_us = step.per_us;
        b.clock = now_us;
        if (b.old != nullptr) {
          if (b.old->size() != 24 && b.old->size() != 40) {
            b.foreign = true;
          } else {
            double tat = number_at(*b.old, 0), beyond = 0;
            b.clock = std::max(now_us, static_cast<std::int64_t>(number_at(*b.old, 1)));
            b.expiry = static_cast<std::int64_t>(number_at(*b.old, 2));
            if (b.old->size() == 40) {
              beyond = number_at(*b.old, 3);
              if (static_cast<Int128>(number_at(*b.old, 4)) != b.per_us && beyond > 0) ++tat, beyond = 0;
            }
            const auto tat_us = static_cast<std::int64_t>(tat);
            if (tat_us >= b.clock) b.ahead = (tat_us - b.clock) * b.per_us + static_cast<Int128>(beyond);
          }
        }
      }
      if (step.with_next || !chain.empty()) {
        chain.push_back(step);
        if (step.with_next) continue;
        together(buckets, chain);
        chain.clear();
      } else {
        for (int rounds = step.what == 5 && gives_back_twice_ ? 2 : 1; rounds > 0; --rounds)
          tell(b, step, apply(b, step, step.times), now_us);
      }
    }
  }

  Answer answer;
  answer.elements.push_back({.kind = Kind::array, .integer = static_cast<std::int64_t>(n + 1)});
  answer.texts.reserve(n);
  for (Bucket& b : buckets) {
    std::optional<std::string> before;
    if (b.old != nullptr) before = *b.old;
    if (b.foreign) before = "?";
    if (b.changed && b.ahead == 0) {
      if (b.old != nullptr) data_.erase(std::string(b.key));
    } else if (b.changed) {
      const Int128 us = b.ahead / b.per_us, rest = b.ahead % b.per_us;
      std::string value;
      const std::int64_t tat = b.clock + static_cast<std::int64_t>(us);
      if (b.old == nullptr || b.expiry < tat) {
        constexpr std::int64_t kTimesMax = (std::int64_t{1} << 53) - 1;  // Of whole doubles.
        b.expiry = std::min(tat + (tat - now_us) + 10'000'000, kTimesMax);
      }
      for (const std::int64_t moment : {tat, b.clock, b.expiry})
        append_number(static_cast<double>(moment), value);
      if (rest != 0)
        append_number(static_cast<double>(rest), value), append_number(static_cast<double>(b.per_us), value);
      data_[std::string(b.key)] = {value, b.expiry};
    }
    if (!before) {
      answer.elements.push_back({.kind = Kind::null});
    } else {
      answer.texts.push_back(*before);
      answer.elements.push_back({.kind = Kind::text, .text = answer.texts.back()});
    }
  }
  answer.elements.push_back({.kind = Kind::integer, .integer = now_us});
  return answer;
}

}  // namespace sluice::sim
