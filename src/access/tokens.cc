#include "access/tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "core/hex.h"

namespace sluice::access {

std::string hex_of(const Digest& digest) { return hex_text(digest); }

std::string base64_of(const Digest& digest) {
  std::array<unsigned char, 45> text{};  // With a NUL behind it.
  const int size = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(size)};
}

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
  Digest chance{};
  if (RAND_bytes(chance.data(), static_cast<int>(chance.size())) != 1)
    return Error{Code::unavailable, "the system gives no random bytes"};
  std::string token = "slt_" + base64_of(chance).substr(0, 43);  // Without what fills it up.
  std::replace(token.begin() + 4, token.end(), '+', '-');
  std::replace(token.begin() + 4, token.end(), '/', '_');
  return token;
}

}  // namespace sluice::access
