// A flood of distinct keys against a set of drained ones: does memory stay, do the drained stay drained, does
// a newcomer get no more than its capacity and all of them together no more than the table's slots hold?
//
//     flood [MILLIONS_OF_KEYS [MAX_KEYS [THREADS]]]        100 million, 1 million, 2
//
// Each of 10,000 offenders spends its whole bucket first. Then newcomers come in spans of 16, each key once;
// after every fourth span 16 of the offenders try again. The quota refills one token in a day, so that time
// gives nobody anything while this runs. Exit code 1 if a promise is broken.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <thread>

#include "measure.h"
#include "store/local/local_store.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kOffenders = 10'000;
constexpr std::int64_t kCapacity = 10;
constexpr std::size_t kSpan = 16;

struct Done final : store::Completion {
  void decided() override {}
};

struct Key {
  char bytes[24];
  std::size_t size;
  std::string_view view() const { return {bytes, size}; }
};
Key key(char kind, std::uint64_t number) {
  Key k{};
  k.size = static_cast<std::size_t>(
      std::snprintf(k.bytes, sizeof k.bytes, "%c%016llx", kind, static_cast<unsigned long long>(number)));
  return k;
}

struct Counts {
  std::atomic<std::uint64_t> newcomers_allowed{0}, offenders_asked{0}, offenders_allowed{0};
};

class Flood {
 public:
  Flood(std::size_t keys, std::size_t max_keys) : keys_(keys), store_({.max_keys = max_keys}) {}

  void drain_offenders() {
    for (std::size_t i = 0; i < kOffenders; i += kSpan)
      if (ask('o', i, kCapacity) != std::min(kSpan, kOffenders - i)) {
        std::printf("an offender did not get its own capacity\n");
        std::exit(1);
      }
  }

  /// Every `step`th span of newcomers.
  void run(std::size_t first, std::size_t step, Counts& counts) {
    std::size_t offender = first * kSpan;
    for (std::size_t i = first * kSpan; i + kSpan <= keys_; i += step * kSpan) {
      counts.newcomers_allowed += ask('n', i, 1);
      if (i / kSpan / step % 4 != 0) continue;
      counts.offenders_asked += kSpan;
      counts.offenders_allowed += ask('o', offender % (kOffenders - kSpan), 1);
      offender += kSpan;
    }
  }

  /// The most that one of 10,000 late newcomers gets, asking again and again.
  std::uint64_t most_by_one() {
    std::uint64_t most = 0;
    for (std::size_t i = 0; i < 10'000; ++i) {
      std::uint64_t granted = 0;
      const Key k = key('x', i);
      for (int n = 0; n < 2 * kCapacity; ++n) granted += one(k) ? 1 : 0;
      most = std::max(most, granted);
    }
    return most;
  }

  store::LocalStats stats() const { return store_.stats(); }

 private:
  std::size_t ask(char kind, std::size_t first, std::int64_t amount) {
    std::array<Key, kSpan> keys;
    std::array<store::Ask, kSpan> asks;
    std::array<Decision, kSpan> decisions;
    for (std::size_t i = 0; i < kSpan; ++i) {
      keys[i] = key(kind, first + i);
      asks[i] = {.key = keys[i].view(), .family = &family_, .quota = &quota_, .amount = amount};
    }
    store::Batch batch{asks, decisions, Clock::now()};
    Done done;
    store_.decide(batch, done);
    return static_cast<std::size_t>(
        std::count_if(decisions.begin(), decisions.end(), [](const Decision& d) { return d.allowed(); }));
  }
  bool one(const Key& k) {
    const store::Ask ask{.key = k.view(), .family = &family_, .quota = &quota_};
    Decision decision;
    store::Batch batch{std::span(&ask, 1), std::span(&decision, 1), Clock::now()};
    Done done;
    store_.decide(batch, done);
    return decision.allowed();
  }

  const std::size_t keys_;
  store::LocalStore store_;
  const store::Family family_{"flood"};
  const Quota quota_ = *Quota::parse("1/day burst 10");
};

bool run(std::size_t keys, std::size_t max_keys, std::size_t threads) {
  Flood flood(keys, max_keys);
  Counts counts;
  flood.drain_offenders();
  const auto begin = std::chrono::steady_clock::now();
  const double before = resident_bytes();
  double most_resident = before;
  std::atomic<std::size_t> running{threads};
  std::vector<std::thread> workers;
  for (std::size_t t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      flood.run(t, threads, counts);
      --running;
    });
  while (running > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    most_resident = std::max(most_resident, resident_bytes());
  }
  for (auto& worker : workers) worker.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const std::uint64_t by_one = flood.most_by_one();
  const auto stats = flood.stats();
  const double held = static_cast<double>(stats.capacity) * kCapacity;
  std::printf(
      "%zu million keys on %zu threads in %.1f s: %.2f M/s of newcomers and offenders together\n"
      "newcomers: %llu allowed (%.2f %%); %zu slots hold %.0f tokens; %llu evictions\n"
      "offenders: %llu asked, %llu allowed\n",
      keys / 1'000'000, threads, seconds,
      (static_cast<double>(keys) + static_cast<double>(counts.offenders_asked)) / seconds / 1e6,
      static_cast<unsigned long long>(counts.newcomers_allowed.load()),
      100.0 * static_cast<double>(counts.newcomers_allowed) / static_cast<double>(keys),
      static_cast<std::size_t>(stats.capacity), held, static_cast<unsigned long long>(stats.evictions),
      static_cast<unsigned long long>(counts.offenders_asked.load()),
      static_cast<unsigned long long>(counts.offenders_allowed.load()));
  const auto per_key = (most_resident - before) / static_cast<double>(max_keys);
  bool kept = result("flood: offenders admitted", static_cast<double>(counts.offenders_allowed), "", "0",
                     counts.offenders_allowed == 0);
  kept &= result("flood: memory a key of max_keys", per_key, "B", "<= 48 B", per_key <= 48);
  kept &= result("flood: granted to newcomers / slots' tokens",
                 static_cast<double>(counts.newcomers_allowed) / held, "", "<= 1",
                 static_cast<double>(counts.newcomers_allowed) <= held);
  kept &= result("flood: most granted to one newcomer", static_cast<double>(by_one), "", "<= 10",
                 by_one <= static_cast<std::uint64_t>(kCapacity));
  return kept;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  const auto number = [&](int i, std::size_t otherwise) {
    return argc > i ? static_cast<std::size_t>(std::strtoull(argv[i], nullptr, 10)) : otherwise;
  };
  return sluice::bench::run(number(1, 100) * 1'000'000, number(2, 1'000'000), number(3, 2)) ? 0 : 1;
}
