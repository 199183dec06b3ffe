// GET /v1/top and /v1/why.
#include <gtest/gtest.h>

#include "door/http/testing.h"
#include "policy/policy_yaml.h"

namespace sluice::door::http {
namespace {

using std::chrono::milliseconds;

TEST(HttpTop, HandsOnWhatIsAsked) {
  TestDoor none;
  EXPECT_EQ(none.ask(get("/v1/top")).status, 404);
  TestDoor t({.top = [](std::string_view limit, bool by_refused, std::size_t n) {
    return std::string(limit) + (by_refused ? " refused " : " asked ") + std::to_string(n);
  }});
  EXPECT_EQ(t.ask(get("/v1/top")).body, " asked 20");
  EXPECT_EQ(t.ask(get("/v1/top?limit=a%20b&by=refused&n=1000")).body, "a b refused 1000");
  for (const auto& [query, problem] : {std::pair("n=0", "n: must be a whole number from 1 to 1000"),
                                       {"n=1001", "n: must be a whole number from 1 to 1000"},
                                       {"by=all", "by: must be asked or refused"},
                                       {"by=asked&by=asked", "by: stands there twice"},
                                       {"of=x", "of: is no parameter of this request; it has limit, by, n"},
                                       {"limit=%", "limit: % must be followed by two hexadecimal digits"}}) {
    const auto r = t.ask(get(std::string("/v1/top?") + query));
    EXPECT_EQ(r.status, 400);
    EXPECT_NE(r.body.find(problem), std::string::npos) << r.body;
  }
}

std::string take(const std::string& cost) {
  return post("/v1/take", R"({"limit":"api","key":"ann","cost":)" + cost + "}");
}

TEST(HttpWhy, TellsLevelsAndWhatWouldPass) {
  TestDoor t(
      {.refusals = [](std::string_view limit, std::string_view key,
                      std::size_t) { return "[\"" + std::string(limit) + "/" + std::string(key) + "\"]"; }},
      {test_limit("api", {"5/s burst 10", "60/min burst 20"})});
  EXPECT_EQ(t.ask(take("8")).status, 200);
  const std::string request = get("/v1/why?limit=api&key=ann");
  EXPECT_EQ(
      t.ask(request).body,
      R"({"limit":"api","key":"ann","mode":"enforce","version":"","allowed":true,"quota_index":0,"retry_after":0,"quotas":[)"
      R"({"quota":"5/s burst 10","capacity":10,"remaining":2,"reset_after":1.6,"store":"local",)"
      R"("level":[[0,2],[0.4,4],[0.8,6],[1.2,8],[1.6,10]]},)"
      R"({"quota":"60/min burst 20","capacity":20,"remaining":12,"reset_after":8,"store":"local",)"
      R"("level":[[0,12],[2,14],[4,16],[6,18],[8,20]]}],)"
      R"("passes":[{"cost":1,"after":0},{"cost":5,"after":0.6},{"cost":10,"after":1.6}],"refusals":["api/ann"]})");
  EXPECT_EQ(t.ask(request).body, t.ask(request).body);  // Takes nothing.
  // What it says holds.
  t.at(milliseconds(599));
  EXPECT_EQ(t.ask(take("5")).status, 429);
  t.at(milliseconds(600));
  EXPECT_EQ(t.ask(take("5")).status, 200);
}

// What /v1/top calls limit and key of a rule of the policies is answered as well.
TEST(HttpWhy, OfARuleOfThePolicies) {
  const policy::PolicyFile file{
      "p.yaml",
      "domain: shop\ndescriptors:\n  - {key: user, rate_limit: {unit: minute, requests_per_unit: 2}}\n"
      "  - {key: shut, rate_limit: {unit: minute, requests_per_unit: 0}}\n"};
  const policy::CurrentPolicies policies(policy::read_policies({file}).set);
  TestDoor t({.policies = &policies});
  const std::string request =
      R"({"domain":"shop","descriptors":[{"entries":[{"key":"user","value":"ann"}]}]})";
  EXPECT_EQ(t.ask(post("/json", request)).status, 200);
  EXPECT_EQ(t.ask(post("/json", request)).status, 200);
  const auto r = t.ask(get("/v1/why?limit=shop.user&key=user%3Dann"));
  EXPECT_EQ(r.status, 200);
  EXPECT_TRUE(r.body.starts_with(
      R"({"limit":"shop.user","key":"user=ann","mode":"enforce","version":")" +
      policy::Source(file.name, file.text, 0).version +
      R"(","allowed":false,"quota_index":0,"retry_after":30,"quotas":[{"quota":"2/min","capacity":2,"remaining":0,)"))
      << r.body;
  EXPECT_NE(r.body.find(R"("level":[[0,0],[30,1],[60,2]])"), std::string::npos) << r.body;
  EXPECT_NE(t.ask(get("/v1/why?limit=shop.user&key=user%3Dbob")).body.find(R"("level":[[0,2]])"),
            std::string::npos);
  EXPECT_EQ(t.ask(get("/v1/why?limit=shop.shut&key=shut%3Dx")).status, 404);
  EXPECT_EQ(t.ask(get("/v1/why?limit=shop&key=x")).status, 404);
}

TEST(HttpWhy, StandsInItsPlaceAmongOthers) {
  TestDoor t({}, {test_limit("api", {"1/h"}, policy::Mode::shadow)});
  const auto out = t.raw(take("1") + get("/v1/why?limit=api&key=ann") + get("/healthz"));
  std::string_view in = out;
  EXPECT_EQ(read_response(in).status, 200);
  const auto why = read_response(in);
  EXPECT_NE(
      why.body.find(R"("mode":"shadow","version":"","allowed":false,"quota_index":0,"retry_after":3600,)"),
      std::string::npos)
      << why.body;
  EXPECT_TRUE(why.body.ends_with(R"("passes":[{"cost":1,"after":3600}],"refusals":null})")) << why.body;
  EXPECT_EQ(read_response(in).body, "ok\n");
  const auto head = t.raw("HEAD /v1/why?limit=api&key=ann HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_EQ(t.ask(get("/v1/why?limit=no&key=a")).status, 404);
  EXPECT_EQ(t.ask(get("/v1/why?limit=api")).status, 400);
}

}  // namespace
}  // namespace sluice::door::http
