#include "door/http/named_limits.h"

#include "door/ratelimit_fields.h"
#include "wire/json_writer.h"
#include "wire/structured_fields.h"

namespace sluice::door::http {

namespace {

void append_integer(std::string& out, std::string_view before, std::int64_t value) {
  out.append(before);
  wire::json_integer(out, value);
}
void append_string(std::string& out, std::string_view before, std::string_view value) {
  out.append(before);
  wire::json_string(out, value);
}
void append_seconds(std::string& out, std::string_view before, Duration value) {
  out.append(before);
  wire::json_seconds(out, value);
}

/// One member of RateLimit-Policy.
void append_policy(std::string& out, const Quota& quota, std::string_view name, std::string_view unit) {
  wire::field_string(out, name);
  wire::field_parameter(out, "q", quota.capacity());
  if (unit != "requests") {
    out.append(";qu=");
    wire::field_string(out, unit == "bytes" ? std::string_view("content-bytes") : unit);
  }
  append_window(out, quota);
}

NamedQuota named_quota(const policy::Limit& limit, std::size_t index) {
  const Quota& quota = limit.quotas[index];
  NamedQuota named;
  named.text = quota.text();
  wire::json_string(named.policy, limit.families[index].name);
  wire::field_string(named.member, limit.families[index].name);
  append_string(named.json, ",\"limit\":", limit.name);
  append_string(named.json, ",\"quota\":", named.text);
  append_integer(named.json, ",\"quota_index\":", static_cast<std::int64_t>(index));
  append_integer(named.json, ",\"capacity\":", quota.capacity());
  named.json.append(",\"remaining\":");
  return named;
}

void append_quota(std::string& out, const Quota& quota, const NamedQuota& named) {
  append_string(out, "{\"quota\":", named.text);
  out.append(",\"policy\":").append(named.policy);
  append_integer(out, ",\"capacity\":", quota.capacity());
  append_integer(out, ",\"tokens\":", quota.tokens());
  append_seconds(out, ",\"period\":", quota.period());
  out.append("}");
}

}  // namespace

NamedLimit::NamedLimit(const policy::Limit& of) : limit(&of), policy_field("RateLimit-Policy: ") {
  append_string(json, "{\"name\":", of.name);
  json.append(",\"quotas\":[");
  for (std::size_t i = 0; i < of.quotas.size(); ++i) {
    quotas.push_back(named_quota(of, i));
    if (i > 0) policy_field.append(", ");
    append_policy(policy_field, of.quotas[i], of.families[i].name, of.unit);
    if (i > 0) json.append(",");
    append_quota(json, of.quotas[i], quotas.back());
  }
  policy_field.append("\r\n");
  append_string(json, "],\"unit\":", of.unit);
  append_string(json, ",\"mode\":", of.mode == policy::Mode::shadow ? "shadow" : "enforce");
  json.append("}");
}

NamedLimits::NamedLimits(std::shared_ptr<const policy::LimitSet> from) : set(std::move(from)) {
  limits.reserve(set->all().size());
  for (const auto& limit : set->all()) limits.emplace_back(limit);
}

const NamedLimit* NamedLimits::find(std::string_view name) const {
  const policy::Limit* const limit = set->find(name);
  return limit == nullptr ? nullptr : &limits[static_cast<std::size_t>(limit - set->all().data())];
}

}  // namespace sluice::door::http
