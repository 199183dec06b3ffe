// The answering half: decisions become a RateLimitResponse.
#include <algorithm>
#include <limits>
#include <optional>

#include "core/decision_names.h"
#include "door/ratelimit_fields.h"
#include "door/rls/requests.h"
#include "door/rls/rule_metadata.h"
#include "door/rls/told.h"

namespace sluice::door::rls {

namespace {

using Status = Response::DescriptorStatus;
using Unit = Response::RateLimit::Unit;
constexpr std::uint32_t kUint32Max = std::numeric_limits<std::uint32_t>::max();

std::uint32_t clamp(std::int64_t value) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, kUint32Max));
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

/// The whole request.
class Answer {
 public:
  Answer(const Requests& batch, std::span<const Decision> decisions, const Part& part,
         const RlsOptions& options, Response& response, std::string* head)
      : batch_(batch), options_(options), response_(response), head_(head) {
    bool degraded = false;
    Deciding deciding;
    for (std::size_t i = part.first; i < part.first + part.count; ++i) {
      const Told t = told(batch, decisions, i);
      tell(t, *response_.add_statuses());
      overall_.add(t);
      deciding.weigh(t);
      degraded |= t.verdict && t.verdict->decision.origin == Origin::degraded;
    }
    if (degraded) fields()["degraded"].set_bool_value(true);
    deciding_ = deciding.told();
    const bool over = overall_.over();
    add_rules_metadata(decisions, part);
    const bool refused = over && !options.shadow;
    response_.set_overall_code(refused ? Response::OVER_LIMIT : Response::OK);
    if (options.explain) explain_each(decisions, part);
    if (!deciding_) return;
    if (options.x_ratelimit_fields) add_x_fields();
    if (options.ratelimit_fields || head_ != nullptr) add_ietf_fields(refused, options.ratelimit_fields);
    const bool metadata = options.explain || options.metadata == RlsOptions::Metadata::always ||
                          (over && options.metadata == RlsOptions::Metadata::refused);
    if (metadata) describe(*deciding_, fields());
  }

 private:
  void add(std::string_view key, std::string value, bool to_response = true) {
    if (head_ != nullptr) head_->append(key).append(": ").append(value).append("\r\n");
    if (!to_response) return;
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

  void add_ietf_fields(bool refused, bool to_response) {
    if (!deciding_->verdict) return;
    const Decision& d = deciding_->verdict->decision;
    const Quota& quota = deciding_->quota();
    std::string name;
    wire::field_string(name, rule_name());
    std::string policy = name;
    wire::field_parameter(policy, "q", quota.capacity());
    append_window(policy, quota);
    add("RateLimit-Policy", std::move(policy), to_response);
    std::string field = name;
    append_remaining(field, d);
    add("RateLimit", std::move(field), to_response);
    if (refused && d.outcome == Outcome::refused)
      add("Retry-After", std::to_string(seconds_up(d.retry_after)), to_response);
  }

  /// Of the rules that let the request pass, as envoyproxy/ratelimit merges it: for the proxy to choose by.
  void add_rules_metadata(std::span<const Decision> decisions, const Part& part) {
    for (std::size_t i = part.first; i < part.first + part.count; ++i) {
      const policy::Match& match = batch_.matches[i];
      const bool takes_part = match.rule != nullptr && match.rule->metadata != nullptr &&
                              match.outcome != policy::Match::Outcome::none &&
                              match.rule->kind != policy::Rule::Kind::unlimited;
      if (!takes_part || !overall_.passed(told(batch_, decisions, i))) continue;
      merge_metadata(*match.rule->metadata, *fields()["metadata"].mutable_struct_value());
    }
  }

  const std::string& rule_name() const {
    const policy::Rule& rule = *deciding_->match->rule;
    return rule.name.empty() ? rule.full_name : rule.name;
  }

  using Fields = google::protobuf::Map<std::string, google::protobuf::Value>;

  Fields& fields() { return *response_.mutable_dynamic_metadata()->mutable_fields(); }

  /// The rule that a descriptor fell under, and what it said.
  void describe(const Told& t, Fields& fields) const {
    const policy::Rule& rule = *t.match->rule;
    fields["rule"].set_string_value(rule.full_name);
    if (!rule.name.empty()) fields["name"].set_string_value(rule.name);
    fields["descriptor"].set_string_value(std::string(t.match->key(batch_.keys)));
    if (options_.explain) say_whence(t, fields);
    if (!t.verdict) return fields["quota"].set_string_value(std::string(t.outright()));
    const Decision& d = t.verdict->decision;
    fields["quota"].set_string_value(t.quota().text());
    fields["remaining"].set_number_value(static_cast<double>(d.remaining));
    if (d.outcome == Outcome::refused)
      fields["retry_after"].set_number_value(static_cast<double>(d.retry_after.count()) / 1e9);
  }

  /// A limit that the request brought along has no version.
  void say_whence(const Told& t, Fields& fields) const {
    if (const auto* const source = batch_.policies->source_of(*t.match->rule))
      fields["version"].set_string_value(source->version);
    const Outcome outcome = t.verdict ? t.verdict->decision.outcome
                            : t.over  ? Outcome::never
                                      : Outcome::allowed;
    fields["outcome"].set_string_value(std::string(outcome_name(outcome)));
    if (t.verdict)
      fields["store"].set_string_value(std::string(store_name(t.verdict->decision.origin, options_.shared)));
  }

  /// One map a descriptor, in their order; empty where no rule holds.
  void explain_each(std::span<const Decision> decisions, const Part& part) {
    auto& list = *fields()["descriptors"].mutable_list_value();
    for (std::size_t i = part.first; i < part.first + part.count; ++i) {
      auto& of = *list.add_values()->mutable_struct_value();
      const Told t = told(batch_, decisions, i);
      if (t.match->rule != nullptr && t.match->outcome != policy::Match::Outcome::none)
        describe(t, *of.mutable_fields());
    }
  }

  const Requests& batch_;
  const RlsOptions& options_;
  Response& response_;
  std::string* const head_;
  std::optional<Told> deciding_;
  Overall overall_;
};

}  // namespace

void answer(const Requests& requests, std::span<const Decision> decisions, const Part& part,
            const RlsOptions& options, Response& response, std::string* head) {
  const Answer answer(requests, decisions, part, options, response, head);
}

}  // namespace sluice::door::rls
