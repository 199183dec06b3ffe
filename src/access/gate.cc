#include "access/gate.h"

#include <cstring>

namespace sluice::access {

namespace {

constexpr std::size_t kSecretMax = 512;  // Longer ones are nobody's.

/// The token of "Bearer TOKEN"; nothing, if it is not so.
std::optional<std::string_view> bearer(std::string_view value) {
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() <= kScheme.size()) return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i)
    if ((value[i] | 0x20) != kScheme[i]) return {};
  value.remove_prefix(kScheme.size());
  while (value.starts_with(' ')) value.remove_prefix(1);
  if (value.empty() || value.find(' ') != std::string_view::npos) return {};
  return value;
}

/// In a time that does not depend on where they differ; eight at a time, since each request pays for it
/// (CRYPTO_memcmp takes them one by one: 340 instructions for a token, this 60).
bool same_bytes(const char* a, const char* b, std::size_t n) {
  std::uint64_t differ = 0;
  for (; n >= 8; a += 8, b += 8, n -= 8) {
    std::uint64_t x, y;
    std::memcpy(&x, a, 8);
    std::memcpy(&y, b, 8);
    differ |= x ^ y;
  }
  for (; n > 0; ++a, ++b, --n) differ |= static_cast<std::uint64_t>(*a ^ *b);
  return differ == 0;
}

}  // namespace

std::string forbidden_text(const Token& token, const Need& need) {
  std::string text = "the token \"" + token.name + "\" ";
  if (!token.roles.any_of(need.any_of))
    return text + "lacks the role " + roles_text(need.any_of, " or ") + "; it has " +
           roles_text(token.roles, " and ");
  return text + "is for some limits or domains alone, and this is about the server as a whole";
}

bool Gate::is_latest(std::string_view secret) const {
  return secret.size() == secret_.size() && same_bytes(secret.data(), secret_.data(), secret.size());
}

void Gate::come(std::string_view authorization) {
  token_ = nullptr;
  shown_ = Shown::nothing;
  if (authorization.empty()) return;
  const auto secret = bearer(authorization);
  shown_ = secret ? Shown::token : Shown::malformed;
  if (!secret || secret->size() > kSecretMax) return;
  const auto& set = tokens_->get();
  if (set != set_ || !is_latest(*secret)) {
    set_ = set;
    secret_ = *secret;
    found_ = set_->find(*secret);
  }
  token_ = found_;
}

std::optional<Denied> Gate::refuses(const Need& need) {
  if (tokens_ == nullptr || need.any_of.none()) return {};
  const bool known = token_ != nullptr;
  if (known && token_->may(need)) return {};
  if (denials_ != nullptr) denials_->count(known);
  if (known) return Denied{true, forbidden_text(*token_, need)};
  return Denied{false, shown_ == Shown::nothing
                           ? "this server asks for a token; send Authorization: Bearer TOKEN"
                       : shown_ == Shown::malformed
                           ? "Authorization is \"Bearer\", a space and one token"
                           : "the server does not know this token; it may have been withdrawn"};
}

void Gate::look_again() {
  const auto& set = tokens_->get();
  if (token_ == nullptr || set == set_) return;
  set_ = set;
  token_ = found_ = set_->find(secret_);
}

const std::shared_ptr<const Scope>& Gate::scope() const {
  static const std::shared_ptr<const Scope> all;
  return token_ == nullptr ? all : token_->scope;
}

}  // namespace sluice::access
