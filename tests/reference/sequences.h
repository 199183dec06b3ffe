// sequences.h: seeded random quotas and request sequences that visit the edges on purpose, and the comparison
// of anything that decides with the counting bucket. SLUICE_SEED=n replays one run, SLUICE_ROUNDS=n makes
// more of them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "reference/counting_bucket.h"
#include "sluice/quota.h"

namespace sluice::reference {

using Random = std::mt19937_64;

inline std::uint64_t seed_from_environment(std::uint64_t otherwise) {
  const char* text = std::getenv("SLUICE_SEED");
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}
inline int rounds_from_environment(int otherwise) {
  const char* text = std::getenv("SLUICE_ROUNDS");
  return text == nullptr ? otherwise : std::atoi(text);
}

inline std::int64_t up_to(Random& random, std::int64_t max) {
  return static_cast<std::int64_t>(random() % (static_cast<std::uint64_t>(max) + 1));
}
/// Small, large and in between alike: uniform in the number of bits.
inline std::int64_t any_size(Random& random, std::int64_t max) {
  const auto bits = random() % 64;
  return std::min(max, static_cast<std::int64_t>((random() >> 1) >> bits));
}

inline constexpr std::int64_t kSecond = 1'000'000'000;

inline const std::vector<Quota::Spec>& odd_quotas() {
  static const std::vector<Quota::Spec> quotas = {
      {1, 1, Duration(kSecond)},
      {10, 10, Duration(kSecond)},
      {3, 10, Duration(kSecond)},
      {1, 1, Duration(86'400 * kSecond)},
      {7, 7, Duration(60 * kSecond)},
      {5, 3, Duration(kSecond)},
      {1'000'000'000, 1'000'000'000, Duration(kSecond)},
      {999'999'937, 999'999'937, Duration(kSecond)},
      {(std::int64_t{1} << 32) - 1, (std::int64_t{1} << 32) - 1, Duration(kSecond)},
      {1'000'000'000'000, 1, Duration(86'400 * kSecond)},
      {1'000'000'000'000, 1'000'003, Duration(kSecond)},
      {1'000'000'000'000, 1'000'000'000'000, Duration(7)},
      {13, 65'521, Duration(86'399'999'999'989)},
      {2, 1, Duration(INT64_MAX)},
      {std::int64_t{1} << 60, 7, Duration(3)},
      {1, 1, Duration(1)},
  };
  return quotas;
}

inline Quota::Spec random_quota(Random& random) {
  const auto& odd = odd_quotas();
  if (random() % 4 == 0) return odd[random() % odd.size()];
  constexpr std::int64_t periods[] = {1,
                                      997,
                                      1'000'000,
                                      kSecond,
                                      2 * kSecond + 1,
                                      60 * kSecond,
                                      3600 * kSecond,
                                      86'400 * kSecond,
                                      31'557'600 * kSecond};
  for (;;) {
    const Quota::Spec spec{1 + any_size(random, 1'000'000'000'000), 1 + any_size(random, 10'000'000'000),
                           Duration(periods[random() % std::size(periods)])};
    if (Quota::make(spec)) return spec;
  }
}

/// The next instant to ask at: soon, at once, on a boundary that an answer named or a nanosecond beside it,
/// after an idle time of any length, or before the last.
inline std::int64_t next_time(Random& random, std::int64_t now, std::int64_t retry, std::int64_t reset,
                              Quota::Spec spec) {
  const auto plus = [now](std::int64_t d) {
    std::int64_t sum;
    return __builtin_add_overflow(now, d, &sum) ? now : sum;
  };
  const std::int64_t token = std::max<std::int64_t>(1, spec.period.count() / spec.tokens);
  switch (random() % 12) {
    case 0:
      return now;
    case 1:
      return plus(1);
    case 2:
      return plus(retry);
    case 3:
      return plus(retry > 0 ? retry - 1 : 0);
    case 4:
      return plus(reset);
    case 5:
      return plus(reset > 0 ? reset - 1 : 0);
    case 6:
      return plus(up_to(random, reset));  // A burst after partial idle.
    case 7:
      return now - up_to(random, std::min<std::int64_t>(now, 10 * kSecond));
    case 8:
      return random() % 64 == 0 ? plus(any_size(random, 40LL * 365 * 86'400 * kSecond)) : plus(token);
    default:
      return plus(up_to(random, token < INT64_MAX / 4 ? token * 3 : token));
  }
}

inline std::int64_t next_cost(Random& random, Quota::Spec spec, std::int64_t available) {
  switch (random() % 10) {
    case 0:
      return 0;
    case 1:
      return spec.capacity;
    case 2:
      return spec.capacity < INT64_MAX ? spec.capacity + 1 : spec.capacity;
    case 3:
      return available;
    case 4:
      return std::min(available + 1, spec.capacity);
    case 5:
      return any_size(random, spec.capacity);
    default:
      return 1 + up_to(random, std::min<std::int64_t>(spec.capacity - 1, 3));
  }
}

inline void expect_same(const CountingBucket::Answer& expected, const Decision& got,
                        const std::string& where) {
  ASSERT_EQ(expected.allowed, got.allowed()) << where;
  ASSERT_EQ(expected.remaining, got.remaining) << where;
  ASSERT_EQ(!expected.retry_after_ns.has_value(), got.outcome == Outcome::never) << where;
  ASSERT_EQ(expected.retry_after_ns.value_or(INT64_MAX), got.retry_after.count()) << where;
  ASSERT_EQ(expected.reset_after_ns, got.reset_after.count()) << where;
}

/// Runs `steps` requests against `subject(op, amount, now)` and the counting bucket side by side.
template <class Subject>
void compare(Random& random, Quota::Spec spec, int steps, std::int64_t start, Subject&& subject) {
  CountingBucket expected(spec, start);
  std::int64_t now = start, retry = 0, reset = 0;
  const auto quota = Quota::make(spec);
  ASSERT_TRUE(quota) << quota.error().message;
  for (int i = 0; i < steps; ++i) {
    now = next_time(random, now, retry, reset, spec);
    const std::int64_t available = expected.available(now);
    const std::int64_t cost = next_cost(random, spec, available);
    const std::string where = quota->text() + " period " + std::to_string(spec.period.count()) + " step " +
                              std::to_string(i) + " now " + std::to_string(now) + " cost " +
                              std::to_string(cost);
    const auto kind = random() % 16;
    if (kind == 0) {
      expected.refund(cost, now);
      subject(Op::refund, cost, now);
    } else if (kind == 1 && cost <= spec.capacity) {
      expected.charge(cost,
                      now);  // At most one capacity below what there is: debts beyond debt_max are forgotten.
      subject(Op::charge, cost, now);
      if (expected.peek(0, now).reset_after_ns > INT64_MAX / 2 || random() % 4 == 0) {
        expected.reset(now);
        subject(Op::reset, 0, now);
      }
      const auto in_debt = expected.peek(0, now).retry_after_ns.value_or(0);  // Wait it out.
      if (in_debt > 0 && __builtin_add_overflow(std::max(now, expected.latest_ns()), in_debt, &now)) return;
    } else if (kind == 2) {
      const auto got = subject(Op::take_up_to, cost, now);
      const auto granted = std::min(cost, available);
      ASSERT_EQ(got.granted, granted) << where;
      ASSERT_EQ(got.allowed(), granted > 0 || cost == 0) << where;
      expected.take(granted, now);
    } else if (kind == 3) {
      expect_same(expected.peek(cost, now), subject(Op::peek, cost, now), where + " peek");
    } else {
      const auto answer = expected.take(cost, now);
      expect_same(answer, subject(Op::take, cost, now), where);
      retry = answer.retry_after_ns.value_or(0);
      reset = answer.reset_after_ns;
    }
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace sluice::reference
