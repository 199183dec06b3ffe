// seen.h: what samples of decisions tell: the heaviest keys of each limit in the last minutes, and the latest
// refusals.
//
//     Seen seen({.keys = 256});
//     seen.take(sample, wall_ns);                         // One thread.
//     std::string json = seen.top("api", Seen::By::refused, 20, wall_ns);   // Any thread.
//
// Windows: counts are of the current window of a minute and the one before, so of the last one to two
// minutes. The bounds of both add up (heavy_keys.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "observe/heavy_keys.h"
#include "observe/samples.h"

namespace sluice::observe {

struct SeenOptions {
  std::size_t keys = 256;       ///< Counted for each limit, window, and of `asked` and `refused`.
  std::size_t limits = 128;     ///< With keys of their own; of further ones none are counted.
  std::size_t refusals = 4096;  ///< Kept, of all limits together.
  Duration window = std::chrono::seconds(60);
};

class Seen {
 public:
  explicit Seen(SeenOptions options, bool shared = false) : options_(options), shared_(shared) {}

  void take(const Sample& sample, std::int64_t wall_ns);
  /// Decisions that samples were lost of, so far.
  void lost(std::uint64_t decisions);

  enum class By : std::uint8_t { asked, refused };
  /// JSON: the `n` heaviest of a limit, or of all if it is empty.
  std::string top(std::string_view limit, By by, std::size_t n, std::int64_t wall_ns);
  /// JSON, a list: the latest refusals of a key, the latest first.
  std::string refusals(std::string_view limit, std::string_view key, std::size_t n);

 private:
  struct Window {
    explicit Window(std::size_t keys) : asked(keys), refused(keys) {}
    HeavyKeys asked, refused;
    std::uint64_t samples = 0;
  };
  struct Limit {
    explicit Limit(std::size_t keys) : now(keys), before(keys) {}
    Window now, before;
  };
  struct Refusal {
    const std::string* limit;  // In limits_, which loses none.
    std::string key;
    std::int64_t wall_ns, cost;
    Duration wait;
    std::uint32_t weight;
    std::uint16_t quota;
    Outcome outcome;
    Origin origin;
  };
  void turn(std::int64_t wall_ns);

  const SeenOptions options_;
  const bool shared_;
  std::mutex mutex_;  // Guards all that follows.
  std::map<std::string, Limit, std::less<>> limits_;
  std::deque<Refusal> refusals_;   // The latest behind.
  std::int64_t window_begin_ = 0;  // Wall time; 0: none has begun.
  std::int64_t before_begin_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t beyond_ = 0;  // Decisions of limits that found no place.
};

}  // namespace sluice::observe
