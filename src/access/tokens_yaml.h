// tokens_yaml.h: reads tokens from YAML. No exception leaves it, and no message shows what may be a secret.
//
//     tokens:
//       checkout: {sha256: 9f86…0a08, roles: [take], limits: [api, "upload-*"], domains: [shop]}
//       ops:      {sha256: 60303…2752, roles: [admin]}
//
//     sha256    of the token, in 64 hexadecimal digits
//     roles     1 or more (roles.h)
//     limits    names of limits, or patterns with *: what the token is for; with neither this nor
//     domains   domains of policies, likewise: all. With one of them only what is named
//
// A name has 1 to 64 letters, digits, "_", "-" and ".", and begins with a letter or a digit; "default" is the
// RESP door's own user. A file holds at most 1000 tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/tokens.h"
#include "policy/yaml.h"

namespace sluice::access {

inline constexpr std::size_t kTokensMax = 1000;
inline constexpr std::size_t kTokenNameMax = 64;

struct TokensReading {
  TokenSet tokens;                        ///< Empty if there is any problem.
  std::vector<policy::Problem> problems;  ///< All of the file, in its order, at most 100.
  explicit operator bool() const { return problems.empty(); }
};

/// `file` is the name for messages.
TokensReading read_tokens(std::string_view text, const std::string& file);
/// Whether this is to be a file of tokens, be it a faulty one.
bool is_tokens(std::string_view text);

/// What is wrong with a token's name, and the mend; empty: nothing.
std::string name_problem(std::string_view name);

}  // namespace sluice::access
