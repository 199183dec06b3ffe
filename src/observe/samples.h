// samples.h: some of the decisions of one door and loop, on their way to who counts keys (seen.h).
//
//     if (--samples.skip() == 0) samples.put({...});      // The door's thread, each decision.
//     samples.drain([](const Sample& s) { ... });         // Another thread, some times a second.
//
// Up to about kSamplesADrain decisions between two drains all are taken. Beyond, one of `weight`: the gap to
// the next is drawn evenly from 1 to 2 * weight - 1, whatever is asked for, so sums of weights are estimates
// without bias. What the reader is too slow for is lost, and counted. The path of a decision has a countdown,
// and for one that is taken a copy of its key; no clock, no lock, no memory.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "core/hex.h"
#include "sluice/decision.h"

namespace sluice::observe {

inline constexpr std::size_t kSampledKeyBytes =
    64;  ///< Longer keys: their beginning and a hash (seen_key()).
inline constexpr std::uint64_t kSamplesADrain = 500;

struct Sample {
  const std::string* limit;  ///< Stays for as long as the door's metrics.
  std::int64_t cost;
  Duration wait;         ///< retry_after of a refusal.
  std::uint32_t weight;  ///< How many decisions it stands for.
  std::uint16_t quota;   ///< Index of the quota that decided.
  Outcome outcome;
  Origin origin;
  std::uint8_t key_bytes;
  std::array<char, kSampledKeyBytes> key_text;

  std::string_view key() const { return {key_text.data(), key_bytes}; }
};

/// A key as it is sampled: itself, or its first 47 bytes, "~" and a hash of it in 16 digits.
inline std::size_t seen_key(std::string_view key, std::array<char, kSampledKeyBytes>& to) {
  if (key.size() <= to.size()) {
    std::memcpy(to.data(), key.data(), key.size());
    return key.size();
  }
  std::memcpy(to.data(), key.data(), 47);
  to[47] = '~';
  auto hash = std::hash<std::string_view>()(key);
  for (std::size_t i = 48; i < to.size(); ++i, hash >>= 4) to[i] = kHexDigits[hash & 15];
  return to.size();
}

/// One writer, one reader.
class Samples {
 public:
  static constexpr std::size_t kPlaces = 2048;

  /// Counts down to the next decision that is to be put. The writer's.
  std::uint32_t& skip() { return skip_; }

  /// REQUIRES: skip() has come to 0.
  void put(const std::string& limit, std::string_view key, std::int64_t cost, std::size_t quota,
           const Decision& d) {
    const std::uint64_t end = end_.load(std::memory_order_relaxed);
    const std::uint64_t used = end - begin_.load(std::memory_order_acquire);
    if (used < kPlaces) {
      Sample& s = ring_[end % kPlaces];
      s.limit = &limit;
      s.cost = cost;
      s.wait = d.retry_after;
      s.weight = weight_;
      s.quota = static_cast<std::uint16_t>(quota);
      s.outcome = d.outcome;
      s.origin = d.origin;
      s.key_bytes = static_cast<std::uint8_t>(seen_key(key, s.key_text));
      end_.store(end + 1, std::memory_order_release);
    } else {
      lost_.store(lost_.load(std::memory_order_relaxed) + weight_, std::memory_order_relaxed);
    }
    weight_ = every_.load(std::memory_order_relaxed);
    // A sudden rush: do not fill up before the reader has seen it.
    if (used > kPlaces / 2) weight_ = std::max<std::uint32_t>(weight_, 64);
    skip_ = weight_ == 1 ? 1 : 1 + random() % (2 * weight_ - 1);
  }

  /// The reader's: hands over what is there and sees to it that it stays about so many.
  template <class Take>
  void drain(Take take) {
    const std::uint64_t end = end_.load(std::memory_order_acquire);
    std::uint64_t begin = begin_.load(std::memory_order_relaxed), all = 0;
    for (; begin != end; ++begin) {
      const Sample& s = ring_[begin % kPlaces];
      all += s.weight;
      take(s);
    }
    begin_.store(begin, std::memory_order_release);
    const std::uint64_t every = all / kSamplesADrain;
    const std::uint64_t was = every_.load(std::memory_order_relaxed);
    // Up at once, down by halves: the rate does not swing with each drain.
    every_.store(static_cast<std::uint32_t>(
                     std::clamp<std::uint64_t>(every, std::max<std::uint64_t>(1, was / 2), 1'000'000)),
                 std::memory_order_relaxed);
  }
  /// Decisions lost so far, by weight. Any thread.
  std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  std::uint32_t random() {  // xorshift32, Marsaglia 2003.
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    random_ ^= random_ << 5;
    return random_;
  }

  std::unique_ptr<Sample[]> ring_ = std::make_unique_for_overwrite<Sample[]>(kPlaces);
  std::uint32_t skip_ = 1;
  std::uint32_t weight_ = 1;  // Of the sample that skip_ leads to.
  std::uint32_t random_ = 2463534242;
  std::atomic<std::uint64_t> end_{0};  // The writer's, as is lost_; the other two are the reader's.
  std::atomic<std::uint64_t> lost_{0};
  alignas(64) std::atomic<std::uint64_t> begin_{0};
  std::atomic<std::uint32_t> every_{1};
};

}  // namespace sluice::observe
