// limit.h: named limits, as the doors use them. Immutable once built; the reader is limits_yaml.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/verdict.h"
#include "policy/source.h"
#include "sluice/quota.h"
#include "store/store.h"

namespace sluice::policy {

enum class Mode : std::uint8_t {
  enforce,
  shadow,  ///< Decided and counted, and then allowed all the same.
};

struct Limit {
  /// REQUIRES: at least one quota.
  Limit(std::string limit_name, std::vector<Quota> limit_quotas,
        store::OnFailure on_store_failure = store::OnFailure::local,
        store::Consistency consistency = store::Consistency::strict);

  std::string name;
  std::vector<Quota> quotas;            ///< All must pass; none is charged if any refuses.
  std::vector<store::Family> families;  ///< One a quota: where its buckets live.
  store::Family ids;                    ///< Of refunds that are to be done once (store/once.h).
  std::string unit =
      "requests";  ///< What a token stands for: requests, bytes, … For people and RateLimit-Policy.
  Mode mode = Mode::enforce;
};

/// All limits that hold at one moment.
class LimitSet {
 public:
  LimitSet() = default;
  explicit LimitSet(std::vector<Limit> limits);
  const Limit* find(std::string_view name) const;            ///< Null if there is none.
  const std::vector<Limit>& all() const { return limits_; }  ///< In the file's order.
  const Source& source() const { return source_; }           ///< The file.
  void set_source(Source source) { source_ = std::move(source); }

 private:
  Source source_;
  std::vector<Limit> limits_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

/// The asks of one request under a limit, appended to `asks` as one chain. The limit must outlive them.
void append_asks(const Limit& limit, std::string_view key, std::int64_t amount, Op op, Duration max_wait,
                 std::vector<store::Ask>& asks);

/// A refund that is done once, however often it is asked for with this id: the chain's last ask takes the id.
/// `id_key` is once_key(key, id) and must outlive the asks, too.
void append_refund_once(const Limit& limit, std::string_view key, std::int64_t amount,
                        std::string_view id_key, std::vector<store::Ask>& asks);

/// The decisions of one chain as one answer.
struct Verdict {
  Decision decision;        ///< Of the quota that decided; its outcome is the chain's.
  std::size_t decided = 0;  ///< Index of that quota (deciding() in core/verdict.h).
};
inline Verdict combine(std::span<const Decision> chain) {
  const std::size_t decided = deciding(chain);
  return {chain[decided], decided};
}

}  // namespace sluice::policy
