// Envoy's rate limit service over HTTP. What it decides is tested beside the gRPC door: the code is the same.
#include <gtest/gtest.h>

#include "door/http/testing.h"
#include "policy/policy_yaml.h"

namespace sluice::door::http {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPolicy = R"(domain: shop
descriptors:
  - key: user
    rate_limit: {unit: minute, requests_per_unit: 2, name: per_user}
  - key: tenant
    rate_limit: {unit: hour, requests_per_unit: 100}
)";

struct HttpRls : testing::Test {
  std::shared_ptr<const policy::PolicySet> set = read();
  policy::CurrentPolicies policies{set};
  TestDoor t{{.policies = &policies}};

  static std::shared_ptr<const policy::PolicySet> read() {
    auto reading = policy::read_policies(std::vector<policy::PolicyFile>{{"shop.yaml", kPolicy}}, {});
    EXPECT_TRUE(reading.problems.empty());
    return std::move(reading.set);
  }
  static std::string request(std::string_view descriptors, std::string_view more = "") {
    return std::string(R"({"domain":"shop","descriptors":[)").append(descriptors).append("]").append(more) +
           "}";
  }
  static std::string user(std::string_view name) {
    return std::string(R"({"entries":[{"key":"user","value":")").append(name).append(R"("}]})");
  }
};

TEST_F(HttpRls, DecidesAsTheServiceDoes) {
  auto r = t.ask(post("/json", request(user("ann"), R"(,"hitsAddend":2)")));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.field("Content-Type"), "application/json");
  EXPECT_EQ(
      r.body,
      R"({"overallCode":"OK","statuses":[{"code":"OK","currentLimit":{"requestsPerUnit":2,"unit":"MINUTE",)"
      R"("name":"per_user"},"durationUntilReset":"60s"}]})");
  r = t.ask(post("/json", request(user("ann"))));
  EXPECT_EQ(r.status, 429);
  EXPECT_NE(r.body.find(R"({"overallCode":"OVER_LIMIT",)"), std::string::npos) << r.body;
  EXPECT_NE(r.body.find(R"("rule":"shop.user")"), std::string::npos) << r.body;
  EXPECT_EQ(t.ask(post("/json", request(user("bob"), R"(,"hits_addend":1)"))).status, 200);
  t.at(30s);
  EXPECT_EQ(t.ask(post("/json", request(user("ann")))).status, 200);
}

// nginx reads no JSON: what its clients are to be told stands in the head as well.
TEST_F(HttpRls, TheHeadHasTheRateLimitFields) {
  auto r = t.ask(post("/json", request(user("ann"))));
  EXPECT_EQ(r.field("RateLimit-Policy"), R"("per_user";q=2;w=60)");
  EXPECT_EQ(r.field("RateLimit"), R"("per_user";r=1;t=30)");
  EXPECT_EQ(r.field("Retry-After"), "");
  EXPECT_EQ(r.field("X-RateLimit-Limit"), "");
  t.ask(post("/json", request(user("ann"))));
  r = t.ask(post("/json", request(user("ann"))));
  EXPECT_EQ(r.status, 429);
  EXPECT_EQ(r.field("RateLimit"), R"("per_user";r=0;t=30)");
  EXPECT_EQ(r.field("Retry-After"), "30");
  EXPECT_EQ(r.body.find("responseHeadersToAdd"), std::string::npos) << r.body;
  EXPECT_EQ(t.ask(post("/json", request(R"({"entries":[{"key":"nobody"}]})"))).field("RateLimit"), "");
}

TEST_F(HttpRls, TheHeadHasThoseThatAreSetAsWell) {
  TestDoor door({.policies = &policies, .rls = {.x_ratelimit_fields = true, .ratelimit_fields = true}});
  const auto r = door.ask(post("/json", request(user("ann"))));
  EXPECT_EQ(r.field("X-RateLimit-Remaining"), "1");
  EXPECT_EQ(r.field("RateLimit"), R"("per_user";r=1;t=30)");
  EXPECT_NE(r.body.find(R"({"key":"RateLimit","value":"\"per_user\";r=1;t=30"})"), std::string::npos)
      << r.body;
  TestDoor shadow({.policies = &policies, .rls = {.shadow = true}});
  shadow.ask(post("/json", request(user("ann"), R"(,"hits_addend":2)")));
  const auto passed = shadow.ask(post("/json", request(user("ann"))));
  EXPECT_EQ(passed.status, 200);
  EXPECT_EQ(passed.field("RateLimit"), R"("per_user";r=0;t=30)");
  EXPECT_EQ(passed.field("Retry-After"), "") << "it is not refused";
}

TEST_F(HttpRls, ChargesNoneIfOneRefuses) {
  t.ask(post("/json", request(user("ann"), R"(,"hits_addend":2)")));
  const std::string tenant = R"({"entries":[{"key":"tenant","value":"x"}]})";
  EXPECT_EQ(t.ask(post("/json", request(user("ann") + "," + tenant))).status, 429);
  const auto r = t.ask(post("/json", request(tenant)));
  EXPECT_NE(r.body.find(R"("limitRemaining":99)"), std::string::npos) << r.body;
}

TEST_F(HttpRls, AnswersPipelinedRequestsInTheirOrder) {
  const std::string out =
      t.raw(post("/json", request(user("ann"))) + get("/healthcheck") + post("/json", request(user("ann"))) +
            post("/json", "{}") + post("/json", request(user("ann"))));
  std::string_view in = out;
  for (const int status : {200, 200, 200, 400, 429}) EXPECT_EQ(read_response(in).status, status);
  EXPECT_TRUE(in.empty());
}

TEST_F(HttpRls, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"{}", "rate limit domain must not be empty"},
      {R"({"domain":"shop"})", "rate limit descriptor list must not be empty"},
      {R"({"domain":"shop","descriptor":[]})",
       "the body is no RateLimitRequest in JSON: descriptor: Cannot find field."},
      {request(user("ann"), R"(,"hits_addend":-1)"),
       "the body is no RateLimitRequest in JSON: (hits_addend): invalid value -1"},
  };
  for (const auto& [body, detail] : cases) {
    const auto r = t.ask(post("/json", body));
    EXPECT_EQ(r.status, 400) << body;
    EXPECT_NE(r.body.find(detail), std::string::npos) << r.body;
  }
  std::string deep = R"({"domain":)";
  for (int i = 0; i < 50'000; ++i) deep.append("[");
  EXPECT_EQ(t.ask(post("/json", deep)).status, 400);
}

TEST_F(HttpRls, GoesByThePoliciesInForce) {
  policies.replace(std::make_shared<const policy::PolicySet>());
  const auto r = t.ask(post("/json", request(user("ann"))));
  EXPECT_EQ(r.body, R"({"overallCode":"OK","statuses":[{"code":"OK"}]})");
}

// A request that asked for too much left its batch with the policies of its time, for whoever came next.
TEST_F(HttpRls, ARefusedRequestDoesNotHoldTheOldPolicies) {
  std::string many = user("0");
  for (int i = 1; i < 40; ++i) many += "," + user(std::to_string(i));
  EXPECT_EQ(t.ask(post("/json", request(many))).status, 400);
  policies.replace(std::make_shared<const policy::PolicySet>());
  const auto r = t.ask(post("/json", request(user("ann"))));
  EXPECT_EQ(r.body, R"({"overallCode":"OK","statuses":[{"code":"OK"}]})");
}

TEST_F(HttpRls, ListsTheRules) {
  EXPECT_EQ(t.ask(get("/rlconfig")).body, "shop.user: 2/min\nshop.tenant: 100/h\n");
}

TEST_F(HttpRls, TellsItsHealthInTheReferencesWay) {
  bool ready = true;
  TestDoor door({.ready = [&] { return ready; }});
  auto r = door.ask(get("/healthcheck"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, "OK");
  ready = false;
  EXPECT_EQ(door.ask(get("/healthcheck")).status, 500);
}

}  // namespace
}  // namespace sluice::door::http
