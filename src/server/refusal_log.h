// refusal_log.h: sampled refusals (observe/refusals.h) as lines of the log: who was refused by what, and for
// how long. Keys may be personal, so they are written hashed unless the configuration says otherwise.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "observe/refusals.h"

namespace sluice::server {

enum class LogKeys : std::uint8_t {
  hash,   ///< key_hash() of it: equal keys have equal hashes, and without the secret nobody can try keys.
  plain,  ///< As it is, at most kLogKeyMax bytes.
  none,
};
inline constexpr std::size_t kLogKeyMax = 256;

/// The first 16 bytes of HMAC-SHA256, in hexadecimal: the first 32 digits of
/// `printf %s KEY | openssl dgst -sha256 -hmac SECRET`.
std::string key_hash(std::string_view secret, std::string_view key);

class RefusalLog final : public observe::RefusalTeller {
 public:
  /// An empty secret: one of this process alone, that nobody knows.
  RefusalLog(LogKeys keys, std::string secret);
  void set(LogKeys keys, std::string secret);

  void tell(const observe::Refusal& refusal, std::string_view door, std::string_view client,
            std::uint64_t unlogged) override;

 private:
  std::string key_text(std::string_view key, LogKeys& keys);

  const std::string own_secret_;
  std::mutex mutex_;  // Of the next two. Taken once a line.
  LogKeys keys_ = LogKeys::hash;
  std::string secret_;
};

}  // namespace sluice::server
