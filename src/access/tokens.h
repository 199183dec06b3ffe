// tokens.h: who may ask. A token is a text that a client shows; here is only its SHA-256, so that whoever
// reads the file, the memory of a debugger's dump apart, cannot show it.
//
// A TokenSet is what one file says, read whole and never changed. CurrentTokens holds the one in force.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/roles.h"
#include "policy/current.h"
#include "policy/pattern.h"
#include "policy/sha256.h"
#include "sluice/result.h"

namespace sluice::access {

using policy::Digest;
using policy::sha256;
std::string hex_of(const Digest& digest);
std::string base64_of(const Digest& digest);
/// Nothing, if it is not 64 hexadecimal digits.
std::optional<Digest> digest_of(std::string_view hex);

/// The limits and domains that a token is for. What is not named is not its own.
class Scope {
 public:
  /// A name, or a pattern in which each * stands for any bytes or none.
  void add_limit(std::string_view text) { limits_.add(text); }
  void add_domain(std::string_view text) { domains_.add(text); }

  /// CL.THROTTLE and GCRA, which bring their quota along, are the limit #throttle.
  bool has_limit(std::string_view name) const { return limits_.has(name); }
  bool has_domain(std::string_view name) const { return domains_.has(name); }

 private:
  class Names {
   public:
    void add(std::string_view text);
    bool has(std::string_view name) const;

   private:
    std::vector<std::string> names_;
    std::vector<policy::Pattern> patterns_;
  };
  Names limits_, domains_;
};

struct Token {
  std::string name;
  Digest digest{};
  Roles roles;
  std::shared_ptr<const Scope> scope;  ///< Null: all. Shared by the calls that go on while the file changes.

  bool may(const Need& need) const { return roles.any_of(need.any_of) && !(need.whole && scope != nullptr); }
};

class TokenSet {
 public:
  TokenSet() = default;
  explicit TokenSet(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const std::vector<Token>& all() const { return tokens_; }
  /// Null if there is none. Takes as long for whatever secret of one length.
  const Token* find(std::string_view secret) const { return find(sha256(secret)); }
  const Token* find(const Digest& digest) const;

 private:
  std::vector<Token> tokens_;
};

using CurrentTokens = policy::CurrentOf<TokenSet>;
using TokensView = policy::ViewOf<TokenSet>;

/// A new token that nobody can guess: "slt_" and 43 letters, digits, "-" and "_", 256 bits of chance.
Result<std::string> make_token();

}  // namespace sluice::access
