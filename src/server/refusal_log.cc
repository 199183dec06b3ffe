#include "server/refusal_log.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "core/decision_names.h"
#include "core/hex.h"
#include "core/random_seed.h"
#include "server/log.h"

namespace sluice::server {

namespace {

constexpr std::size_t kHashBytes = 16;

std::string random_secret() {
  std::string secret;
  for (int i = 0; i < 4; ++i) secret += std::to_string(random_seed());
  return secret;
}

}  // namespace

std::string key_hash(std::string_view secret, std::string_view key) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest, &size);
  return hex_text(std::span(digest, std::min<std::size_t>(size, kHashBytes)));
}

RefusalLog::RefusalLog(LogKeys keys, std::string secret) : own_secret_(random_secret()) {
  set(keys, std::move(secret));
}

void RefusalLog::set(LogKeys keys, std::string secret) {
  const std::scoped_lock lock(mutex_);
  keys_ = keys;
  secret_ = secret.empty() ? own_secret_ : std::move(secret);
}

std::string RefusalLog::key_text(std::string_view key, LogKeys& keys) {
  const std::scoped_lock lock(mutex_);
  keys = keys_;
  if (keys == LogKeys::none) return {};
  return keys == LogKeys::plain ? std::string(key.substr(0, kLogKeyMax)) : key_hash(secret_, key);
}

void RefusalLog::tell(const observe::Refusal& r, std::string_view door, std::string_view client,
                      std::uint64_t unlogged) {
  if (!logs(Level::info)) return;
  LogKeys keys{};
  const auto key = key_text(r.key, keys);
  const auto quota = r.quota.text();
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
