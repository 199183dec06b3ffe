#include "server/refusal_log.h"

#include <string>
#include <vector>

#include "core/decision_names.h"
#include "server/log.h"

namespace sluice::server {

void RefusalLog::tell(const observe::Refusal& r, std::string_view door, std::string_view client,
                      std::uint64_t unlogged) {
  if (!logs(Level::info)) return;
  const LogKeys keys = keys_.load(std::memory_order_relaxed);
  const auto key = keys == LogKeys::plain  ? std::string(r.key.substr(0, kLogKeyMax))
                   : keys == LogKeys::hash ? hash_.of(r.key)
                                           : std::string();
  const auto quota = r.quota == nullptr ? std::string(r.outright) : r.quota->text();
  std::vector<LogField> fields{{"limit", r.limit}, {"quota", quota}};
  if (r.index > 0) fields.push_back({"quota_index", static_cast<std::int64_t>(r.index)});
  if (keys != LogKeys::none) fields.push_back({keys == LogKeys::plain ? "key" : "key_hash", key});
  fields.push_back({"cost", r.cost});
  fields.push_back({"remaining", r.decision.remaining});
  fields.push_back({"retry_after", r.decision.retry_after});
  fields.push_back({"origin", origin_name(r.decision.origin)});
  if (r.shadow) fields.push_back({"shadow", true});
  fields.push_back({"door", door});
  fields.push_back({"client", client});
  fields.push_back({"unlogged", static_cast<std::int64_t>(unlogged)});
  log_always(Level::info, r.shadow ? "would be refused" : "refused", fields);
}

}  // namespace sluice::server
