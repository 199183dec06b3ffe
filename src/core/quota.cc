#include "sluice/quota.h"

#include <array>
#include <numeric>

#include "core/text.h"

namespace sluice {
namespace {

struct PeriodName {
  std::string_view name;
  std::int64_t ns;
};

// The first name of each length is the one that text() prints.
constexpr std::array kPeriods = std::to_array<PeriodName>({
    {"week", 604'800'000'000'000},
    {"w", 604'800'000'000'000},
    {"day", 86'400'000'000'000},
    {"d", 86'400'000'000'000},
    {"h", 3'600'000'000'000},
    {"hour", 3'600'000'000'000},
    {"min", 60'000'000'000},
    {"m", 60'000'000'000},
    {"minute", 60'000'000'000},
    {"s", 1'000'000'000},
    {"sec", 1'000'000'000},
    {"second", 1'000'000'000},
    {"ms", 1'000'000},
    {"millisecond", 1'000'000},
    {"us", 1'000},
    {"microsecond", 1'000},
    {"ns", 1},
    {"nanosecond", 1},
});

struct Scale {
  std::string_view suffix;
  std::int64_t factor;
};
constexpr std::array kScales = std::to_array<Scale>({
    {"T", 1'000'000'000'000},
    {"G", 1'000'000'000},
    {"M", 1'000'000},
    {"k", 1'000},
    {"K", 1'000},
    {"Ti", std::int64_t{1} << 40},
    {"Gi", 1 << 30},
    {"Mi", 1 << 20},
    {"Ki", 1 << 10},
    {"", 1},
});

Error bad(std::string_view text, std::string_view why) {
  return Error{Code::invalid_argument, "quota '" + std::string(text) + "': " + std::string(why)};
}

Result<std::int64_t> parse_amount(std::string_view whole, Scanner& in) {
  const auto number = in.whole_number();
  if (!number)
    return bad(whole,
               in.at_digit() ? "a number is above 2^63-1" : "expected a whole number of tokens, as in 10/s");
  std::string_view unit = in.word();
  if (unit.ends_with('B')) unit.remove_suffix(1);
  for (const auto& scale : kScales) {
    if (unit != scale.suffix) continue;
    std::int64_t amount = 0;
    if (__builtin_mul_overflow(*number, scale.factor, &amount)) return bad(whole, "a number is above 2^63-1");
    return amount;
  }
  return bad(whole,
             "unknown unit '" + std::string(unit) + "': use k, M, G, T, Ki, Mi, Gi or Ti, with or without B");
}

Result<Duration> parse_period(std::string_view whole, Scanner& in) {
  std::int64_t count = 1;
  if (in.at_digit()) {
    const auto number = in.whole_number();
    if (!number) return bad(whole, "a number is above 2^63-1");
    count = *number;
  }
  const std::string_view name = in.word();
  const auto find = [](std::string_view n) -> const PeriodName* {
    for (const auto& p : kPeriods)
      if (p.name == n) return &p;
    return nullptr;
  };
  const auto* period = find(name);
  if (period == nullptr && name.size() > 2 && name.ends_with('s'))
    period = find(name.substr(0, name.size() - 1));
  if (period == nullptr)
    return bad(whole, "unknown period '" + std::string(name) +
                          "': use ns, us, ms, s, min, h, day or week, as in 10/s or 100/30s");
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(count, period->ns, &ns)) return bad(whole, "the period is above 292 years");
  return Duration(ns);
}

}  // namespace

Quota::Quota(Spec spec) noexcept : spec_(spec) {
  const std::int64_t g = std::gcd(spec.tokens, spec.period.count());
  ticks_per_token_ = spec.period.count() / g;
  ticks_per_ns_ = spec.tokens / g;
  const Int128 full = static_cast<Int128>(spec.capacity) * ticks_per_token_;
  if (full <= kNarrowDebtMax / 2 && ticks_per_ns_ <= kNarrowTicksPerNsMax)
    narrow_ = {static_cast<std::int64_t>(full), ticks_per_token_, ticks_per_ns_, kNarrowDebtMax,
               spec.capacity};
}

Result<Quota> Quota::make(Spec spec) {
  const auto reject = [](Code code, std::string message) {
    return Error{code, "quota: " + std::move(message)};
  };
  if (spec.capacity < 1)
    return reject(Code::invalid_argument,
                  "capacity " + std::to_string(spec.capacity) + " must be at least 1");
  if (spec.tokens < 1)
    return reject(Code::invalid_argument,
                  "tokens per period " + std::to_string(spec.tokens) + " must be at least 1");
  if (spec.period < Duration{1})
    return reject(Code::invalid_argument,
                  "period " + std::to_string(spec.period.count()) + " ns must be at least 1 ns");
  const Quota quota(spec);
  if (static_cast<Int128>(spec.capacity) * quota.ticks_per_token_ > kWideDebtMax / 2)
    return reject(Code::out_of_range,
                  "capacity * period / gcd(tokens, period) is above 2^124; use a smaller capacity");
  if (quota.ticks_per_ns_ >= std::int64_t{1} << 61)
    return reject(Code::out_of_range,
                  "tokens / gcd(tokens, period) is 2^61 or more; use fewer tokens per period");
  return quota;
}

Result<Quota> Quota::parse(std::string_view text) {
  Scanner in(text);
  const auto tokens = parse_amount(text, in);
  if (!tokens) return tokens.error();
  if (!in.take('/')) return bad(text, "expected '/' and a period behind the tokens, as in 10/s");
  const auto period = parse_period(text, in);
  if (!period) return period.error();
  std::int64_t capacity = *tokens;
  if (!in.at_end()) {
    if (in.word() != "burst") return bad(text, "expected 'burst N' or nothing behind the period");
    const auto burst = parse_amount(text, in);
    if (!burst) return burst.error();
    capacity = *burst;
  }
  if (!in.at_end()) return bad(text, "unexpected text behind the burst: '" + std::string(in.rest()) + "'");
  auto quota = make({.capacity = capacity, .tokens = *tokens, .period = *period});
  if (!quota)
    return Error{quota.error().code, "quota '" + std::string(text) + "'" + quota.error().message.substr(5)};
  return quota;
}

std::string Quota::text() const {
  std::string out = std::to_string(spec_.tokens) + "/";
  for (const auto& p : kPeriods) {
    if (spec_.period.count() % p.ns != 0) continue;
    if (const auto count = spec_.period.count() / p.ns; count != 1) out += std::to_string(count);
    out += p.name;
    break;
  }
  if (spec_.capacity != spec_.tokens) out += " burst " + std::to_string(spec_.capacity);
  return out;
}

Rate<Int128> Quota::wide() const noexcept {
  return {static_cast<Int128>(spec_.capacity) * ticks_per_token_, ticks_per_token_, ticks_per_ns_,
          kWideDebtMax, spec_.capacity};
}

Duration Quota::time_to_fill() const noexcept {
  return ticks_to_duration_up<Int128>(wide().full, ticks_per_ns_);
}

}  // namespace sluice
