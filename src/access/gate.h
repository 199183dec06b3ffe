// gate.h: one connection's way through the tokens, for doors whose every request shows one.
//
//     Gate gate(view, &denials);                     // view: one a door and thread; null: all is open.
//     gate.come(authorization);                      // What the request shows; empty: nothing.
//     if (auto denied = gate.refuses(need)) ...      // What to say.
//
// A token is hashed and looked up when a connection shows it first; as long as the connection shows the same
// and the tokens in force are the same, the next requests cost one comparison.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/tokens.h"

namespace sluice::access {

/// Requests of one door that were turned away. Any thread.
struct Denials {
  std::atomic<std::uint64_t> unauthenticated{0};  ///< No token, or an unknown one.
  std::atomic<std::uint64_t> forbidden{0};        ///< The token lacks the role, or is for other limits.
  void count(bool known) { (known ? forbidden : unauthenticated).fetch_add(1, std::memory_order_relaxed); }
};

struct Denied {
  bool known;           ///< Who it is, is known: he may not. Else he must show a token.
  std::string message;  ///< With the mend; shows no secret.
};

/// Why a known token may not.
std::string forbidden_text(const Token& token, const Need& need);

class Gate {
 public:
  /// Both outlive it, and may be null.
  explicit Gate(TokensView* tokens, Denials* denials = nullptr) : tokens_(tokens), denials_(denials) {}

  bool on() const { return tokens_ != nullptr; }
  /// REQUIRES: on(). `authorization`: "Bearer TOKEN". Empty: the request shows none.
  void come(std::string_view authorization);
  /// Whether the one who came last may not; and counts that.
  std::optional<Denied> refuses(const Need& need);
  /// For what goes on without a new request, as a stream does: whether the one who came last may, is from now
  /// on a matter of the tokens in force now. REQUIRES: on().
  void look_again();
  /// Of the one who came last. Null: all limits and domains.
  const std::shared_ptr<const Scope>& scope() const;
  /// Counts a request for a limit or domain that the scope does not have.
  void count_out_of_scope() {
    if (denials_ != nullptr) denials_->count(true);
  }

 private:
  enum class Shown : std::uint8_t { nothing, malformed, token };
  bool is_latest(std::string_view secret) const;

  TokensView* const tokens_;
  Denials* const denials_;
  std::shared_ptr<const TokenSet> set_;  // Which keeps token_.
  std::string secret_;                   // Shown last.
  const Token* found_ = nullptr;         // By secret_ in set_.
  const Token* token_ = nullptr;         // Of the one who came last.
  Shown shown_ = Shown::nothing;
};

}  // namespace sluice::access
