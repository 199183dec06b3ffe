#include "observe/key_hash.h"

#include <gtest/gtest.h>

namespace sluice::observe {
namespace {

TEST(KeyHash, IsWhatOpensslSays) {
  // printf %s alice | openssl dgst -sha256 -hmac secret
  EXPECT_EQ(key_hash("secret", "alice"), "4360c67bc81025114044578d7c4e8e0f");
  EXPECT_NE(key_hash("secret", "alice"), key_hash("another", "alice"));
  EXPECT_NE(key_hash("secret", "alice"), key_hash("secret", "alicf"));
}

TEST(KeyHash, OfTheSecretInForce) {
  KeyHash hash("secret");
  EXPECT_EQ(hash.of("alice"), key_hash("secret", "alice"));
  hash.set("another");
  EXPECT_EQ(hash.of("alice"), key_hash("another", "alice"));
  hash.set("");
  KeyHash other("");
  EXPECT_EQ(hash.of("alice"), hash.of("alice"));
  EXPECT_NE(hash.of("alice"), key_hash("", "alice"));
  EXPECT_NE(hash.of("alice"), other.of("alice"));
}

}  // namespace
}  // namespace sluice::observe
