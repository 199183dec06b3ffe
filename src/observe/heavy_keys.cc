#include "observe/heavy_keys.h"

#include <algorithm>
#include <utility>

namespace sluice::observe {

namespace {

void sort(std::vector<HeavyKeys::Key>& keys) {
  std::ranges::sort(keys, [](const auto& a, const auto& b) {
    return a.count != b.count ? a.count > b.count : a.key < b.key;
  });
}

}  // namespace

void HeavyKeys::add(std::string_view key, std::uint64_t weight) {
  total_ += weight;
  if (const auto it = index_.find(key); it != index_.end()) {
    entries_[it->second].count += weight;
    return down(it->second);
  }
  if (entries_.size() < max_) {
    const auto added = index_.emplace(key, entries_.size()).first;
    entries_.push_back({&added->first, weight, 0});
    return up(entries_.size() - 1);
  }
  Entry& least = entries_.front();
  auto node = index_.extract(index_.find(*least.key));  // Its memory is used again.
  node.key().assign(key);
  least.key = &index_.insert(std::move(node)).position->first;
  least.error = least.count;
  least.count += weight;
  down(0);
}

std::vector<HeavyKeys::Key> HeavyKeys::all() const {
  std::vector<Key> keys;
  keys.reserve(entries_.size());
  for (const Entry& e : entries_) keys.push_back({*e.key, e.count, e.error});
  sort(keys);
  return keys;
}

std::vector<HeavyKeys::Key> HeavyKeys::sum(const HeavyKeys& a, const HeavyKeys& b) {
  std::vector<Key> keys = a.all();
  for (Key& k : keys) {
    const Entry* const there = b.find(k.key);
    k.count += there != nullptr ? there->count : b.floor();
    k.error += there != nullptr ? there->error : b.floor();
  }
  for (const Entry& e : b.entries_)
    if (a.find(*e.key) == nullptr) keys.push_back({*e.key, e.count + a.floor(), e.error + a.floor()});
  sort(keys);
  return keys;
}

const HeavyKeys::Entry* HeavyKeys::find(std::string_view key) const {
  const auto it = index_.find(key);
  return it == index_.end() ? nullptr : &entries_[it->second];
}

void HeavyKeys::up(std::size_t at) {
  for (; at > 0 && entries_[at].count < entries_[(at - 1) / 2].count; at = (at - 1) / 2)
    swap(at, (at - 1) / 2);
}

void HeavyKeys::down(std::size_t at) {
  for (;;) {
    std::size_t least = at;
    for (const std::size_t child : {2 * at + 1, 2 * at + 2})
      if (child < entries_.size() && entries_[child].count < entries_[least].count) least = child;
    if (least == at) return;
    swap(at, least);
    at = least;
  }
}

void HeavyKeys::swap(std::size_t a, std::size_t b) {
  std::swap(entries_[a], entries_[b]);
  index_.find(*entries_[a].key)->second = a;
  index_.find(*entries_[b].key)->second = b;
}

}  // namespace sluice::observe
