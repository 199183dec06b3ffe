#include "access/tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "core/hex.h"

namespace sluice::access {

std::string hex_of(const Digest& digest) { return hex_text(digest); }

std::optional<Digest> digest_of(std::string_view text) {
  Digest digest{};
  if (text.size() != 2 * digest.size()) return {};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = hex(text[2 * i]), low = hex(text[2 * i + 1]);
    if (high < 0 || low < 0) return {};
    digest[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return digest;
}

void Scope::Names::add(std::string_view text) {
  if (policy::Pattern::is_one(text))
    patterns_.emplace_back(text);
  else
    names_.emplace_back(text);
}

bool Scope::Names::has(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end() ||
         std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const policy::Pattern& pattern) { return pattern.fits(name); });
}

const Token* TokenSet::find(const Digest& digest) const {
  const Token* found = nullptr;
  for (const Token& token : tokens_)  // All of them, so that time tells nothing.
    if (CRYPTO_memcmp(token.digest.data(), digest.data(), digest.size()) == 0) found = &token;
  return found;
}

Result<std::string> make_token() {
  std::array<unsigned char, 32> chance{};
  if (RAND_bytes(chance.data(), static_cast<int>(chance.size())) != 1)
    return Error{Code::unavailable, "the system gives no random bytes"};
  std::array<unsigned char, 48> text{};  // Base64, with a NUL behind it.
  EVP_EncodeBlock(text.data(), chance.data(), static_cast<int>(chance.size()));
  std::string token = std::string("slt_").append(reinterpret_cast<const char*>(text.data()), 43);
  std::replace(token.begin() + 4, token.end(), '+', '-');
  std::replace(token.begin() + 4, token.end(), '/', '_');
  return token;
}

}  // namespace sluice::access
