// heavy_keys.h: the keys that come most often in a stream that never ends, in memory that does not grow.
//
// The algorithm is Space-Saving (Metwally, Agrawal, El Abbadi 2005): m counters; a key that has none takes
// over the smallest one, count and all, and remembers that count as its possible error. With W for the weight
// of all that came,
//     count - error <= true count <= count,   error <= W / m,
// so every key that truly has more than W / m is among those counted. A key that is not has at most floor().
//
//     HeavyKeys keys(256);
//     keys.add("alice", 1);            // O(log m).
//     for (const auto& k : keys.all()) ...
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::observe {

class HeavyKeys {
 public:
  /// REQUIRES: counters > 0. Memory is taken as keys come.
  explicit HeavyKeys(std::size_t counters) : max_(counters) {}
  HeavyKeys(HeavyKeys&&) = default;
  HeavyKeys& operator=(HeavyKeys&&) = default;

  void add(std::string_view key, std::uint64_t weight);

  struct Key {
    std::string key;
    std::uint64_t count;  ///< At most; `count - error` at least.
    std::uint64_t error;
  };
  std::vector<Key> all() const;                   ///< The heaviest first.
  std::uint64_t total() const { return total_; }  ///< W.
  /// The most that a key which is not counted can have.
  std::uint64_t floor() const { return entries_.size() < max_ ? 0 : entries_.front().count; }

  /// Of two streams as of one: bounds add up. The heaviest first.
  static std::vector<Key> sum(const HeavyKeys& a, const HeavyKeys& b);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Entry {
    const std::string* key;  // In index_, which does not move them.
    std::uint64_t count, error;
  };
  using Index = std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>>;

  const Entry* find(std::string_view key) const;
  void up(std::size_t at);
  void down(std::size_t at);
  void swap(std::size_t a, std::size_t b);

  std::size_t max_;
  std::uint64_t total_ = 0;
  std::vector<Entry> entries_;  // A heap with the smallest count in front.
  Index index_;                 // Where in entries_.
};

}  // namespace sluice::observe
