// limits_yaml.h: reads named limits from YAML. No exception leaves it.
//
//     limits:
//       login:  {quota: 5/min burst 10}
//       api:    {quotas: [100/s burst 200, 10000/h]}          # all must pass
//       upload: {quota: 10MB/s burst 50MB, on: bytes, mode: shadow}
//
//     quota    one quota (sluice/quota.h), or
//     quotas   a list of 1 to 8
//     on       what a token stands for: requests (the default), bytes, or another word in lower case
//     mode     enforce (the default), or shadow: decided and counted, then allowed all the same
//     on_store_failure   allow, deny or local (the default): what holds while a shared store is away
//     consistency        strict (the default) or leased: how exactly instances that share a store count
//
// A name has 1 to 64 letters, digits, "_", "-" and ".", and begins with a letter or a digit. A file holds at
// most 1000 limits (each is a label in the metrics).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/limit.h"
#include "policy/yaml.h"

namespace sluice::policy {

inline constexpr std::size_t kLimitsMax = 1000;
inline constexpr std::size_t kQuotasMax = 8;
inline constexpr std::size_t kLimitNameMax = 64;

struct LimitsReading {
  LimitSet limits;                ///< Empty if there is any problem: a file holds as a whole or not at all.
  std::vector<Problem> problems;  ///< All of the file, in its order, at most kProblemsMax.
  explicit operator bool() const { return problems.empty(); }
  std::string problems_text() const;  ///< One a line, without a newline at the end.
};
inline constexpr std::size_t kProblemsMax = 100;

/// `file` is the name for messages. What `accepts` refuses is a problem.
LimitsReading read_limits(std::string_view text, const std::string& file,
                          store::QuotaCheck accepts = nullptr);
LimitsReading read_limits_file(const std::string& path);

}  // namespace sluice::policy
