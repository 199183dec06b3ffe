// The local store with a million string keys against the usual way to write one: 64 shards, each a mutex and
// a std::unordered_map<std::string, bucket>, in the same run and with the same keys. Then memory, two
// threads, and the longest insert while the table grows to ten million keys.
//
//     table_bench [RUNS]        5 if not said; each figure is the median of them, then the least and the
//     greatest
//
// Time is the thread's processor time. Keys are 20 bytes, in random order, and lie in memory in the order in
// which they are asked for, as in a socket's buffer. Every decision is allowed and so writes; all are
// counted.
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "measure.h"
#include "store/local/local_store.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kKeys = 1'000'000;
constexpr std::size_t kAsks = 2'000'000;
constexpr std::size_t kKeyBytes = 20;

void write_key(char* at, std::uint64_t number) {
  char text[kKeyBytes + 1];
  std::snprintf(text, sizeof text, "user:%015llu", static_cast<unsigned long long>(number));
  std::memcpy(at, text, kKeyBytes);
}

/// Keys one behind the other, as they are asked for.
class Keys {
 public:
  explicit Keys(std::size_t n) : bytes_(n * kKeyBytes) {}
  static Keys all() {
    Keys keys(kKeys);
    for (std::size_t i = 0; i < kKeys; ++i) write_key(&keys.bytes_[i * kKeyBytes], i);
    return keys;
  }
  static Keys random(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    Keys keys(kAsks);
    for (std::size_t i = 0; i < kAsks; ++i) write_key(&keys.bytes_[i * kKeyBytes], random() % kKeys);
    return keys;
  }
  std::size_t size() const { return bytes_.size() / kKeyBytes; }
  std::string_view operator[](std::size_t i) const { return {&bytes_[i * kKeyBytes], kKeyBytes}; }

 private:
  std::vector<char> bytes_;
};

struct Done final : store::Completion {
  void decided() override {}
};

class Ours {
 public:
  explicit Ours(std::size_t max_keys) : store_({.max_keys = max_keys}) {}

  template <std::size_t kSpan>
  std::size_t ask(const Keys& keys) {
    std::array<store::Ask, kSpan> asks;
    std::array<Decision, kSpan> decisions;
    asks.fill({.family = &family_, .quota = &quota_});
    std::size_t allowed = 0;
    Done done;
    for (std::size_t i = 0; i + kSpan <= keys.size(); i += kSpan) {
      for (std::size_t k = 0; k < kSpan; ++k) asks[k].key = keys[i + k];
      store::Batch batch{asks, decisions, Clock::now()};
      store_.decide(batch, done);
      for (const Decision& d : decisions) allowed += d.allowed() ? 1 : 0;
    }
    return allowed;
  }
  store::LocalStats stats() const { return store_.stats(); }

 private:
  store::LocalStore store_;
  const store::Family family_{"bench"};
  // Slow, so that no bucket is ever full again and every one stays.
  const Quota quota_ = *Quota::parse("1/min burst 100000");
};

class Usual {
 public:
  std::size_t ask(const Keys& keys) {
    std::size_t allowed = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) allowed += take(keys[i], Clock::now()) ? 1 : 0;
    return allowed;
  }

 private:
  struct TokenBucket {
    double tokens = 1e5;
    Time at;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, TokenBucket> buckets;
  };
  bool take(std::string_view key, Time now) {
    std::string own(key);
    Shard& shard = shards_[std::hash<std::string>()(own) % shards_.size()];
    const std::lock_guard lock(shard.mutex);
    const auto [entry, fresh] = shard.buckets.try_emplace(std::move(own), TokenBucket{.at = now});
    TokenBucket& bucket = entry->second;
    bucket.tokens =
        std::min(1e5, bucket.tokens + std::chrono::duration<double>(now - bucket.at).count() / 60);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
  std::array<Shard, 64> shards_;
};

[[noreturn]] void miscounted(const char* what) {
  std::printf("%s: not every decision was allowed\n", what);
  std::exit(1);
}

template <class Work>
double ns_each(const char* what, std::size_t n, const Work& work) {
  const double begin = thread_cpu_ns();
  if (work() != n) miscounted(what);
  return (thread_cpu_ns() - begin) / static_cast<double>(n);
}

void print(const char* what, const Spread& s) {
  std::printf("%-44s %7.1f ns  [%.1f..%.1f]\n", what, s.median, s.min, s.max);
  std::fflush(stdout);
}

/// Both threads at once, each with its own keys; the slower one's processor time counts.
double two_threads_millions(Ours& ours, const std::array<Keys, 2>& keys) {
  std::array<double, 2> ns{};
  std::atomic<int> ready{0};
  std::array<std::thread, 2> threads;
  for (std::size_t t = 0; t < 2; ++t)
    threads[t] = std::thread([&, t] {
      pin(static_cast<int>(t));
      ++ready;
      while (ready != 2) std::this_thread::yield();
      ns[t] = ns_each("two threads", kAsks, [&] { return ours.ask<16>(keys[t]); });
    });
  for (auto& thread : threads) thread.join();
  return 2e3 / std::max(ns[0], ns[1]);
}

bool speed(int runs) {
  const Keys all = Keys::all();
  const std::array<Keys, 2> keys = {Keys::random(1), Keys::random(2)};
  const double before = resident_bytes();
  Ours ours(kKeys);
  ours.ask<1>(all);
  const double per_key = (resident_bytes() - before) / static_cast<double>(ours.stats().keys);
  Usual usual;
  usual.ask(all);

  std::vector<double> single, spans, theirs, millions;
  for (int run = 0; run < runs; ++run) {  // By turns, so that a neighbour's load falls on all alike.
    single.push_back(ns_each("single", kAsks, [&] { return ours.ask<1>(keys[0]); }));
    spans.push_back(ns_each("spans", kAsks, [&] { return ours.ask<16>(keys[0]); }));
    theirs.push_back(ns_each("usual", kAsks, [&] { return usual.ask(keys[0]); }));
    millions.push_back(two_threads_millions(ours, keys));
  }
  const Spread one = spread(single), sixteen = spread(spans), yardstick = spread(theirs),
               both = spread(millions);
  print("single, clock read each", one);
  print("spans of 16, clock read each span", sixteen);
  print("64 x mutex + unordered_map, clock read each", yardstick);
  std::printf("%-44s %7.1f M/s [%.1f..%.1f]\n", "two threads, spans of 16", both.median, both.min, both.max);
  std::printf("table: %.1f bytes a key resident, %.1f of address space\n", per_key,
              static_cast<double>(ours.stats().bytes) / static_cast<double>(ours.stats().keys));

  bool kept = result("table: single", one.median, "ns", "<= 100 ns", one.median <= 100);
  kept &= result("table: spans of 16", sixteen.median, "ns", "<= 45 ns", sixteen.median <= 45);
  const double single_ratio = yardstick.median / one.median, spans_ratio = yardstick.median / sixteen.median;
  kept &= result("table: single against mutex + map", single_ratio, "x", ">= 8 x", single_ratio >= 8);
  kept &= result("table: spans against mutex + map", spans_ratio, "x", ">= 18 x", spans_ratio >= 18);
  kept &= result("table: two threads", both.median, "M/s", ">= 35 M/s", both.median >= 35);
  kept &= result("table: memory a key", per_key, "B", "<= 32 B", per_key <= 32);
  return kept;
}

/// Inserts ten million keys one at a time and times each. An insert during which the kernel gave the
/// processor to somebody else is no stall of the table's; those are counted apart.
bool growth() {
  constexpr std::size_t keys = 10'000'000;
  store::LocalStore store({.max_keys = 2 * keys});  // So that it never has to share.
  const store::Family family("bench");
  const Quota quota = *Quota::parse("1/day");
  const auto preemptions = [] {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
  };
  std::vector<std::uint32_t> ns;
  ns.reserve(keys);
  std::fill_n(std::back_inserter(ns), keys, 0U);
  ns.clear();
  std::size_t set_aside = 0;
  long seen = preemptions();
  char key[kKeyBytes];
  for (std::size_t i = 0; i < keys; ++i) {
    write_key(key, i);
    const store::Ask ask{.key = {key, kKeyBytes}, .family = &family, .quota = &quota};
    Decision decision;
    Done done;
    const Time begin = Clock::now();
    store::Batch batch{std::span(&ask, 1), std::span(&decision, 1), begin};
    store.decide(batch, done);
    const auto took = (Clock::now() - begin).count();
    if (!decision.allowed()) miscounted("growth");
    if (took > 50'000)
      if (const long now = preemptions(); now != seen) {
        seen = now;
        ++set_aside;
        continue;
      }
    ns.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(took, UINT32_MAX)));
  }
  std::sort(ns.begin(), ns.end());
  const auto at = [&](double share) {
    return ns[std::min(ns.size() - 1, static_cast<std::size_t>(share * static_cast<double>(ns.size())))];
  };
  std::printf("growth to %zu keys, ns an insert: p50 %u, p99 %u, p99.9 %u, p99.99 %u, p99.999 %u, max %u\n",
              keys, at(.5), at(.99), at(.999), at(.9999), at(.99999), ns.back());
  std::printf("  %zu inserts were interrupted by other work and are left out; %llu slots, %llu evictions\n",
              set_aside, static_cast<unsigned long long>(store.stats().capacity),
              static_cast<unsigned long long>(store.stats().evictions));
  return result("table: longest insert, growing to 10M", ns.back() / 1e3, "us", "< 1000 us",
                ns.back() < 1'000'000);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  sluice::bench::pin(0);
  const bool fast = sluice::bench::speed(runs);
  const bool smooth = sluice::bench::growth();
  return fast && smooth ? 0 : 1;
}
