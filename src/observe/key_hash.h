// key_hash.h: what a key is called where it may not be told as it is, since it may be personal: one name in
// the log and in traces, so that who has the one finds the other.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace sluice::observe {

/// The first 16 bytes of HMAC-SHA256, in hexadecimal: the first 32 digits of
/// `printf %s KEY | openssl dgst -sha256 -hmac SECRET`. Equal keys have equal hashes, and without the secret
/// nobody can try keys.
std::string key_hash(std::string_view secret, std::string_view key);

/// With the secret in force. Thread-safe.
class KeyHash {
 public:
  /// An empty secret: one of this process alone, that nobody knows.
  explicit KeyHash(std::string secret);
  void set(std::string secret);

  std::string of(std::string_view key) const;

 private:
  const std::string own_secret_;
  mutable std::mutex mutex_;  // Of the next. Taken once a line of the log or a request that is traced.
  std::string secret_;
};

}  // namespace sluice::observe
