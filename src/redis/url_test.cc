#include "redis/url.h"

#include <gtest/gtest.h>

namespace sluice::redis {
namespace {

Url url(std::string_view text) {
  auto read = Url::parse(text);
  EXPECT_TRUE(read) << text << ": " << (read ? "" : read.error().message);
  return read ? *read : Url{.hosts = {{}}};
}

TEST(RedisUrl, Text) {
  // What is shown to people: ports filled in, nobody's name or password.
  const std::pair<const char*, const char*> shown[] = {
      {"redis://localhost", "redis://localhost:6379"},
      {"redis://10.0.0.1:7000/3", "redis://10.0.0.1:7000/3"},
      {"redis://[::1]:7000/0", "redis://[::1]:7000"},
      {"redis://[::1]", "redis://[::1]:6379"},
      {"rediss://me:secret@host/1?verify=none", "rediss://host:6379/1"},
      {"redis+unix:///run/redis.sock?db=2", "redis+unix:///run/redis.sock?db=2"},
      {"unix://:secret@/run/redis.sock", "redis+unix:///run/redis.sock"},
      {"redis+sentinel://a,b:1,[::2]/mymaster/4", "redis+sentinel://a:26379,b:1,[::2]:26379/mymaster/4"},
      {"rediss+cluster://a:1,b", "rediss+cluster://a:1,b:6379"},
  };
  for (const auto& [text, expected] : shown) EXPECT_EQ(url(text).text(), expected) << text;
}

TEST(RedisUrl, Login) {
  EXPECT_EQ(url("redis://h").login, (Login{"", ""}));
  EXPECT_EQ(url("redis://:pw@h").login, (Login{"", "pw"}));
  EXPECT_EQ(url("redis://me:p%40s%3as%25@h").login, (Login{"me", "p@s:s%"}));
  EXPECT_EQ(url("redis://me:a:b@c@h").login, (Login{"me", "a:b@c"}));
  EXPECT_EQ(url("redis+sentinel://me:pw@h/m?sentinel_user=s&sentinel_password=t").sentinel_login,
            (Login{"s", "t"}));
}

TEST(RedisUrl, Options) {
  const auto u = url("rediss://h?ca=/a%20b.pem&cert=c&key=k&sni=name&timeout=250ms&db=5");
  EXPECT_EQ(u.tls_options, (net::TlsOptions{"/a b.pem", "c", "k", "name", true}));
  EXPECT_TRUE(u.tls);
  EXPECT_EQ(u.timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(u.database, 5);
  EXPECT_FALSE(url("rediss://h?verify=none").tls_options.verify);
  EXPECT_EQ(url("redis://h?timeout=3").timeout, std::chrono::seconds(3));
}

TEST(RedisUrl, ErrorsNamePlaceAndMendAndNoPassword) {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "it begins with none of"},
      {"localhost:6379", "it begins with none of"},
      {"http://h", "it begins with none of"},
      {"redis://", "a host is missing"},
      {"redis://:hidden@", "a host is missing"},
      {"redis://h:0", "the port '0'"},
      {"redis://h:65536", "the port '65536'"},
      {"redis://h:", "the port ''"},
      {"redis://::1", "write an IPv6 address as [::1]"},
      {"redis://[::1", "no ']'"},
      {"redis://[::1]x", "'x' behind the IPv6 address"},
      {"redis://h/x", "the database 'x'"},
      {"redis://h/-1", "the database '-1'"},
      {"redis://hidden@h", "no colon"},
      {"redis://me:@h", "a user without a password"},
      {"redis://:hidden%4@h", "two hexadecimal digits"},
      {"redis://:hidden%00@h", "two hexadecimal digits"},
      {"redis://me:hidden/1@h", "write %2F or %3F"},
      {"redis://:hid?hidden@h", "write %2F or %3F"},
      {"redis://me:6379/hidden@h", "write %2F or %3F"},
      {"redis+sentinel://me:hidden/m@h/m", "write %2F or %3F"},
      {"redis://a,b", "redis+cluster://"},
      {"redis+cluster://a,,b", "a host is missing"},
      {"redis+cluster://a/1", "database 0 alone"},
      {"redis+sentinel://a", "the name of the master is missing"},
      {"redis+unix://run/redis.sock", "begins with '/'"},
      {"redis+unix:///", "path is missing"},
      {"redis://h?ca=x", "write rediss://"},
      {"redis://h?foo=x", "unknown option 'foo'"},
      {"rediss://h?cert=x", "go together"},
      {"rediss://h?verify=yes", "verify is"},
      {"rediss://h?ca=", "'ca' is empty"},
      {"redis://h?timeout=0", "timeout '0'"},
      {"redis://h?timeout=2h", "timeout '2h'"},
      {"redis://h?sentinel_user=x", "redis+sentinel:// alone"},
  };
  for (const auto& [text, expected] : wrong) {
    const auto read = Url::parse(text);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().message.find(expected), std::string::npos) << text << ": " << read.error().message;
    EXPECT_EQ(read.error().message.find("hidden"), std::string::npos) << read.error().message;
  }
}

}  // namespace
}  // namespace sluice::redis
