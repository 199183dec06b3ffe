// domain.h: one domain's tree of descriptors, compiled: an array of nodes and one hash table over all
// levels, keyed by the parent and the text "key" or "key_value". What a look-up reads is kept apart from
// what only some matches need (Hot, Node): ten thousand descriptors are then some 800 kB, and a look-up that
// succeeds waits for memory twice: for a slot, and for a Hot with its text behind it.
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
    bool lists_on_path = false;   // Here or above.
    bool shares_on_path = false;  // As well.
    const Rule* rule = nullptr;
    std::string text;
    PatternList patterns;  // Of the level below, in the file's order; their tags are nodes.
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
    Place at = 0;
    for (std::size_t i = 0; i < descriptor.size(); ++i) {
      if (hot(at).leaf) return nullptr;
      const auto [how, next] = down(at, descriptor[i]);
      step(i, how, node(next));
      if (next == 0) return nullptr;
      at = next;
    }
    return at == 0 ? nullptr : &node(at);
  }
  const Node& parent(const Node& node) const { return nodes_[node.parent]; }

  struct Reached {
    const Node* node = nullptr;  // As walk() gives it.
    bool plain = true;           // What was written holds neither "|" nor a backslash of an entry's.
  };
  /// The bytes that reach() writes at most.
  static std::size_t written_size(std::span<const Entry> descriptor);
  /// As walk(), for match(): the entries are written at `text`, each as "key_value" and a "|" behind it, so
  /// that one copy serves the look-ups and, but for the "_", is the bucket's key.
  Reached reach(std::span<const Entry> descriptor, char* text) const;

  /// The patterns of the level below the node that `text` fits.
  std::vector<std::string> all_patterns(const Node& node, std::string_view text) const;

  std::deque<Rule>& rules() { return rules_; }
  const std::deque<Rule>& rules() const { return rules_; }

 private:
  /// A Hot, by its place in hot_. 0: the domain's own.
  using Place = std::uint32_t;
  struct Found {
    Step::How how = Step::How::nothing;
    Place place = 0;  // 0: nothing.
  };
  Found down(Place at, const Entry& entry) const;
  Found less_exact(Place at, std::string_view both, std::string_view key) const;
  Place look_up(Place parent, std::string_view text, std::uint64_t text_hash) const;
  void add(std::uint32_t parent, const std::string& path, bool by_value, std::vector<Descriptor> descriptors);
  void build_table();

  /// Its text lies behind it.
  struct Hot {
    Place parent;
    std::uint32_t node;
    std::uint32_t text_size;
    bool leaf, has_patterns;
  };
  const Hot& hot(Place at) const { return reinterpret_cast<const Hot&>(hot_[at]); }
  const Node& node(Place at) const { return nodes_[hot(at).node]; }
  struct Slot {
    std::uint32_t tag = 0;  // The upper half of the hash; the lower half chooses the slot.
    Place place = 0;        // 0: free.
  };

  std::string name_;
  std::vector<Node> nodes_;         // [0] is the domain itself.
  std::vector<std::uint32_t> hot_;  // Each a Hot and a text, in words.
  std::vector<Place> places_;       // Of the nodes, by their index.
  std::vector<Slot> table_;         // A power of two, at most half full; linear probing.
  std::deque<Rule> rules_;          // Does not move them.
};

}  // namespace sluice::policy
