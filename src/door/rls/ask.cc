// The asking half: a request's descriptors become asks. The other half is answer.cc.
#include <algorithm>

#include "door/rls/requests.h"

namespace sluice::door::rls {

namespace {

using Descriptor = Asked::Descriptor;

/// As many asks as the store decides together.
constexpr std::size_t kTogetherMax = 32;
/// The largest of Envoy's RateLimitUnit.
constexpr std::int32_t kUnitMax = 6;

/// Envoyproxy/ratelimit's groups: descriptors of one backend and model, or else of the same entries.
std::string group_of(std::span<const policy::Entry> entries) {
  std::string named, all;
  for (const auto& [key, value] : entries) {
    if (key == "backend_name" || key == "model_name_override")
      named.append(key).append("=").append(value).append("|");
    all.append(key).append("=").append(value).append("|");
  }
  return named.empty() ? "=" + all : named;
}

/// One request on its way into the batch.
class Asking {
 public:
  Asking(const Asked& request, const RlsOptions& options, Scratch& scratch, Requests& batch,
         std::vector<store::Ask>& asks)
      : request_(request),
        options_(options),
        scratch_(scratch),
        batch_(batch),
        asks_(asks),
        first_(batch.items.size()) {
    scratch.groups.clear();
  }

  /// False: more than can be decided together. Then the batch is as it was, but for some dead keys.
  bool ask() {
    const policy::PolicySet& policies = *batch_.policies;
    const policy::Domain* const domain = policies.find(request_.domain);
    bool replaces = false;
    for (const Descriptor& descriptor : request_.descriptors) {
      entries_ = request_.entries_of(descriptor);
      batch_.matches.push_back(match(policies, domain, descriptor));
      batch_.items.push_back({});
      const policy::Match& m = batch_.matches.back();
      if (m.rule == nullptr) continue;
      batch_.items.back().hits =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(hits(descriptor), UINT32_MAX));
      if (m.rule->stat_by_value && !brought(m))
        name(batch_.items.back(), policies.stat_name(*domain, entries_));
      replaces |= !m.rule->replaces.empty();
      if (descriptor.is_negative_hits)
        batch_.items.back().role = Item::Role::refund;
      else
        set_role(*m.rule, m, batch_.items.back());
    }
    if (replaces) policy::drop_replaced(std::span(batch_.matches).subspan(first_));
    if (domain == nullptr) name_all(request_.domain);
    return append();
  }

 private:
  policy::Match match(const policy::PolicySet& policies, const policy::Domain* domain,
                      const Descriptor& descriptor) {
    if (descriptor.has_limit) {
      const bool known = descriptor.limit_unit > 0 && descriptor.limit_unit <= kUnitMax;
      auto rule = policies.override_rule(
          domain, entries_, descriptor.limit_requests_per_unit,
          known ? static_cast<policy::Unit>(descriptor.limit_unit) : policy::Unit::unknown);
      if (rule != nullptr) {
        batch_.rules.push_back(std::move(rule));
        return policy::PolicySet::match_override(*batch_.rules.back(), entries_, batch_.keys);
      }
    }
    return policies.match(domain, entries_, batch_.keys);
  }

  void set_role(const policy::Rule& rule, const policy::Match& match, Item& item) {
    if (rule.mode == policy::Mode::shadow || !rule.enforces(match.key(batch_.keys))) {
      item.role = Item::Role::shadow;
    } else if (rule.quota_mode) {
      item.role = Item::Role::quota;
      auto& groups = scratch_.groups;
      const auto name = group_of(entries_);
      const auto at = std::find(groups.begin(), groups.end(), name);
      item.group = static_cast<std::uint8_t>(std::min<std::ptrdiff_t>(at - groups.begin(), 255));
      if (at == groups.end()) groups.push_back(name);
    }
  }

  /// The request itself brought the rule.
  bool brought(const policy::Match& match) const {
    return !batch_.rules.empty() && batch_.rules.back().get() == match.rule;
  }

  void name(Item& item, std::string_view text) {
    item.name_at = static_cast<std::uint32_t>(batch_.names.size());
    item.name_size = static_cast<std::uint32_t>(text.size());
    batch_.names.append(text);
  }
  void name_all(std::string_view text) {
    name(batch_.items[first_], text);
    std::fill(batch_.items.begin() + static_cast<std::ptrdiff_t>(first_) + 1, batch_.items.end(),
              batch_.items[first_]);
  }

  std::uint64_t hits(const Descriptor& descriptor) const {
    if (descriptor.hits_addend) return *descriptor.hits_addend;  // 0 only looks.
    return std::max<std::uint64_t>(request_.hits_addend, 1);
  }

  /// First those that decide, as one chain, then the others, each for itself.
  bool append() {
    const std::size_t before = asks_.size();
    const bool together = options_.charge == RlsOptions::Charge::all_or_nothing;
    bool refused = false;  // Whatever the buckets say: then they are only looked at.
    for (std::size_t i = first_; i < batch_.items.size(); ++i)
      refused |= batch_.items[i].role == Item::Role::decides &&
                 batch_.matches[i].outcome == policy::Match::Outcome::refuse;
    for (std::size_t i = first_; i < batch_.items.size(); ++i) {
      if (batch_.items[i].role != Item::Role::decides || !asks(i)) continue;
      if (together && asks_.size() > before) asks_.back().with_next = true;
      append(i, together && refused ? Op::peek : Op::take);
    }
    if (together && asks_.size() - before > kTogetherMax) {
      asks_.resize(before);
      batch_.items.resize(first_);
      batch_.matches.resize(first_);
      return false;
    }
    for (std::size_t i = first_; i < batch_.items.size(); ++i)
      if (batch_.items[i].role != Item::Role::decides && asks(i))
        append(i, batch_.items[i].role == Item::Role::refund ? Op::refund : Op::take);
    return true;
  }

  bool asks(std::size_t i) const { return batch_.matches[i].outcome == policy::Match::Outcome::ask; }

  void append(std::size_t i, Op op) {
    const policy::Rule& rule = *batch_.matches[i].rule;
    Item& item = batch_.items[i];
    item.first = static_cast<std::uint32_t>(asks_.size());
    const auto tokens = rule.tokens(hits(request_.descriptors[i - first_]));
    policy::append_asks(*rule.limit, {}, tokens, op, Duration{0}, asks_);  // bind_keys() gives the key.
    item.asks = static_cast<std::uint16_t>(asks_.size() - item.first);
  }

  const Asked& request_;
  std::span<const policy::Entry> entries_;  // Of the descriptor that is being matched.
  const RlsOptions& options_;
  Scratch& scratch_;
  Requests& batch_;
  std::vector<store::Ask>& asks_;
  const std::size_t first_;
};

}  // namespace

std::optional<Fault> ask(const Asked& request, const RlsOptions& options,
                         const std::shared_ptr<const policy::PolicySet>& policies, Scratch& scratch,
                         Requests& requests, std::vector<store::Ask>& asks, Part& part) {
  if (request.domain.empty()) return Fault{true, "rate limit domain must not be empty"};
  if (request.descriptors.empty()) return Fault{true, "rate limit descriptor list must not be empty"};
  const std::size_t descriptors = request.descriptors.size();
  if (descriptors > options.descriptors_max)
    return Fault{false, "descriptors: at most " + std::to_string(options.descriptors_max) + " in a request"};
  if (requests.policies == nullptr) requests.policies = policies;
  part = {static_cast<std::uint32_t>(requests.items.size()), static_cast<std::uint32_t>(descriptors)};
  if (!Asking(request, options, scratch, requests, asks).ask())
    return Fault{false, "descriptors: the quotas of at most 32 can stand or fall together; send fewer"};
  return std::nullopt;
}

void Requests::bind_keys(std::span<store::Ask> asks) const {
  for (std::size_t i = 0; i < items.size(); ++i)
    for (std::size_t ask = 0; ask < items[i].asks; ++ask)
      asks[items[i].first + ask].key = matches[i].key(keys);
}

void Requests::clear() {
  constexpr std::size_t kKept = 64 * 1024;
  matches.clear();
  items.clear();
  keys.clear();
  if (keys.capacity() > kKept) keys = {};
  names.clear();
  if (names.capacity() > kKept) names = {};
  if (!rules.empty()) rules.clear();
  if (policies != nullptr) policies.reset();
}

}  // namespace sluice::door::rls
