#include "net/address.h"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(Address, ReadsAndPrints) {
  for (const char* text :
       {"127.0.0.1:6380", "[::1]:6380", "localhost:0", "*:65535", "unix:/run/a.sock", "none"}) {
    const auto a = Address::parse(text);
    ASSERT_TRUE(a) << a.error().message;
    EXPECT_EQ(a->text(), text);
  }
  EXPECT_EQ(Address::parse("[::1]:7")->host, "::1");
  EXPECT_EQ(Address::parse("host:7")->port, 7);
}

TEST(Address, EveryErrorSaysTheMend) {
  const struct {
    const char* text;
    const char* message;
  } rows[] = {
      {"", "\"\" is no address: write host:port, unix:/path or none, as in 127.0.0.1:6380"},
      {"6380", "\"6380\" is no address: write host:port, unix:/path or none, as in 127.0.0.1:6380"},
      {":6380", "\":6380\" is no address: the host is missing; * is every interface, as in *:6380"},
      {"a:", "\"a:\" is no address: the port is a number from 0 to 65535"},
      {"a:65536", "\"a:65536\" is no address: the port is a number from 0 to 65535"},
      {"a:-1", "\"a:-1\" is no address: the port is a number from 0 to 65535"},
      {"a:1x", "\"a:1x\" is no address: the port is a number from 0 to 65535"},
      {"::1:80", "\"::1:80\" is no address: put an IPv6 address in brackets, as in [::1]:6380"},
      {"[::1]", "\"[::1]\" is no address: an IPv6 address is written [::1]:6380"},
      {"[::1", "\"[::1\" is no address: an IPv6 address is written [::1]:6380"},
      {"unix:", "\"unix:\" is no address: a path must follow unix:, as in unix:/run/sluice.sock"},
  };
  for (const auto& row : rows) {
    const auto a = Address::parse(row.text);
    ASSERT_FALSE(a) << row.text;
    EXPECT_EQ(a.error().message, row.message);
  }
  EXPECT_TRUE(Address::parse("unix:" + std::string(107, 'x')));
  EXPECT_FALSE(Address::parse("unix:" + std::string(108, 'x')));
}

}  // namespace
}  // namespace sluice::net
