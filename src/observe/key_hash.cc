#include "observe/key_hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/hex.h"
#include "core/random_seed.h"

namespace sluice::observe {

namespace {

constexpr std::size_t kHashBytes = 16;

std::string random_secret() {
  std::string secret;
  for (int i = 0; i < 4; ++i) secret += std::to_string(random_seed());
  return secret;
}

}  // namespace

std::string key_hash(std::string_view secret, std::string_view key) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest, &size);
  return hex_text(std::span(digest, std::min<std::size_t>(size, kHashBytes)));
}

KeyHash::KeyHash(std::string secret) : own_secret_(random_secret()) { set(std::move(secret)); }

void KeyHash::set(std::string secret) {
  const std::scoped_lock lock(mutex_);
  secret_ = secret.empty() ? own_secret_ : std::move(secret);
}

std::string KeyHash::of(std::string_view key) const {
  const std::scoped_lock lock(mutex_);
  return key_hash(secret_, key);
}

}  // namespace sluice::observe
