// The answering half: decisions become a RateLimitResponse.
#include <algorithm>
#include <limits>
#include <optional>

#include "door/ratelimit_fields.h"
#include "door/rls/requests.h"
#include "door/rls/rule_metadata.h"

namespace sluice::door::rls {

namespace {

using Status = Response::DescriptorStatus;
using Unit = Response::RateLimit::Unit;
constexpr std::uint32_t kUint32Max = std::numeric_limits<std::uint32_t>::max();

std::uint32_t clamp(std::int64_t value) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, kUint32Max));
}

/// One descriptor, decided.
struct Told {
  const policy::Match* match;
  Item item;
  std::optional<policy::Verdict> verdict;  ///< Nothing where no bucket was asked.
  bool over = false;                       ///< Over its limit, whether that counts or not.

  const Quota& quota() const { return match->rule->limit->quotas[verdict->decided]; }
  std::int64_t remaining() const { return verdict ? verdict->decision.remaining : 0; }
  Duration wait() const { return verdict ? verdict->decision.retry_after : kNever; }
  /// Has a limit that can be told.
  bool limited() const { return verdict || match->outcome == policy::Match::Outcome::refuse; }
};

Told told(const Requests& batch, std::span<const Decision> decisions, std::size_t i) {
  Told t{.match = &batch.matches[i], .item = batch.items[i], .verdict = {}};
  if (t.item.asks > 0) {
    const auto chain = decisions.subspan(t.item.first, t.item.asks);
    t.verdict = policy::combine(chain);
    t.over = !t.verdict->decision.allowed();
  } else {
    t.over = t.match->outcome == policy::Match::Outcome::refuse && t.item.role != Item::Role::refund;
  }
  return t;
}

void tell_limit(const Told& t, Response::RateLimit& limit) {
  const policy::Rule& rule = *t.match->rule;
  if (!rule.name.empty()) limit.set_name(rule.name);
  limit.set_requests_per_unit(rule.requests_per_unit);
  limit.set_unit(static_cast<Unit>(rule.unit));
  if (rule.unit != policy::Unit::unknown || !rule.limit) return;
  // The rule has quotas alone: the one that decided, in Envoy's words if these have a word for its period. If
  // a list decided, the first one.
  const Quota& quota = t.verdict ? t.quota() : rule.limit->quotas.front();
  limit.set_requests_per_unit(clamp(quota.tokens()));
  limit.set_unit(static_cast<Unit>(policy::unit_of(quota.period())));
}

void tell(const Told& t, Status& status) {
  const bool counts = t.over && t.item.role != Item::Role::shadow;
  status.set_code(counts ? Response::OVER_LIMIT : Response::OK);
  if (t.match->outcome == policy::Match::Outcome::allow) {
    status.set_limit_remaining(kUint32Max);  // As envoyproxy/ratelimit says of what is unlimited.
    return;
  }
  if (!t.limited()) return;
  tell_limit(t, *status.mutable_current_limit());
  if (!t.verdict) return;
  status.set_limit_remaining(clamp(t.remaining()));
  status.mutable_duration_until_reset()->set_seconds(seconds_up(t.verdict->decision.reset_after));
}

/// What the descriptors come to for the request.
class Overall {
 public:
  void add(const Told& t) {
    any_ |= t.over && t.item.role == Item::Role::decides;
    if (t.item.role != Item::Role::quota) return;
    const auto group = std::uint64_t{1} << (t.item.group % 64);
    groups_ |= group;
    if (t.over) groups_over_ |= group;
  }
  /// Passed, and so did its quota group.
  bool passed(const Told& t) const {
    const bool group_over = (groups_over_ >> (t.item.group % 64) & 1) != 0;
    return (!t.over || t.item.role == Item::Role::shadow) &&
           !(t.item.role == Item::Role::quota && group_over);
  }
  bool over() const { return any_ || (groups_ != 0 && groups_ == groups_over_); }

 private:
  bool any_ = false;
  std::uint64_t groups_ = 0;
  std::uint64_t groups_over_ = 0;
};

/// The whole request.
class Answer {
 public:
  Answer(const Requests& batch, std::span<const Decision> decisions, const Part& part,
         const RlsOptions& options, Response& response)
      : batch_(batch), response_(response) {
    for (std::size_t i = part.first; i < part.first + part.count; ++i) {
      const Told t = told(batch, decisions, i);
      tell(t, *response_.add_statuses());
      overall_.add(t);
      weigh(t);
    }
    const bool over = overall_.over();
    add_rules_metadata(decisions, part);
    response_.set_overall_code(over && !options.shadow ? Response::OVER_LIMIT : Response::OK);
    if (!deciding_) return;
    if (options.x_ratelimit_fields) add_x_fields();
    if (options.ratelimit_fields) add_ietf_fields(over);
    const bool metadata = options.metadata == RlsOptions::Metadata::always ||
                          (over && options.metadata == RlsOptions::Metadata::refused);
    if (metadata) add_metadata();
  }

 private:
  /// Which descriptor stands for the request: of those that refuse it the one with the longest wait, else the
  /// one with the fewest tokens left.
  void weigh(const Told& t) {
    const bool refuses = t.over && t.item.role == Item::Role::decides;
    if (!t.limited() || t.item.role == Item::Role::refund || (t.item.role == Item::Role::shadow && t.over))
      return;
    const bool graver = !deciding_            ? true
                        : refuses != refused_ ? refuses
                        : refuses             ? t.wait() > deciding_->wait()
                                              : t.remaining() < deciding_->remaining();
    if (!graver) return;
    deciding_ = t;
    refused_ = refuses;
  }

  void add(std::string_view key, std::string value) {
    auto& field = *response_.add_response_headers_to_add();
    field.set_key(std::string(key));
    field.set_value(std::move(value));
  }

  void add_x_fields() {
    Response::RateLimit limit;
    tell_limit(*deciding_, limit);
    add("X-RateLimit-Limit", std::to_string(limit.requests_per_unit()));
    add("X-RateLimit-Remaining", std::to_string(clamp(deciding_->remaining())));
    const Duration reset = deciding_->verdict ? deciding_->verdict->decision.reset_after : Duration{0};
    add("X-RateLimit-Reset", std::to_string(seconds_up(reset)));
  }

  void add_ietf_fields(bool over) {
    if (!deciding_->verdict) return;
    const Decision& d = deciding_->verdict->decision;
    const Quota& quota = deciding_->quota();
    std::string name;
    wire::field_string(name, rule_name());
    std::string policy = name;
    wire::field_parameter(policy, "q", quota.capacity());
    append_window(policy, quota);
    add("RateLimit-Policy", std::move(policy));
    std::string field = name;
    append_remaining(field, d);
    add("RateLimit", std::move(field));
    if (over && d.outcome == Outcome::refused) add("Retry-After", std::to_string(seconds_up(d.retry_after)));
  }

  /// Of the rules that let the request pass, as envoyproxy/ratelimit merges it: for the proxy to choose by.
  void add_rules_metadata(std::span<const Decision> decisions, const Part& part) {
    for (std::size_t i = part.first; i < part.first + part.count; ++i) {
      const policy::Match& match = batch_.matches[i];
      const bool takes_part = match.rule != nullptr && match.rule->metadata != nullptr &&
                              match.outcome != policy::Match::Outcome::none &&
                              match.rule->kind != policy::Rule::Kind::unlimited;
      if (!takes_part || !overall_.passed(told(batch_, decisions, i))) continue;
      auto& fields = *response_.mutable_dynamic_metadata()->mutable_fields();
      merge_metadata(*match.rule->metadata, *fields["metadata"].mutable_struct_value());
    }
  }

  const std::string& rule_name() const {
    const policy::Rule& rule = *deciding_->match->rule;
    return rule.name.empty() ? rule.full_name : rule.name;
  }

  void add_metadata() {
    auto& fields = *response_.mutable_dynamic_metadata()->mutable_fields();
    fields["rule"].set_string_value(deciding_->match->rule->full_name);
    if (!deciding_->match->rule->name.empty()) fields["name"].set_string_value(deciding_->match->rule->name);
    fields["descriptor"].set_string_value(std::string(deciding_->match->key(batch_.keys)));
    if (!deciding_->verdict) {
      fields["quota"].set_string_value(deciding_->match->by_list ? "on a deny list" : "refuses all");
      return;
    }
    const Decision& d = deciding_->verdict->decision;
    fields["quota"].set_string_value(deciding_->quota().text());
    fields["remaining"].set_number_value(static_cast<double>(d.remaining));
    if (d.outcome == Outcome::refused)
      fields["retry_after"].set_number_value(static_cast<double>(d.retry_after.count()) / 1e9);
  }

  const Requests& batch_;
  Response& response_;
  std::optional<Told> deciding_;
  bool refused_ = false;  // deciding_ refuses.
  Overall overall_;
};

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

void answer(const Requests& requests, std::span<const Decision> decisions, const Part& part,
            const RlsOptions& options, Response& response) {
  const Answer answer(requests, decisions, part, options, response);
}

void count(const Requests& requests, std::span<const store::Ask> asks, std::span<const Decision> decisions,
           const Part& part, const RlsOptions& options, DecisionCounts& counts) {
  Overall overall;
  for (std::size_t i = part.first; i < part.first + part.count; ++i) {
    const Told t = told(requests, decisions, i);
    overall.add(t);
    count_rule(requests, t, options, counts.to());
    if (t.verdict) counts.count(t.match->rule->limit->name, asks[t.item.first], t.verdict->decision.outcome);
  }
  if (options.shadow && overall.over()) counts.to().shadowed();
}

}  // namespace sluice::door::rls
