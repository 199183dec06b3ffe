// A key's buckets as they are now, and how they fill.
#include "door/http/why.h"

#include "core/decision_names.h"
#include "wire/json_writer.h"

namespace sluice::door::http {

namespace {

/// Until `tokens` are there, rounded up: the bucket is full after `reset_after`, and fills evenly.
Duration until(const Quota& quota, const Decision& d, std::int64_t tokens) {
  if (tokens <= d.remaining) return Duration(0);
  const auto lacking = static_cast<__int128>(quota.capacity() - tokens) * quota.period().count();
  const auto wait = d.reset_after.count() - lacking / quota.tokens();
  return Duration(static_cast<std::int64_t>(wait < 0 ? 0 : wait));
}

void append_quota(const Quota& quota, const NamedQuota& told, const Decision& d, std::string_view store,
                  std::string& body) {
  body.append("{\"quota\":");
  wire::json_string(body, told.text);
  body.append(",\"capacity\":");
  wire::json_integer(body, quota.capacity());
  body.append(",\"remaining\":");
  wire::json_integer(body, d.remaining);
  body.append(",\"reset_after\":");
  wire::json_seconds(body, d.reset_after);
  body.append(",\"store\":");
  wire::json_string(body, store);
  body.append(",\"level\":[");
  std::int64_t told_last = -1;
  for (int quarter = 0; quarter <= 4; ++quarter) {
    const auto tokens =
        d.remaining +
        static_cast<std::int64_t>(static_cast<__int128>(quota.capacity() - d.remaining) * quarter / 4);
    if (tokens == told_last) continue;  // A small bucket, or a full one.
    if (told_last >= 0) body.append(",");
    told_last = tokens;
    body.append("[");
    wire::json_seconds(body, until(quota, d, tokens));
    body.append(",");
    wire::json_integer(body, tokens);
    body.append("]");
  }
  body.append("]}");
}

/// When a request of this cost would pass, of all quotas together.
void append_passes(const Item& item, std::span<const Decision> chain, std::int64_t cost, std::string& body) {
  Duration wait{0};
  bool never = false;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const Quota& quota = item.named->limit->quotas[i];
    never |= cost > quota.capacity();
    if (!never) wait = std::max(wait, until(quota, chain[i], cost));
  }
  body.append("{\"cost\":");
  wire::json_integer(body, cost);
  body.append(",\"after\":");
  never ? static_cast<void>(body.append("null")) : wire::json_seconds(body, wait);
  body.append("}");
}

}  // namespace

void append_why(const Item& item, std::string_view key, std::span<const Decision> chain,
                const Explaining& explaining, std::string& body) {
  const auto verdict = policy::combine(chain);
  const policy::Limit& limit = *item.named->limit;
  body.append("{\"limit\":");
  wire::json_string(body, limit.name);
  body.append(",\"key\":");
  wire::json_string(body, key);
  body.append(limit.mode == policy::Mode::shadow ? ",\"mode\":\"shadow\"" : ",\"mode\":\"enforce\"");
  body.append(",\"version\":\"").append(explaining.version).append("\"");
  body.append(verdict.decision.allowed() ? ",\"allowed\":true" : ",\"allowed\":false");
  body.append(",\"quota_index\":");
  wire::json_integer(body, static_cast<std::int64_t>(verdict.decided));
  body.append(",\"retry_after\":");
  wire::json_seconds(body, verdict.decision.retry_after);
  body.append(",\"quotas\":[");
  for (std::size_t i = 0; i < chain.size(); ++i) {
    if (i > 0) body.append(",");
    append_quota(limit.quotas[i], item.named->quotas[i], chain[i],
                 store_name(chain[i].origin, explaining.shared), body);
  }
  // Costs that say most: one token, and the most that can ever pass.
  std::int64_t most = limit.quotas.front().capacity();
  for (const Quota& quota : limit.quotas) most = std::min(most, quota.capacity());
  body.append("],\"passes\":[");
  append_passes(item, chain, 1, body);
  for (const std::int64_t cost : {most / 2, most}) {
    if (cost <= 1 || (cost == most / 2 && most < 4)) continue;
    body.append(",");
    append_passes(item, chain, cost, body);
  }
  body.append("],\"refusals\":").append(*item.refusals).append("}");
}

}  // namespace sluice::door::http
