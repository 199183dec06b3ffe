#include "policy/domain.h"

#include <bit>
#include <cstring>
#include <utility>

namespace sluice::policy {

namespace {

// Entries are short texts, some ten to thirty bytes: what follows takes them in words, the last of which
// overlaps the one before, and calls no function.

std::uint64_t word_at(const char* p) {
  std::uint64_t word = 0;
  std::memcpy(&word, p, sizeof word);
  return word;
}

/// Up to seven bytes as a word.
std::uint64_t short_word(const char* p, std::size_t n) {
  const auto byte = [p](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(p[i])}; };
  if (n == 0) return 0;
  if (n < 4) return byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16;
  std::uint32_t ends[2];
  std::memcpy(&ends[0], p, 4);
  std::memcpy(&ends[1], p + n - 4, 4);
  return ends[0] | std::uint64_t{ends[1]} << 32;
}

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15u;

/// The hash of a text, and whether it holds neither "|" nor a backslash, in one go. No secret: the texts
/// looked for come from requests, but those in the table do not, so nobody can fill a chain.
struct Scanned {
  std::uint64_t hash;
  std::uint64_t special = 0;  // Not 0 if it holds one.

  explicit Scanned(std::string_view text) : hash(text.size()) {
    const char* const p = text.data();
    const std::size_t n = text.size();
    for (std::size_t i = 0; i + 8 < n; i += 8) take(word_at(p + i));
    take(n < 8 ? short_word(p, n) : word_at(p + n - 8));
  }

 private:
  void take(std::uint64_t word) {
    hash = std::rotl((hash ^ word) * kOdd, 29);
    // "|" and a backslash are one but for the bit 0x20. A byte that the xor makes zero borrows from its high
    // bit.
    constexpr std::uint64_t ones = 0x0101010101010101u;
    const std::uint64_t x = (word | ones << 5) ^ ones * static_cast<unsigned char>('|');
    special |= (x - ones) & ~x & ones << 7;
  }
};

// The parent comes in last, so that the next entry's text can be hashed while a parent is still looked up.
std::uint64_t mix(std::uint64_t text_hash, std::uint32_t parent) {
  const std::uint64_t x = (text_hash ^ parent) * kOdd;
  return x ^ x >> 32;
}

inline bool same(const char* a, const char* b, std::size_t size) {
  if (size < 8) return std::memcmp(a, b, size) == 0;
  std::uint64_t differ = word_at(a + size - 8) ^ word_at(b + size - 8);
  for (std::size_t i = 0; i + 8 < size; i += 8) differ |= word_at(a + i) ^ word_at(b + i);
  return differ == 0;
}

template <std::size_t kSize>
void put_ends(char* to, const char* from, std::size_t n) {
  char ends[2][kSize];
  std::memcpy(ends[0], from, kSize);
  std::memcpy(ends[1], from + n - kSize, kSize);
  std::memcpy(to, ends[0], kSize);
  std::memcpy(to + n - kSize, ends[1], kSize);
}

[[gnu::always_inline]] inline char* put(char* to, std::string_view text) {
  const std::size_t n = text.size();
  const char* from = text.data();
  if (n > 32)
    std::memcpy(to, from, n);
  else if (n >= 16)
    put_ends<16>(to, from, n);
  else if (n >= 8)
    put_ends<8>(to, from, n);
  else if (n >= 4)
    put_ends<4>(to, from, n);
  else
    for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
  return to + n;
}

}  // namespace

std::string_view Domain::Node::pattern_value(std::string_view key) const {
  std::string_view value = text;
  if (value.size() > key.size() && value.starts_with(key) && value[key.size()] == '_')
    value.remove_prefix(key.size() + 1);
  return value;
}

Domain::Domain(Policy policy) : name_(std::move(policy.domain)) {
  nodes_.emplace_back();
  add(0, name_, false, std::move(policy.descriptors));
  build_table();
}

void Domain::add(std::uint32_t parent, const std::string& path, bool by_value,
                 std::vector<Descriptor> descriptors) {
  nodes_[parent].leaf = descriptors.empty();
  for (Descriptor& d : descriptors) {
    const auto index = static_cast<std::uint32_t>(nodes_.size());
    Node& node = nodes_.emplace_back();
    node.parent = parent;
    node.text = d.text();
    node.is_pattern = Pattern::is_one(node.text);
    node.value_to_metric = d.value_to_metric;
    node.share_threshold = d.share_threshold;
    node.lists = !d.allow.empty() || !d.deny.empty();
    node.allow = std::move(d.allow);
    node.deny = std::move(d.deny);
    node.lists_on_path = node.lists || nodes_[parent].lists_on_path;
    node.shares_on_path = node.share_threshold || nodes_[parent].shares_on_path;
    const std::string full_name = path + "." + node.text;
    const bool named_by_value = by_value || d.value_to_metric || Pattern::is_one(d.key);
    if (d.rule) {
      Rule& rule = rules_.emplace_back(std::move(*d.rule));
      rule.full_name = full_name;
      rule.stat_by_value = rule.detailed_metric || named_by_value;
      if (rule.limit) {  // Its families bear the rule's name.
        Limit limit(full_name, std::move(rule.limit->quotas), rule.on_store_failure, rule.consistency);
        limit.mode = rule.mode;
        if (rule.one_slot)
          for (store::Family& family : limit.families) family.tag = name_;
        rule.limit = std::move(limit);
      }
      node.rule = &rule;
    }
    if (node.is_pattern) nodes_[parent].patterns.add(Pattern(nodes_[index].text), index);
    add(index, full_name, named_by_value, std::move(d.descriptors));
  }
}

void Domain::build_table() {
  table_.resize(std::bit_ceil(nodes_.size() * 2));
  const std::size_t mask = table_.size() - 1;
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {  // Parents come before their children.
    const Node& node = nodes_[i];
    const auto place = static_cast<Place>(hot_.size());
    places_.push_back(place);
    const Hot hot{.parent = places_[node.parent],
                  .node = i,
                  .text_size = static_cast<std::uint32_t>(node.text.size()),
                  .leaf = node.leaf,
                  .has_patterns = !node.patterns.empty()};
    constexpr std::size_t kWord = sizeof hot_[0];
    hot_.resize(place + sizeof hot / kWord + (node.text.size() + kWord - 1) / kWord);
    std::memcpy(&hot_[place], &hot, sizeof hot);
    if (!node.text.empty())
      std::memcpy(&hot_[place + sizeof hot / kWord], node.text.data(), node.text.size());
    if (i == 0) continue;
    const auto hash = mix(Scanned(node.text).hash, hot.parent);
    std::size_t at = hash & mask;
    while (table_[at].place != 0) at = (at + 1) & mask;
    table_[at] = {static_cast<std::uint32_t>(hash >> 32), place};
  }
}

Domain::Place Domain::look_up(Place parent, std::string_view text, std::uint64_t text_hash) const {
  const auto hash = mix(text_hash, parent);
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = hash & mask; table_[at].place != 0; at = (at + 1) & mask) {
    if (table_[at].tag != tag) continue;
    const Hot& there = hot(table_[at].place);
    if (there.parent == parent && there.text_size == text.size() &&
        same(reinterpret_cast<const char*>(&there + 1), text.data(), text.size()))
      return table_[at].place;
  }
  return 0;
}

Domain::Found Domain::less_exact(Place at, std::string_view both, std::string_view key) const {
  if (hot(at).has_patterns)
    if (const auto found = node(at).patterns.first(both); found != PatternList::kNone)
      return {Step::How::pattern, places_[found]};
  if (const auto place = look_up(at, key, Scanned(key).hash)) return {Step::How::key_alone, place};
  return {};
}

Domain::Found Domain::down(Place at, const Entry& entry) const {
  const auto both = std::string(entry.key).append(1, '_').append(entry.value);
  if (const auto place = look_up(at, both, Scanned(both).hash)) return {Step::How::exact, place};
  return less_exact(at, both, entry.key);
}

std::size_t Domain::written_size(std::span<const Entry> descriptor) {
  std::size_t size = 0;
  for (const Entry& e : descriptor) size += e.key.size() + e.value.size() + 2;
  return size;
}

Domain::Reached Domain::reach(std::span<const Entry> descriptor, char* text) const {
  std::uint64_t special = 0;
  Place at = 0;
  for (const Entry& e : descriptor) {
    if (hot(at).leaf) return {};
    const char* const begin = text;
    text = put(text, e.key);
    *text++ = '_';
    text = put(text, e.value);
    const std::string_view both(begin, static_cast<std::size_t>(text - begin));
    *text++ = '|';
    const Scanned scanned(both);
    special |= scanned.special;
    Place next = look_up(at, both, scanned.hash);
    if (next == 0) next = less_exact(at, both, e.key).place;
    if (next == 0) return {};
    at = next;
  }
  return {.node = at == 0 ? nullptr : &node(at), .plain = special == 0};
}

std::vector<std::string> Domain::all_patterns(const Node& node, std::string_view text) const {
  std::vector<std::string> all;
  for (const std::uint32_t index : node.patterns.all(text)) all.push_back(nodes_[index].text);
  return all;
}

}  // namespace sluice::policy
