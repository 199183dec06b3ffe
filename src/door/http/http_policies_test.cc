// GET /v1/policies.
#include <gtest/gtest.h>

#include "door/http/testing.h"
#include "policy/policy_yaml.h"

namespace sluice::door::http {
namespace {

constexpr std::int64_t kRead = 1'764'402'305'123'456'789;
constexpr const char* kShop = R"(domain: shop
descriptors:
  - {key: user, shadow_mode: true, rate_limit: {unit: minute, requests_per_unit: 2, name: n}}
)";

struct HttpPolicies : testing::Test {
  HttpPolicies() { limits_are("abc"); }

  void limits_are(std::string text) {
    policy::LimitSet set({test_limit("api", {"5/s"})});
    set.set_source({"limits.yaml", std::move(text), kRead});
    t.current.replace(std::make_shared<const policy::LimitSet>(std::move(set)));
  }
  policy::CurrentPolicies policies{
      policy::read_policies({{"d/shop.yaml", kShop}}, {.read_wall_ns = kRead}).set};
  TestDoor t{{.policies = &policies}};
};

TEST_F(HttpPolicies, TellsTheFilesAndTheirRules) {
  const auto r = t.ask(get("/v1/policies"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(
      r.body,
      R"({"files":[{"file":"limits.yaml","kind":"limits","version":"ba7816bf8f01","loaded":1764402305.123,)"
      R"("bytes":3,"rules_total":1,"rules":[{"name":"api","quotas":[{"quota":"5/s","policy":"api","capacity":5,)"
      R"("tokens":5,"period":1}],"unit":"requests","mode":"enforce"}]},)"
      R"({"file":"d/shop.yaml","kind":"policies","version":"c147d5512c18","loaded":1764402305.123,"bytes":120,)"
      R"("rules_total":1,"rules":[{"rule":"shop.user","name":"n","domain":"shop","line":3,)"
      R"("limit":"2/min, shadow","mode":"shadow"}]}]})");
}

// A change of one byte is another version, and the version is that of what is in force.
TEST_F(HttpPolicies, TheVersionGoesWithTheText) {
  limits_are("abd");
  const auto r = t.ask(get("/v1/policies?file=limits.yaml"));
  EXPECT_NE(r.body.find(R"("version":"a52d159f262b")"), std::string::npos) << r.body;
  EXPECT_TRUE(r.body.ends_with(R"(,"text":"abd"}]})")) << r.body;
  limits_are(std::string(1 << 20, 'x'));
  EXPECT_TRUE(t.ask(get("/v1/policies?file=limits.yaml")).body.ends_with("x\"}]}"));
  limits_are(std::string((1 << 20) + 1, 'x'));
  EXPECT_TRUE(t.ask(get("/v1/policies?file=limits.yaml")).body.ends_with(R"("text":null}]})"));
}

TEST_F(HttpPolicies, OneFileOrNone) {
  const auto shop = t.ask(get("/v1/policies?file=d/shop.yaml"));
  EXPECT_EQ(shop.body.find("limits.yaml"), std::string::npos);
  EXPECT_NE(shop.body.find(R"("text":"domain: shop\u000adescriptors:\u000a)"), std::string::npos)
      << shop.body;
  EXPECT_EQ(t.ask(get("/v1/policies?file=no.yaml")).status, 404);
  EXPECT_EQ(t.ask(get("/v1/policies?files=no.yaml")).status, 400);
  TestDoor none;
  EXPECT_EQ(none.ask(get("/v1/policies")).body, R"({"files":[]})");
}

TEST(HttpPoliciesMany, AtMostAThousandRulesOfAFileAreTold) {
  std::string text = "domain: d\ndescriptors:\n";
  for (int i = 0; i < 1001; ++i)
    text += "  - {key: k" + std::to_string(i) + ", rate_limit: {unit: second, requests_per_unit: 1}}\n";
  const policy::CurrentPolicies policies(policy::read_policies({{"f.yaml", text}}).set);
  TestDoor t({.policies = &policies});
  const auto r = t.ask(get("/v1/policies"));
  EXPECT_NE(r.body.find(R"("rules_total":1001)"), std::string::npos);
  EXPECT_NE(r.body.find(R"("rule":"d.k999")"), std::string::npos);
  EXPECT_EQ(r.body.find(R"("rule":"d.k1000")"), std::string::npos);
}

}  // namespace
}  // namespace sluice::door::http
