// Ten descriptors of four entries among ten thousand rules, as one request of a proxy brings them. The
// yardstick is the obvious way: a map of children in each node, looked up by a text that is put together for
// it, and a key put together as a string; in the same run, with the same requests.
//
//     policy_bench [RUNS]       9 if not said; each figure is the median of them, then the least and the
//     greatest
//
// Time is the thread's processor time, for all ten together. Two kinds of requests: those that meet a rule by
// key and value on every level, and a mixture in which a quarter of the entries meet a pattern and a quarter
// a key alone, after a pattern has been tried in vain. The first has the bound; the second has no fixed one,
// since it is as much a measure of mispredicted branches.
#include <array>
#include <cstdlib>
#include <memory>
#include <random>
#include <unordered_map>

#include "measure.h"
#include "policy/policy_set.h"

namespace sluice::bench {
namespace {

using policy::Descriptor;
using policy::Entry;

constexpr std::array<const char*, 4> kKeys = {"tenant", "service", "path", "client_id"};
constexpr int kWide = 10;  // Descriptors a level: eight with a value, a pattern, the key alone.
constexpr std::size_t kDescriptors = 10;
constexpr std::size_t kRequests =
    256;  // Their texts stay in the cache, as what was just read from a socket does.
constexpr int kTurns = 40;

std::string value(std::size_t level, int i) {
  return std::string(kKeys[level]) + "-value-" + std::to_string(i);
}

std::vector<Descriptor> level(std::size_t depth) {
  std::vector<Descriptor> all;
  for (int i = 0; i < kWide; ++i) {
    Descriptor d;
    d.key = kKeys[depth];
    if (i < kWide - 1) d.value = i < kWide - 2 ? value(depth, i) : std::string("any-*");
    if (depth + 1 == kKeys.size())
      d.rule.emplace().limit.emplace("", std::vector{*Quota::parse("100/min")});
    else
      d.descriptors = level(depth + 1);
    all.push_back(std::move(d));
  }
  return all;
}

/// Requests, their entries as views into texts that stay.
struct Requests {
  explicit Requests(bool mixed) {
    std::mt19937 random(7);
    const auto one_of = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    texts.reserve(kRequests * kDescriptors * kKeys.size());
    for (std::size_t i = 0; i < kRequests * kDescriptors; ++i) {
      auto& descriptor = descriptors.emplace_back();
      for (std::size_t k = 0; k < kKeys.size(); ++k) {
        const int kind = mixed ? one_of(4) : 3;
        texts.push_back(kind == 0   ? "any-" + std::to_string(one_of(1'000'000))
                        : kind == 1 ? "other-" + std::to_string(one_of(1'000'000))
                                    : value(k, one_of(kWide - 2)));
        descriptor[k] = {kKeys[k], texts.back()};
      }
    }
  }
  std::vector<std::string> texts;
  std::vector<std::array<Entry, kKeys.size()>> descriptors;
};

class Ours {
 public:
  Ours() : set_({{.domain = "bench", .descriptors = level(0)}}), domain_(set_.find("bench")) {}
  std::size_t rules() const { return set_.rules().size(); }

  std::size_t match(const Requests& requests, std::size_t request) {
    std::size_t met = 0;
    keys_.clear();
    for (std::size_t i = 0; i < kDescriptors; ++i) {
      const auto match = set_.match(domain_, requests.descriptors[request * kDescriptors + i], keys_);
      met += match.rule != nullptr ? match.key_size > 0 : 0;
    }
    return met;
  }

 private:
  policy::PolicySet set_;
  const policy::Domain* domain_;
  std::string keys_;
};

class Usual {
 public:
  Usual() { add(root_, level(0)); }

  std::size_t match(const Requests& requests, std::size_t request) {
    std::size_t met = 0;
    for (std::size_t i = 0; i < kDescriptors; ++i) {
      const auto& descriptor = requests.descriptors[request * kDescriptors + i];
      const Node* at = &root_;
      std::string key = "bench_";
      for (const Entry& e : descriptor) {
        at = down(*at, e);
        if (at == nullptr) break;
        key += std::string(e.key) + "_" + std::string(e.value) + "_";
      }
      met += at != nullptr && at->rule && !key.empty();
    }
    return met;
  }

 private:
  struct Node {
    std::unordered_map<std::string, Node> below;
    std::vector<std::string> prefixes;
    bool rule = false;
  };
  static void add(Node& node, const std::vector<Descriptor>& descriptors) {
    for (const Descriptor& d : descriptors) {
      Node& next = node.below[d.text()];
      next.rule = d.rule.has_value();
      if (d.text().ends_with('*')) node.prefixes.push_back(d.text());
      add(next, d.descriptors);
    }
  }
  static const Node* down(const Node& node, const Entry& e) {
    const std::string both = std::string(e.key) + "_" + std::string(e.value);
    if (const auto it = node.below.find(both); it != node.below.end()) return &it->second;
    for (const std::string& prefix : node.prefixes)
      if (std::string_view(both).starts_with(std::string_view(prefix).substr(0, prefix.size() - 1)))
        return &node.below.find(prefix)->second;
    const auto it = node.below.find(std::string(e.key));
    return it == node.below.end() ? nullptr : &it->second;
  }
  Node root_;
};

template <class Matcher>
double ns_a_request(Matcher& matcher, const Requests& requests) {
  const double begin = thread_cpu_ns();
  std::size_t met = 0;
  for (int turn = 0; turn < kTurns; ++turn)
    for (std::size_t r = 0; r < kRequests; ++r) met += matcher.match(requests, r);
  const double ns = (thread_cpu_ns() - begin) / kRequests / kTurns;
  if (met != kRequests * kDescriptors * kTurns) {
    std::printf("not every descriptor met a rule\n");
    std::exit(1);
  }
  return ns;
}

bool compare(const char* what, Ours& ours, Usual& usual, const Requests& requests, int runs, bool bounded) {
  std::vector<double> mine;
  std::vector<double> theirs;
  for (int run = 0; run < runs; ++run) {  // By turns, so that a neighbour's load falls on both alike.
    mine.push_back(ns_a_request(ours, requests));
    theirs.push_back(ns_a_request(usual, requests));
  }
  const Spread a = spread(mine);
  const Spread b = spread(theirs);
  std::printf("%-32s %6.0f ns [%.0f..%.0f], the obvious way %6.0f ns [%.0f..%.0f]\n", what, a.median, a.min,
              a.max, b.median, b.min, b.max);
  const std::string name = std::string("policy: ") + what;
  if (!bounded) return result(name, a.median, "ns", "-", true);
  return result(name, a.median, "ns", "< 2000 ns", a.median < 2'000);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;
  pin(0);
  Ours ours;
  Usual usual;
  const Requests exact(false);
  const Requests mixed(true);
  std::printf("%zu rules, %zu descriptors of %zu entries a request\n", ours.rules(), kDescriptors,
              kKeys.size());
  bool kept = compare("10 x depth 4, by value", ours, usual, exact, runs, true);
  kept &= compare("10 x depth 4, mixed", ours, usual, mixed, runs, false);
  return kept ? 0 : 1;
}
