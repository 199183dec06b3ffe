// rule_counts.h: what became of the hits that fell under each rule of the policies. The counts are
// envoyproxy/ratelimit's statistics, by rule:
//
//     RuleCounts mine;                            // One a door and loop.
//     mine.hit(rule, hits);                       // On that loop's thread: no lock; memory for a rule's
//     first hit. NamedCounts named(1000);                    // One a process, for names that requests make
//     up. named.hit("shop", "shop.user_ann", hits);   // Any thread; a lock.
//
// A rule's counts belong to its domain and name, so they outlive a reload. Both kinds are bounded: what finds
// no place is counted under kOtherNames of its domain, which no rule can be called.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::observe {

enum class RuleCount : std::uint8_t {
  hits,           ///< All.
  within_limit,   ///< Of descriptors that passed.
  near_limit,     ///< Of these the hits beyond the near-limit ratio of the capacity.
  over_limit,     ///< Of descriptors over their limit.
  shadow_mode,    ///< Of these the hits that passed all the same: shadow_mode, enforce_percent.
  negative_hits,  ///< Given back; counted nowhere else.
};
inline constexpr std::size_t kRuleCounts = 6;
using RuleHits = std::array<std::uint64_t, kRuleCounts>;  ///< By RuleCount.

inline constexpr std::string_view kOtherNames = "#other";
inline constexpr std::size_t kRulesCountedMax = 20'000;  ///< Of one door and loop, reloads included.
inline constexpr std::size_t kNameBytesMax = 256;  ///< Of a name that requests make up; longer: kOtherNames.

/// A rule as its counter finds it. `set` tells sets of rules apart, and within one `index` is below `rules`.
struct CountedRule {
  std::uint64_t set;
  std::size_t rules;
  std::uint32_t index;
  std::string_view domain, name;
};

/// Domain and name of a rule.
using RuleName = std::pair<std::string_view, std::string_view>;
using RuleSums = std::map<RuleName, RuleHits>;

/// Written by one thread, read by any.
class RuleCounts {
 public:
  void hit(const CountedRule& rule, const RuleHits& hits);
  /// The views live as long as this.
  void add_to(RuleSums& sums) const;

 private:
  using Counter = std::atomic<std::uint64_t>;
  struct Cell {
    Cell(std::string_view d, std::string_view n) : domain(d), name(n) {}
    const std::string domain, name;
    std::array<Counter, kRuleCounts> counts{};
    const Cell* before = nullptr;  // Constant once the cell can be reached from latest_.
  };
  Cell& cell(std::string_view domain, std::string_view name);

  std::uint64_t set_ = 0;              // Whose rules table_ is of. The writer's own, as are the next three.
  std::vector<Cell*> table_;           // By CountedRule::index; null: not hit since the set came.
  std::deque<Cell> cells_;             // Does not move them.
  std::map<RuleName, Cell*> by_name_;  // Views of the cells' names.
  std::atomic<const Cell*> latest_{nullptr};  // Where readers begin; release: what it leads to is there.
};

/// Counts under names that come from requests, `max` of them. Thread-safe, by a lock.
class NamedCounts {
 public:
  explicit NamedCounts(std::size_t max) : max_(max) {}
  void hit(std::string_view domain, std::string_view name, const RuleHits& hits);
  /// A request for a domain without a policy.
  void unknown_domain(std::string_view domain);

  using ByName = std::map<std::string, RuleHits, std::less<>>;
  struct Names {
    std::map<std::string, ByName, std::less<>> domains;
    std::map<std::string, std::uint64_t, std::less<>> unknown_domains;
    std::uint64_t refused = 0;  ///< How often something was counted under kOtherNames.
  };
  Names names() const;

 private:
  const std::size_t max_;
  mutable std::mutex mutex_;
  Names names_;            // Guarded by mutex_, as is the next.
  std::size_t named_ = 0;  // Rules' names, kOtherNames not among them.
};

/// In the Prometheus text format. Written by hand: there may be thousands of rules, and the page is made on a
/// loop that has others to serve.
void append_rules(const RuleSums& rules, const NamedCounts::Names& named, std::string& out);

}  // namespace sluice::observe
