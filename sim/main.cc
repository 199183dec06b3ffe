// Runs a simulated world: one seed, to replay what failed, or one seed after the other for a while.
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include "cluster_world.h"
#include "core/number.h"
#include "world.h"

namespace {

using sluice::sim::ClusterPlan;
using sluice::sim::Plan;

constexpr const char* kUsage =
    "usage: sluice_sim [--seed N] [--minutes M] [--seconds S] [--leased] [--failovers] [--cluster "
    "[--moves]]\n"
    "  --seed N     the first seed (default 1); with no --minutes it is the only one\n"
    "  --minutes M  seed after seed, for so long\n"
    "  --seconds S  of virtual time in each (default 5)\n"
    "  --leased     the limits are leased, and clocks drift\n"
    "  --failovers  a replica that lags takes over at times\n"
    "  --cluster    three servers, and requests over several slots\n"
    "  --moves      slots move from server to server\n"
    "Exit code: 0 all held, 1 a violation, 2 wrong usage.\n";

struct Options {
  std::uint64_t seed = 1;
  double minutes = 0, seconds = 5;
  bool leased = false, failovers = false, cluster = false, moves = false;

  std::string flags() const {
    return std::string(leased ? " --leased" : "") + (failovers ? " --failovers" : "") +
           (cluster ? " --cluster" : "") + (moves ? " --moves" : "");
  }
};

bool read(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    bool* const given = flag == "--leased"      ? &o.leased
                        : flag == "--failovers" ? &o.failovers
                        : flag == "--cluster"   ? &o.cluster
                        : flag == "--moves"     ? &o.moves
                                                : nullptr;
    if (given != nullptr) {
      *given = true;
      continue;
    }
    const char* value = i + 1 < argc ? argv[++i] : "";
    const auto seed = sluice::parse_number<std::uint64_t>(value);
    const auto amount = sluice::parse_number<double>(value);
    if (flag == "--seed" && seed)
      o.seed = *seed;
    else if (flag == "--minutes" && amount && *amount >= 0)
      o.minutes = *amount;
    else if (flag == "--seconds" && amount && *amount >= 0)
      o.seconds = *amount;
    else
      return std::fprintf(stderr, "sluice_sim: %s %s is not understood\n%s", argv[i], value, kUsage), false;
  }
  if ((o.leased && o.cluster) || (o.moves && !o.cluster))
    return std::fprintf(stderr, "sluice_sim: --moves goes with --cluster, --leased without it\n%s", kUsage),
           false;
  return true;
}

/// Runs seed after seed. False: one did not hold.
template <class Plan, class Add>
bool run_seeds(const Options& o, Plan plan, Add add) {
  using Watch = std::chrono::steady_clock;
  const auto until = Watch::now() + std::chrono::duration<double>(o.minutes * 60);
  std::uint64_t seeds = 0;
  do {
    const auto outcome = run(plan);
    ++seeds;
    add(outcome);
    if (!outcome.violation.empty()) {
      std::printf("seed %llu: %s\nreplay: ./dev sim --seed %llu --seconds %g%s\n",
                  static_cast<unsigned long long>(plan.seed), outcome.violation.c_str(),
                  static_cast<unsigned long long>(plan.seed), o.seconds, o.flags().c_str());
      return false;
    }
    ++plan.seed;
  } while (Watch::now() < until);
  std::printf("%llu seeds held: ", static_cast<unsigned long long>(seeds));
  return true;
}

bool one_server(const Options& o) {
  unsigned long long asks = 0, calls = 0, remembered = 0, leased = 0, degraded = 0, repaid = 0;
  const Plan plan{.seed = o.seed, .seconds = o.seconds, .failovers = o.failovers, .leased = o.leased};
  const bool held = run_seeds(o, plan, [&](const auto& outcome) {
    asks += outcome.asks, calls += outcome.calls, remembered += outcome.remembered, leased += outcome.leased;
    degraded += outcome.degraded, repaid += outcome.repaid;
  });
  if (held)
    std::printf(
        "%llu asks in %llu calls, %llu refused from memory, %llu leased, %llu degraded; "
        "%llu tokens charged back\n",
        asks, calls, remembered, leased, degraded, repaid);
  return held;
}

bool cluster(const Options& o) {
  unsigned long long requests = 0, spread = 0, given_back = 0, lost = 0, again = 0;
  const ClusterPlan plan{.seed = o.seed, .seconds = o.seconds, .moves = o.moves, .failovers = o.failovers};
  const bool held = run_seeds(o, plan, [&](const auto& outcome) {
    requests += outcome.requests, spread += outcome.spread, given_back += outcome.given_back;
    lost += outcome.lost, again += outcome.again;
  });
  if (held)
    std::printf(
        "%llu requests, %llu over several slots; %llu charges given back, %llu of unknown outcome; "
        "%llu calls asked again\n",
        requests, spread, given_back, lost, again);
  return held;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!read(argc, argv, options)) return 2;
  return (options.cluster ? cluster(options) : one_server(options)) ? 0 : 1;
}
