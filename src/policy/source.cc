#include "policy/source.h"

#include <openssl/evp.h>

#include <utility>

#include "core/hex.h"
#include "policy/sha256.h"

namespace sluice::policy {

Digest sha256(std::string_view text) {
  Digest digest{};
  // The algorithm is looked up once: that costs more than to hash.
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, algorithm, nullptr);
  return digest;
}

Source::Source(std::string of, std::string content, std::int64_t at)
    : name(std::move(of)),
      version(hex_text(sha256(content)).substr(0, kVersionDigits)),
      text(std::move(content)),
      read_wall_ns(at) {}

}  // namespace sluice::policy
