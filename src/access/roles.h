// roles.h: what a token may be for, and what a request needs.
//
//     take      decide: take, reserve, hold and settle, refund
//     inspect   look: peek, explain, the limits and policies in force, metrics
//     change    change what is: make a bucket full
//     admin     all of it, and what later versions add
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::access {

/// A set of roles.
struct Roles {
  std::uint8_t bits = 0;

  constexpr bool none() const { return bits == 0; }
  constexpr bool any_of(Roles others) const { return (bits & others.bits) != 0; }
  friend constexpr Roles operator|(Roles a, Roles b) { return {static_cast<std::uint8_t>(a.bits | b.bits)}; }
  friend constexpr bool operator==(Roles, Roles) = default;
};

inline constexpr Roles kTake{1};
inline constexpr Roles kInspect{2};
inline constexpr Roles kChange{4};
inline constexpr Roles kAdmin{0xFF};

/// Nothing, if there is no such role.
std::optional<Roles> role_of(std::string_view name);
/// Of role_of(), in order; for messages and for policy::nearest().
const std::vector<std::string_view>& role_names();
/// "take, inspect" with the `last` word in place of the last comma; "admin" for all.
std::string roles_text(Roles roles, std::string_view last = ", ");

struct Need {
  Roles any_of;        ///< One of them will do. None: everyone may.
  bool whole = false;  ///< About the server as a whole: no matter for a token that is for some limits alone.
  friend constexpr bool operator==(const Need&, const Need&) = default;
};
inline constexpr Need kOpen{};
inline constexpr Need kAnyToken{kTake | kInspect | kChange};
inline constexpr Need kToTake{kTake};
inline constexpr Need kToLook{kTake |
                              kInspect};  ///< At one bucket: no more than a take of cost 0 would tell.
inline constexpr Need kToExplain{kInspect};
inline constexpr Need kToChange{kChange};
inline constexpr Need kToInspect{kInspect, true};

}  // namespace sluice::access
