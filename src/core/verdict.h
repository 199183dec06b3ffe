// verdict.h: the decisions of several quotas about one request as one answer.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "sluice/decision.h"

namespace sluice {

/// Whether `a` stands for both: of those that refuse the one with the longest wait; of those that pass the
/// one that is due last, then the one with the fewest tokens left.
inline bool graver(const Decision& a, const Decision& b) {
  if (a.outcome != b.outcome) return a.outcome > b.outcome;
  if (!a.allowed()) return a.retry_after > b.retry_after;
  return std::pair(-a.due_after, a.remaining) < std::pair(-b.due_after, b.remaining);
}

/// Which of them decided: the gravest, of equals the first. REQUIRES: not empty.
inline std::size_t deciding(std::span<const Decision> decisions) {
  std::size_t worst = 0;
  for (std::size_t i = 1; i < decisions.size(); ++i)
    if (graver(decisions[i], decisions[worst])) worst = i;
  return worst;
}

}  // namespace sluice
