// decision.h: the answer to "may this request go now?".
#pragma once

#include <cstdint>

#include "sluice/time.h"

namespace sluice {

enum class Outcome : std::uint8_t {
  allowed,
  refused,  ///< Not now; come again after retry_after.
  never,    ///< The cost is above the capacity: it can never pass, however long you wait.
};

/// Who decided.
enum class Origin : std::uint8_t {
  bucket,      ///< The bucket itself.
  remembered,  ///< A refusal that a shared store gave lately, and that only time can change.
  leased,      ///< Tokens that this instance had charged in a shared store before.
  degraded,    ///< Not the bucket: its store is away, and the limit's rule for that decided.
};

/// A refusal is an answer, not an error. It takes nothing and changes nothing.
struct Decision {
  Outcome outcome = Outcome::allowed;
  Origin origin = Origin::bucket;
  std::int64_t granted = 0;    ///< Tokens charged: the cost, or fewer for take_up_to, 0 for a refusal.
  std::int64_t capacity = 0;   ///< The most tokens the bucket holds.
  std::int64_t remaining = 0;  ///< Whole tokens left after this request; rounded down, never negative.
  /// Until the same request would pass if nobody else asks; rounded up, so who waits this long is allowed.
  /// 0 if allowed, kNever if it can never pass. Saturates at Duration::max() (292 years).
  Duration retry_after{0};
  Duration reset_after{0};  ///< Until the bucket is full again; rounded up, saturating.
  Duration due_after{0};    ///< Of an allowed reservation: wait this long, then go. 0 in all other answers.

  constexpr bool allowed() const noexcept { return outcome == Outcome::allowed; }
  friend constexpr bool operator==(const Decision&, const Decision&) = default;
};

}  // namespace sluice
