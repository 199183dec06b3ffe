// The counting half of the answer: which hits fell under which rule, and how that ended.
#include <algorithm>

#include "door/rls/told.h"

namespace sluice::door::rls {

namespace {

/// Of `hits` those beyond the near-limit threshold, as envoyproxy/ratelimit splits them: what the bucket has
/// given beside this request counts first. A descriptor that passed but was not charged, since another one
/// was refused, is counted as if it had been.
std::uint64_t near_limit(const Told& t, std::uint64_t hits, std::int64_t millionths) {
  if (!t.verdict || hits == 0) return 0;
  const Decision& d = t.verdict->decision;
  const std::int64_t tokens = t.match->rule->tokens(hits);
  const std::int64_t given = d.capacity - d.remaining + (tokens - d.granted);
  const auto threshold = static_cast<__int128>(d.capacity) * millionths;  // In millionths of a token.
  if (static_cast<__int128>(given) * 1'000'000 <= threshold) return 0;    // Most: it needs no division.
  const std::int64_t near = std::min(given - static_cast<std::int64_t>(threshold / 1'000'000), tokens);
  return near <= 0 ? 0 : static_cast<std::uint64_t>((near - 1) / t.match->rule->cost + 1);
}

observe::RuleHits hits_of(const Told& t, const RlsOptions& options) {
  using observe::RuleCount;
  observe::RuleHits all{};
  const auto set = [&](RuleCount which, std::uint64_t n) { all[static_cast<std::size_t>(which)] = n; };
  const std::uint64_t hits = t.item.hits;
  if (t.item.role == Item::Role::refund) {
    set(RuleCount::negative_hits, hits);
    return all;
  }
  set(RuleCount::hits, hits);
  if (t.over) {
    set(RuleCount::over_limit, hits);
    if (t.item.role == Item::Role::shadow) set(RuleCount::shadow_mode, hits);
  } else {
    set(RuleCount::within_limit, hits);
    set(RuleCount::near_limit, near_limit(t, hits, options.near_limit_millionths));
  }
  return all;
}

void count_rule(const Requests& requests, const Told& t, const RlsOptions& options, observe::Decisions& to) {
  const std::string_view name = std::string_view(requests.names).substr(t.item.name_at, t.item.name_size);
  const policy::Rule* const rule = t.match->rule;
  if (rule == nullptr) {
    if (!name.empty()) to.unknown_domain(name);
    return;
  }
  if (t.match->outcome == policy::Match::Outcome::none || t.item.hits == 0) return;  // Replaced; only looks.
  const auto hits = hits_of(t, options);
  if (rule->stat_by_value)
    return to.hit(rule->domain, name.empty() ? std::string_view(rule->full_name) : name, hits);
  to.hit({.set = requests.policies->serial(),
          .rules = requests.policies->rules().size(),
          .index = rule->index,
          .domain = rule->domain,
          .name = rule->full_name},
         hits);
}

}  // namespace

void count(const Requests& requests, std::span<const store::Ask> asks, std::span<const Decision> decisions,
           const Part& part, const RlsOptions& options, DecisionCounts& counts) {
  Overall overall;
  for (std::size_t i = part.first; i < part.first + part.count; ++i) {
    const Told t = told(requests, decisions, i);
    overall.add(t);
    count_rule(requests, t, options, counts.to());
    if (t.verdict)
      counts.count(t.match->rule->limit->name, asks[t.item.first], *t.verdict,
                   options.shadow || t.item.role == Item::Role::shadow);
    else if (t.over && t.item.hits > 0)
      counts.refused_outright(t.match->rule->full_name, t.match->key(requests.keys),
                              t.match->rule->tokens(t.item.hits), t.outright(),
                              options.shadow || t.item.role == Item::Role::shadow);
  }
  if (options.shadow && overall.over()) counts.to().shadowed();
}

}  // namespace sluice::door::rls
