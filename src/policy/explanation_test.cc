#include "policy/explanation.h"

#include <gtest/gtest.h>

#include "policy/policy_yaml.h"

namespace sluice::policy {
namespace {

constexpr const char* kShop = R"(domain: shop
descriptors:
  - {key: user, rate_limit: {unit: minute, requests_per_unit: 10, name: user}}
  - {key: user, value: vip*, rate_limit: {unit: minute, requests_per_unit: 100, replaces: [{name: user}]}}
  - {key: user, value: vip-gold*, rate_limit: {unlimited: true}}
  - {key: user, value: mallory, rate_limit: {unit: minute, requests_per_unit: 0}}
  - {key: user, value: root}
  - key: ip
    deny: [192.0.2.0/24]
    allow: [10.0.0.0/8]
    shadow_mode: true
    rate_limit: {unit: second, requests_per_unit: 5, quotas: [100/h]}
    descriptors: [{key: path, value: /buy, value_to_metric: true, detailed_metric: true, rate_limit: {unlimited: true}}]
)";

std::string told(std::string_view domain, const std::vector<Entry>& descriptor) {
  const auto reading = read_policies({{"shop.yaml", kShop}});
  EXPECT_TRUE(reading) << problems_text(reading.problems);
  return explanation_text(explain(*reading.set, domain, std::vector<std::vector<Entry>>{descriptor})[0]);
}

TEST(Explanation, ARuleItsQuotasAndBuckets) {
  EXPECT_EQ(told("shop", {{"ip", "198.51.100.1"}}),
            "  ip=198.51.100.1  ip, the key without a value\n"
            "  verdict          asks its buckets\n"
            "  rule             shop.ip, shop.yaml:12\n"
            "  limit            5/s, 100/h, shadow\n"
            "  bucket           shop.ip ip=198.51.100.1 under 5/s\n"
            "  bucket           shop.ip#1 ip=198.51.100.1 under 100/h\n");
  EXPECT_EQ(told("shop", {{"user", "vip-gold-1"}}),
            "  user=vip-gold-1  user_vip*, the first pattern that fits (before user_vip-gold*)\n"
            "  verdict          asks its buckets\n"
            "  rule             shop.user_vip*, shop.yaml:4\n"
            "  limit            100/min\n"
            "  bucket           shop.user_vip* user=vip-gold-1 under 100/min\n");
}

TEST(Explanation, WithoutABucket) {
  EXPECT_EQ(told("shop", {{"user", "mallory"}}),
            "  user=mallory  user_mallory, key and value\n"
            "  verdict       always refused: requests_per_unit is 0\n"
            "  rule          shop.user_mallory, shop.yaml:6\n"
            "  limit         refuses all\n");
  EXPECT_EQ(told("shop", {{"ip", "192.0.2.9"}}),
            "  ip=192.0.2.9  ip, the key without a value\n"
            "  verdict       always over the limit, and allowed in shadow mode: on a deny list\n"
            "  rule          shop.ip, shop.yaml:12\n"
            "  limit         5/s, 100/h, shadow\n");
  EXPECT_EQ(told("shop", {{"ip", "10.1.1.1"}, {"path", "/buy"}}),
            "  ip=10.1.1.1  ip, the key without a value\n"
            "  path=/buy    path_/buy, key and value\n"
            "  verdict      always allowed: on an allow list\n"
            "  rule         shop.ip.path_/buy, shop.yaml:13\n"
            "  limit        unlimited\n"
            "  counted      shop.ip_10.1.1.1.path_/buy\n");
}

TEST(Explanation, WhyThereIsNoRule) {
  const auto reason = [](std::string_view domain, const std::vector<Entry>& descriptor) {
    const auto reading = read_policies({{"shop.yaml", kShop}, {"e", "domain: empty"}});
    return explain(*reading.set, domain, std::vector<std::vector<Entry>>{descriptor})[0].reason;
  };
  EXPECT_EQ(reason("shopp", {{"user", "x"}}), "no policy has the domain \"shopp\" (did you mean \"shop\"?)");
  EXPECT_EQ(reason("empty", {{"user", "x"}}), "the domain has no descriptors");
  EXPECT_EQ(reason("shop", {}), "a descriptor without entries matches nothing");
  EXPECT_EQ(reason("shop", {{"user", "root"}}), "user_root has no rate_limit, so nothing limits it");
  EXPECT_EQ(reason("shop", {{"user", "bob"}, {"path", "/"}}),
            "nothing stands below user, but the request goes on with path=/");
  EXPECT_EQ(reason("shop", {{"ip", "1.2.3.4"}, {"path", "/"}}),
            "nothing below ip fits path=/: neither this value, nor a pattern, nor the key without a value");
}

TEST(Explanation, WhatAnotherDescriptorReplaces) {
  const auto reading = read_policies({{"shop.yaml", kShop}});
  const std::vector<std::vector<Entry>> request = {{{"user", "vip1"}}, {{"user", "bob"}}};
  const auto all = explain(*reading.set, "shop", request);
  EXPECT_EQ(all[0].outcome, Match::Outcome::ask);
  EXPECT_TRUE(all[1].replaced);
  EXPECT_EQ(explanation_text(all[1]),
            "  user=bob  user, the key without a value\n"
            "  verdict   not limited: another rule of this request replaces \"user\"\n"
            "  rule      shop.user (user), shop.yaml:3\n"
            "  limit     10/min\n");
}

}  // namespace
}  // namespace sluice::policy
