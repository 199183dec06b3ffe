// Runs the simulated world: one seed, to replay what failed, or one seed after the other for a while.
#include <chrono>
#include <cstdio>
#include <string_view>

#include "core/number.h"
#include "world.h"

namespace {

constexpr const char* kUsage =
    "usage: sluice_sim [--seed N] [--minutes M] [--seconds S] [--leased] [--failovers]\n"
    "  --seed N     the first seed (default 1); with no --minutes it is the only one\n"
    "  --minutes M  seed after seed, for so long\n"
    "  --seconds S  of virtual time in each (default 5)\n"
    "  --leased     the limits are leased, and clocks drift\n"
    "  --failovers  a replica that lags takes over at times\n"
    "Exit code: 0 all held, 1 a violation, 2 wrong usage.\n";

}  // namespace

int main(int argc, char** argv) {
  sluice::sim::Plan plan;
  double minutes = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--leased" || flag == "--failovers") {
      (flag == "--leased" ? plan.leased : plan.failovers) = true;
      continue;
    }
    const char* value = i + 1 < argc ? argv[++i] : "";
    const auto seed = sluice::parse_number<std::uint64_t>(value);
    const auto amount = sluice::parse_number<double>(value);
    if (flag == "--seed" && seed)
      plan.seed = *seed;
    else if (flag == "--minutes" && amount && *amount >= 0)
      minutes = *amount;
    else if (flag == "--seconds" && amount && *amount >= 0)
      plan.seconds = *amount;
    else
      return std::fprintf(stderr, "sluice_sim: %s %s is not understood\n%s", argv[i], value, kUsage), 2;
  }
  using Watch = std::chrono::steady_clock;
  const auto until = Watch::now() + std::chrono::duration<double>(minutes * 60);
  std::uint64_t seeds = 0, asks = 0, degraded = 0, remembered = 0, leased = 0, calls = 0;
  do {
    const auto outcome = run(plan);
    ++seeds, asks += outcome.asks, degraded += outcome.degraded, remembered += outcome.remembered,
        leased += outcome.leased, calls += outcome.calls;
    if (!outcome.violation.empty()) {
      std::printf("seed %llu: %s\nreplay: ./dev sim --seed %llu --seconds %g%s%s\n",
                  static_cast<unsigned long long>(plan.seed), outcome.violation.c_str(),
                  static_cast<unsigned long long>(plan.seed), plan.seconds, plan.leased ? " --leased" : "",
                  plan.failovers ? " --failovers" : "");
      return 1;
    }
    ++plan.seed;
  } while (Watch::now() < until);
  std::printf(
      "%llu seeds held: %llu asks in %llu calls, %llu refused from memory, %llu leased, %llu degraded\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(asks),
      static_cast<unsigned long long>(calls), static_cast<unsigned long long>(remembered),
      static_cast<unsigned long long>(leased), static_cast<unsigned long long>(degraded));
  return 0;
}
