// refusal_log.h: sampled refusals (observe/refusals.h) as lines of the log: who was refused by what, and for
// how long. Keys may be personal, so they are written hashed unless the configuration says otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "observe/key_hash.h"
#include "observe/refusals.h"

namespace sluice::server {

enum class LogKeys : std::uint8_t {
  hash,   ///< observe/key_hash.h.
  plain,  ///< As it is, at most kLogKeyMax bytes.
  none,
};
inline constexpr std::size_t kLogKeyMax = 256;

class RefusalLog final : public observe::RefusalTeller {
 public:
  /// The hash outlives this.
  RefusalLog(LogKeys keys, const observe::KeyHash& hash) : hash_(hash), keys_(keys) {}
  void set(LogKeys keys) { keys_.store(keys, std::memory_order_relaxed); }

  void tell(const observe::Refusal& refusal, std::string_view door, std::string_view client,
            std::uint64_t unlogged) override;

 private:
  const observe::KeyHash& hash_;
  std::atomic<LogKeys> keys_;
};

}  // namespace sluice::server
