// One bucket and its quota. The yardstick of a decision is the least that a shared bucket can cost: a load
// and a compare-and-swap of one word, with time from the same source.
#include <benchmark/benchmark.h>

#include <atomic>

#include "sluice/bucket.h"

namespace sluice {
namespace {

/// The time that all are given: it moves on by 100 ns a call, so a bucket of 10M/s is always allowed.
class Given {
 public:
  Time next() { return Time(Duration(ns_ += 100)); }

 private:
  std::int64_t ns_ = 0;
};

void BareLoadAndSwap(benchmark::State& state) {
  std::atomic<std::uint64_t> word{0};
  Given given;
  for (auto _ : state) {
    const auto now = static_cast<std::uint64_t>(given.next().time_since_epoch().count());
    auto seen = word.load(std::memory_order_relaxed);
    while (!word.compare_exchange_weak(seen, std::max(seen, now) + 100, std::memory_order_relaxed)) {
    }
    benchmark::DoNotOptimize(seen);
  }
}
BENCHMARK(BareLoadAndSwap);

void take(benchmark::State& state, const char* quota) {
  Bucket bucket(*Quota::parse(quota), Time(Duration(0)));
  Given given;
  std::int64_t allowed = 0;
  for (auto _ : state) allowed += bucket.take(1, given.next()).allowed();
  if (allowed != state.iterations()) state.SkipWithError("the bucket refused");
}
// What the caller reads is what it pays for: `allowed` alone, or every number of the answer.
void HotBucketAllowed(benchmark::State& state) { take(state, "10000000/s"); }
BENCHMARK(HotBucketAllowed);
void HotBucketWideQuota(benchmark::State& state) { take(state, "999999937/s"); }
BENCHMARK(HotBucketWideQuota);

void HotBucketWholeAnswer(benchmark::State& state) {
  Bucket bucket(*Quota::parse("10000000/s"), Time(Duration(0)));
  Given given;
  for (auto _ : state) {
    auto decision = bucket.take(1, given.next());
    benchmark::DoNotOptimize(decision);
  }
}
BENCHMARK(HotBucketWholeAnswer);

void HotBucketRefused(benchmark::State& state) {
  Bucket bucket(*Quota::parse("1/h"), Time(Duration(0)));
  Given given;
  bucket.take(1, given.next());
  for (auto _ : state) {
    auto decision = bucket.take(1, given.next());
    benchmark::DoNotOptimize(decision);
  }
}
BENCHMARK(HotBucketRefused);

void ReadClock(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Clock::now());
}
BENCHMARK(ReadClock);

void ParseQuota(benchmark::State& state) {
  for (auto _ : state) {
    auto quota = Quota::parse("600/min burst 50");
    benchmark::DoNotOptimize(quota);
  }
}
BENCHMARK(ParseQuota);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
