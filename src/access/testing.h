// testing.h: tokens that tests show at the doors: one of each role, called as what it may, and a tenant's.
#pragma once

#include <memory>
#include <vector>

#include "access/tokens.h"

namespace sluice::access {

/// The tenant's is for the limit `api` and the domain `shop`.
inline std::shared_ptr<const TokenSet> test_tokens() {
  auto scope = std::make_shared<Scope>();
  scope->add_limit("api");
  scope->add_domain("shop");
  return std::make_shared<const TokenSet>(
      std::vector<Token>{{"shop", sha256("take"), kTake, nullptr},
                         {"watch", sha256("inspect"), kInspect, nullptr},
                         {"fix", sha256("change"), kChange, nullptr},
                         {"ops", sha256("admin"), kAdmin, nullptr},
                         {"tenant", sha256("tenant"), kTake | kInspect, scope}});
}

}  // namespace sluice::access
