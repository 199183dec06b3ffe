#include "policy/rule.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>

namespace sluice::policy {

namespace {

constexpr std::array<std::string_view, 8> kUnitNames = {"unknown", "second", "minute", "hour",
                                                        "day",     "month",  "year",   "week"};
constexpr std::int64_t kDay = 86'400;
constexpr std::array<std::int64_t, 8> kUnitSeconds = {0, 1, 60, 3'600, kDay, 30 * kDay, 365 * kDay, 7 * kDay};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string_view unit_name(Unit unit) { return kUnitNames[static_cast<std::size_t>(unit)]; }

Unit unit_from(std::string_view name) {
  for (std::size_t i = 1; i < kUnitNames.size(); ++i)
    if (std::equal(name.begin(), name.end(), kUnitNames[i].begin(), kUnitNames[i].end(),
                   [](char a, char b) { return lower(a) == b; }))
      return static_cast<Unit>(i);
  return Unit::unknown;
}

Duration unit_period(Unit unit) { return std::chrono::seconds(kUnitSeconds[static_cast<std::size_t>(unit)]); }

Unit unit_of(Duration period) {
  for (std::size_t i = 1; i < kUnitSeconds.size(); ++i)
    if (const auto unit = static_cast<Unit>(i); unit_period(unit) == period) return unit;
  return Unit::unknown;
}

std::int64_t Rule::tokens(std::uint64_t hits) const {
  std::int64_t all = 0;
  if (hits > INT64_MAX || __builtin_mul_overflow(static_cast<std::int64_t>(hits), cost, &all))
    return INT64_MAX;
  return all;
}

bool Rule::enforces(std::string_view key) const {
  if (enforce_percent >= 100) return true;
  if (enforce_percent <= 0) return false;
  // The rule's name takes part, or the same few clients would be the first in every trial.
  const auto hash =
      XXH3_64bits_withSeed(key.data(), key.size(), XXH3_64bits(full_name.data(), full_name.size()));
  return hash % 100 < static_cast<std::uint64_t>(enforce_percent);
}

std::string Rule::text() const {
  std::string s;
  switch (kind) {
    case Kind::unlimited:
      return "unlimited";
    case Kind::lists:
      return "lists alone";
    case Kind::closed:
      s = "refuses all";
      break;
    case Kind::quota:
      for (const Quota& q : limit->quotas) s += (s.empty() ? "" : ", ") + q.text();
      break;
  }
  if (cost != 1) s += ", cost " + std::to_string(cost);
  if (mode == Mode::shadow) s += ", shadow";
  if (quota_mode) s += ", quota mode";
  if (enforce_percent != 100) s += ", enforced for " + std::to_string(enforce_percent) + "% of keys";
  return s;
}

}  // namespace sluice::policy
