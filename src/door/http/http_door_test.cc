// Routes and pages; the table of routes against openapi.json.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <fstream>
#include <set>
#include <sstream>

#include "door/http/openapi.h"
#include "door/http/routes.h"
#include "door/http/testing.h"
#include "policy/policy_yaml.h"

namespace sluice::door::http {
namespace {

TEST(HttpRoutes, AreThoseOfTheDocument) {
  std::set<std::string> built;
  for (const auto& route : routes()) built.insert(std::string(route.method).append(" ").append(route.path));
  std::set<std::string> described;
  simdjson::dom::parser parser;
  for (const auto [path, methods] : parser.parse(std::string(kOpenApi))["paths"].get_object())
    for (const auto [method, operation] : methods.get_object()) {
      std::string name(method);
      for (char& c : name) c = static_cast<char>(c - 'a' + 'A');
      described.insert(name.append(" ").append(path));
      EXPECT_FALSE(operation["operationId"].get_string().error()) << path;
    }
  EXPECT_EQ(built, described);
}

/// Every "$ref" of the document, and whether it leads somewhere.
void follow_references(simdjson::dom::element value, simdjson::dom::element document, int& followed) {
  if (simdjson::dom::array array; value.get(array) == simdjson::SUCCESS)
    for (const auto each : array) follow_references(each, document, followed);
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return;
  for (const auto [name, each] : object) {
    std::string_view to;
    if (name != "$ref") {
      follow_references(each, document, followed);
    } else if (each.get(to) == simdjson::SUCCESS) {
      ASSERT_TRUE(to.starts_with("#/")) << to;
      EXPECT_EQ(document.at_pointer(to.substr(1)).error(), simdjson::SUCCESS) << to;
      ++followed;
    }
  }
}

TEST(HttpRoutes, TheDocumentIsServedWithTheVersionAndItsReferencesLead) {
  TestDoor t({.version = "9.8.7"});
  const auto r = t.ask(get("/openapi.json"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.field("Content-Type"), "application/json");
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  ASSERT_EQ(parser.parse(r.body).get(document), simdjson::SUCCESS);
  EXPECT_EQ(std::string_view(document["info"]["version"]), "9.8.7");
  EXPECT_TRUE(std::string_view(document["openapi"]).starts_with("3.1."));
  int followed = 0;
  follow_references(document, document, followed);
  EXPECT_GT(followed, 20);
}

std::string manual() {
  std::stringstream text;
  text << std::ifstream(HTTP_MD).rdbuf();
  return text.str();
}

TEST(HttpManual, HasEveryRoute) {
  const auto text = manual();
  for (const auto& route : routes()) {
    const auto row = std::string("| ").append(route.method).append(" | `").append(route.path).append("` |");
    EXPECT_NE(text.find(row), std::string::npos) << row;
  }
}

TEST(HttpManual, ShowsWhatIsAnswered) {
  const auto text = manual();
  TestDoor t({}, {test_limit("api", {"100/s burst 200"})});
  std::string answer = t.raw(post("/v1/take", R"({"limit":"api","key":"alice"})"));
  std::erase(answer, '\r');
  EXPECT_NE(text.find(answer), std::string::npos) << answer;
  const auto wrong = t.ask(post("/v1/take", R"({"limit":"api","key":"alice","cost":-1})"));
  EXPECT_NE(text.find(wrong.body), std::string::npos) << wrong.body;
}

TEST(HttpRoutes, OtherMethodsAndPathsAreRefused) {
  TestDoor t;
  auto r = t.ask(get("/v1/take"));
  EXPECT_EQ(r.status, 405);
  EXPECT_EQ(r.field("Allow"), "POST");
  r = t.ask(post("/healthz", ""));
  EXPECT_EQ(r.status, 405);
  EXPECT_EQ(r.field("Allow"), "GET, HEAD");
  EXPECT_EQ(
      r.body,
      R"({"type":"about:blank","title":"Method Not Allowed","status":405,"detail":"this path is asked by GET, HEAD"})");
  for (const char* target : {"/", "/v1", "/v1/take/", "/V1/take", "//v1/take", "/v1/%74ake", "*"})
    EXPECT_EQ(t.ask("OPTIONS " + std::string(target) + " HTTP/1.1\r\nHost: t\r\n\r\n").status, 404) << target;
  EXPECT_EQ(t.ask("BREW /healthz HTTP/1.1\r\nHost: t\r\n\r\n").status, 501);
  EXPECT_EQ(t.ask("get /healthz HTTP/1.1\r\nHost: t\r\n\r\n").status, 501);
  EXPECT_EQ(t.ask(get("http://elsewhere/healthz?x")).status,
            200);  // Absolute form, and a query that nobody reads.
}

TEST(HttpRoutes, HeadIsGetWithoutTheBody) {
  TestDoor t;
  for (const char* path : {"/healthz", "/v1/limits", "/openapi.json", "/nowhere"}) {
    const auto whole = t.ask(get(path));
    const auto head = t.ask("HEAD " + std::string(path) + " HTTP/1.1\r\nHost: t\r\n\r\n");
    EXPECT_EQ(head.head, whole.head);
    EXPECT_EQ(head.body, "");
  }
}

TEST(HttpPages, ReadinessTellsThatTheStoreIsAway) {
  bool up = true;
  TestDoor t({.store_up = [&] { return up; }});
  EXPECT_EQ(t.ask(get("/readyz")).body, "ready\n");
  up = false;
  EXPECT_EQ(t.ask(get("/readyz")).status, 200);
  EXPECT_EQ(t.ask(get("/readyz")).body,
            "ready; the shared store is away, each limit's on_store_failure decides\n");
}

TEST(HttpPages, ReadinessFollowsTheServer) {
  bool ready = true;
  TestDoor t({.ready = [&] { return ready; }});
  EXPECT_EQ(t.ask(get("/readyz")).status, 200);
  ready = false;
  EXPECT_EQ(t.ask(get("/readyz")).status, 503);
  EXPECT_EQ(t.ask(get("/healthz")).status, 200);
}

TEST(HttpPages, Metrics) {
  TestDoor none;
  EXPECT_EQ(none.ask(get("/metrics")).status, 404);
  TestDoor t({.metrics = [] { return std::string("up 1\n"); }});
  const auto r = t.ask(get("/metrics"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, "up 1\n");
  EXPECT_EQ(r.field("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
}

TEST(HttpPages, LimitsInForce) {
  TestDoor t({}, {test_limit("a\"b", {"10/s burst 20", "1/100ms"}, policy::Mode::shadow)});
  EXPECT_EQ(
      t.ask(get("/v1/limits")).body,
      R"({"limits":[{"name":"a\"b","quotas":[)"
      R"({"quota":"10/s burst 20","policy":"a\"b","capacity":20,"tokens":10,"period":1},)"
      R"({"quota":"1/100ms","policy":"a\"b#1","capacity":1,"tokens":1,"period":0.1}],"unit":"requests","mode":"shadow"}]})");
  t.current.replace(std::make_shared<const policy::LimitSet>());
  EXPECT_EQ(t.ask(get("/v1/limits")).body, R"({"limits":[]})");
}

TEST(HttpPages, Explain) {
  TestDoor none;
  EXPECT_EQ(none.ask(get("/v1/explain?domain=d&entry=k=v")).status, 404);
  const policy::CurrentPolicies policies(policy::read_policies({{"f.yaml", R"(domain: d
descriptors:
  - {key: k, rate_limit: {unit: minute, requests_per_unit: 5, name: n}}
  - {key: l, value: a b, rate_limit: {unlimited: true, replaces: [{name: n}]}}
)"}})
                                             .set);
  TestDoor t({.policies = &policies});
  EXPECT_EQ(
      t.ask(get("/v1/explain?domain=d&entry=k=v%22%3D")).body,
      R"({"domain":"d","descriptors":[{"entries":[{"key":"k","value":"v\"=","match":"key alone","descriptor":"k"}],)"
      R"("verdict":"quota","reason":"","rule":{"full_name":"d.k","name":"n","file":"f.yaml","line":3,"version":"0c25ddc28702",)"
      R"("limit":"5/min","requests_per_unit":5,"unit":"minute","shadow_mode":false,)"
      R"("buckets":[{"family":"d.k","key":"k=v\"=","quota":"5/min"}]},"stat":"d.k"}]})");
  const auto two = t.ask(get("/v1/explain?entry=k=v&descriptor&entry=l=a+b&domain=d"));
  EXPECT_EQ(two.status, 200);
  EXPECT_NE(two.body.find(R"("verdict":"none","reason":"another rule of this request replaces \"n\"")"),
            std::string::npos)
      << two.body;
  EXPECT_NE(two.body.find(R"("verdict":"allow")"), std::string::npos);
  for (const char* query : {"", "?entry=k=v", "?domain=d&entry=k", "?domain=d&entry==v", "?domain=d&domain=d",
                            "?domain=%zz", "?domain=d&limit=x"})
    EXPECT_EQ(t.ask(get(std::string("/v1/explain") + query)).status, 400) << query;
}

}  // namespace
}  // namespace sluice::door::http
