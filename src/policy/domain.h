// domain.h: one domain's tree of descriptors, compiled: an array of nodes and one hash table over all
// levels, keyed by the parent and the text "key" or "key_value".
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/pattern.h"
#include "policy/policy_set.h"

namespace sluice::policy {

class Domain {
 public:
  struct Node {
    std::uint32_t parent = 0;
    bool leaf = true;
    bool is_pattern = false;
    bool value_to_metric = false;
    bool share_threshold = false;
    bool lists = false;
    const Rule* rule = nullptr;
    std::string text;
    std::vector<std::pair<Pattern, std::uint32_t>> patterns;  // Of the level below, in the file's order.
    ValueList allow, deny;

    /// What stands for the value of an entry of `key` that fitted this pattern.
    std::string_view pattern_value(std::string_view key) const;
  };

  explicit Domain(Policy policy);

  const std::string& name() const { return name_; }
  const Node& root() const { return nodes_.front(); }
  /// Walks the entries down; tells step(index, how, node) of each that was looked at (the root's if nothing
  /// matched). The node at which the last one arrived, else null.
  template <class OnStep>
  const Node* walk(std::span<const Entry> descriptor, OnStep&& step) const {
    const Node* at = nodes_.data();
    for (std::size_t i = 0; i < descriptor.size(); ++i) {
      if (i > 0 && at->leaf) return nullptr;
      const auto [how, next] = down(*at, descriptor[i]);
      step(i, how, next == nullptr ? *nodes_.data() : *next);
      if (next == nullptr) return nullptr;
      at = next;
    }
    return descriptor.empty() ? nullptr : at;
  }
  /// The patterns of the level below the node that `text` fits.
  std::vector<std::string> all_patterns(const Node& node, std::string_view text) const;

  std::deque<Rule>& rules() { return rules_; }
  const std::deque<Rule>& rules() const { return rules_; }

 private:
  struct Found {
    Step::How how = Step::How::nothing;
    const Node* node = nullptr;
  };
  Found down(const Node& at, const Entry& entry) const;
  Found down(const Node& at, std::string_view both, std::string_view key) const;
  const Node* look_up(std::uint32_t parent, std::string_view text) const;
  void add(std::uint32_t parent, const std::string& path, bool by_value, std::vector<Descriptor> descriptors);
  void build_table();

  std::string name_;
  std::vector<Node> nodes_;  // [0] is the domain itself.
  std::deque<Rule> rules_;   // Does not move them.
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t node = 0;  // 0: free.
  };
  std::vector<Slot> table_;  // A power of two, at most half full; linear probing.
};

}  // namespace sluice::policy
