// decision_names.h: what outcomes and origins are called, wherever they are told of.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "sluice/decision.h"

namespace sluice {

/// By outcome.
inline constexpr std::array<std::string_view, 3> kOutcomeNames = {"allowed", "refused", "never"};

constexpr std::string_view outcome_name(Outcome outcome) {
  return kOutcomeNames[static_cast<std::size_t>(outcome)];
}

constexpr std::string_view origin_name(Origin origin) {
  switch (origin) {
    case Origin::bucket:
      return "bucket";
    case Origin::remembered:
      return "remembered";
    case Origin::leased:
      return "leased";
    case Origin::degraded:
      return "degraded";
  }
  return "";
}

/// Who decided, for people: local or shared for the bucket itself. `shared`: the store is one that others
/// share.
constexpr std::string_view store_name(Origin origin, bool shared) {
  if (origin == Origin::bucket) return shared ? "shared" : "local";
  return origin_name(origin);
}

}  // namespace sluice
