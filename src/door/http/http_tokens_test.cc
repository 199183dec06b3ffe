// Tokens and their roles: who gets in, and what is said to those who do not.
#include <gtest/gtest.h>
#include <simdjson.h>

#include "access/testing.h"
#include "door/http/openapi.h"
#include "door/http/routes.h"
#include "door/http/testing.h"
#include "policy/policy_yaml.h"

namespace sluice::door::http {
namespace {

std::shared_ptr<const policy::PolicySet> two_domains() {
  return policy::read_policies(
             {{"a.yaml",
               "domain: shop\ndescriptors: [{key: a, rate_limit: {unit: hour, requests_per_unit: 5}}]\n"},
              {"b.yaml",
               "domain: other\ndescriptors: [{key: a, rate_limit: {unit: hour, requests_per_unit: 5}}]\n"}},
             {})
      .set;
}

struct Guarded {
  access::CurrentTokens current{access::test_tokens()};
  access::Denials denials;
  policy::CurrentPolicies policies{two_domains()};
  TestDoor door{{.policies = &policies,
                 .metrics = [] { return "# metrics\n"; },
                 .tokens = &current,
                 .denials = &denials},
                {test_limit("api", {"10/h"}), test_limit("other", {"10/h"})}};

  Response ask(const Route& route, std::string_view token) {
    const auto fields = token.empty() ? "" : "Authorization: Bearer " + std::string(token) + "\r\n";
    return door.ask(route.method == "GET" ? get(route.path, fields) : post(route.path, "{}", fields));
  }
  Response take(std::string_view body, std::string_view token, std::string_view path = "/v1/take") {
    return door.ask(post(path, body, "Authorization: Bearer " + std::string(token) + "\r\n"));
  }
};

TEST(HttpTokens, EachRouteAsksForItsRole) {
  Guarded g;
  const std::pair<std::string_view, access::Roles> all[] = {{"take", access::kTake},
                                                            {"inspect", access::kInspect},
                                                            {"change", access::kChange},
                                                            {"admin", access::kAdmin}};
  for (const Route& route : routes()) {
    const bool open = route.need.any_of.none();
    EXPECT_EQ(g.ask(route, "").status == 401, !open) << route.path;
    EXPECT_EQ(g.ask(route, "nobody").status == 401, !open) << route.path;
    for (const auto& [token, roles] : all) {
      const auto status = g.ask(route, token).status;
      const bool may = open || roles.any_of(route.need.any_of);
      EXPECT_EQ(status != 401 && status != 403, may) << route.path << " " << token << " " << status;
    }
  }
}

// openapi.json tells of each route what it asks for: the document's own, or the operation's.
TEST(HttpTokens, TheDocumentSaysWhichRole) {
  simdjson::dom::parser parser;
  const auto document = parser.parse(std::string(kOpenApi));
  const auto roles = [](simdjson::dom::element security) {
    access::Roles all;
    for (const auto one : security.get_array())
      for (const auto role : one["token"].get_array()) all = all | *access::role_of(std::string_view(role));
    return all;
  };
  for (const Route& route : routes()) {
    const auto operation =
        document["paths"].at_key(route.path).at_key(route.method == "GET" ? "get" : "post");
    simdjson::dom::element own;
    const bool has_own = operation["security"].get(own) == simdjson::SUCCESS;
    EXPECT_EQ(roles(has_own ? own : document["security"].value()), route.need.any_of) << route.path;
  }
}

TEST(HttpTokens, SaysWhatIsWrongAndWhatIsNeeded) {
  Guarded g;
  auto r = g.door.ask(get("/metrics"));
  EXPECT_EQ(r.status, 401);
  EXPECT_EQ(r.field("WWW-Authenticate"), "Bearer realm=\"sluice\"");
  EXPECT_EQ(
      r.body,
      R"({"type":"about:blank","title":"Unauthorized","status":401,"detail":"this server asks for a token; send Authorization: Bearer TOKEN"})");
  r = g.door.ask(get("/metrics", "Authorization: Bearer wrong\r\n"));
  EXPECT_EQ(r.status, 401);
  EXPECT_EQ(r.field("WWW-Authenticate"), "Bearer realm=\"sluice\", error=\"invalid_token\"");
  r = g.door.ask(get("/metrics", "Authorization: Bearer take\r\n"));
  EXPECT_EQ(r.status, 403);
  EXPECT_EQ(r.field("WWW-Authenticate"),
            "Bearer realm=\"sluice\", error=\"insufficient_scope\", scope=\"inspect\"");
  EXPECT_NE(r.body.find(R"(the token \"shop\" lacks the role inspect; it has take")"), std::string::npos)
      << r.body;
  r = g.door.ask(get("/metrics", "Authorization: Bearer admin\r\nauthorization: Bearer admin\r\n"));
  EXPECT_EQ(r.status, 401);
  r = g.door.ask(get("/nowhere"));
  EXPECT_EQ(r.status, 404);
  EXPECT_EQ(g.denials.unauthenticated, 3u);
  EXPECT_EQ(g.denials.forbidden, 1u);
}

// nginx takes a 403 of its auth_request for a refusal.
TEST(HttpTokens, AuthNeverTakesAWrongTokenForARefusal) {
  Guarded g;
  const auto ask = [&](std::string_view token, std::string_view limit) {
    return g.door
        .ask(get("/v1/auth?key=k&limit=" + std::string(limit),
                 "Authorization: Bearer " + std::string(token) + "\r\n"))
        .status;
  };
  EXPECT_EQ(ask("take", "api"), 204);
  EXPECT_EQ(ask("nobody", "api"), 401);
  EXPECT_EQ(ask("inspect", "api"), 401);
  EXPECT_EQ(ask("tenant", "api"), 204);
  EXPECT_EQ(ask("tenant", "other"), 401);
}

TEST(HttpTokens, ATokenForSomeLimitsAsksForNoOthers) {
  Guarded g;
  EXPECT_EQ(g.take(R"({"limit":"api","key":"k"})", "tenant").status, 200);
  for (const char* path : {"/v1/take", "/v1/peek", "/v1/refund", "/v1/reserve", "/v1/hold"})
    for (const char* limit : {"other", "nowhere"}) {
      const auto r = g.take(std::string(R"({"limit":")") + limit + R"(","key":"k"})", "tenant", path);
      EXPECT_EQ(r.status, 403) << path;
      EXPECT_NE(r.body.find("the token is not for this limit"), std::string::npos) << r.body;
    }
  const auto list = g.take(
      R"({"requests":[{"limit":"other","key":"k"},{"limit":"api","key":"k"},{"limit":"\u0061pi","key":"k"}]})",
      "tenant");
  EXPECT_EQ(list.status, 200);
  EXPECT_NE(list.body.find(R"("results":[{"type":"about:blank","title":"Forbidden","status":403)"),
            std::string::npos);
  EXPECT_NE(list.body.find(R"("remaining":7,)"), std::string::npos) << list.body;
  EXPECT_EQ(g.take(R"({"limit":"other","key":"k"})", "admin", "/v1/peek").body.find("\"remaining\":10,") ==
                std::string::npos,
            false);
  EXPECT_EQ(g.door.ask(get("/v1/limits", "Authorization: Bearer tenant\r\n")).status, 403);
}

TEST(HttpTokens, ATokenForSomeDomainsAsksForNoOthers) {
  Guarded g;
  const auto body = [](const char* domain) {
    return std::string(R"({"domain":")") + domain +
           R"(","descriptors":[{"entries":[{"key":"a","value":"1"}]}]})";
  };
  EXPECT_EQ(g.take(body("shop"), "tenant", "/json").status, 200);
  EXPECT_EQ(g.take(body("other"), "tenant", "/json").status, 403);
  EXPECT_EQ(g.take(body("other"), "take", "/json").status, 200);
  EXPECT_EQ(g.door.ask(get("/v1/explain?domain=shop&entry=a=1", "Authorization: Bearer tenant\r\n")).status,
            200);
  EXPECT_EQ(g.door.ask(get("/v1/explain?domain=other&entry=a=1", "Authorization: Bearer tenant\r\n")).status,
            403);
}

TEST(HttpTokens, AChangeHoldsForTheNextRequestOfAConnection) {
  Guarded g;
  const auto ask = [&] { return g.take(R"({"limit":"api","key":"k"})", "take").status; };
  EXPECT_EQ(ask(), 200);
  g.current.replace(std::make_shared<const access::TokenSet>());
  EXPECT_EQ(ask(), 401);
  g.current.replace(access::test_tokens());
  EXPECT_EQ(ask(), 200);
}

// One connection may carry many clients' requests, as a proxy's does.
TEST(HttpTokens, EachRequestOfAPipelineIsItsOwn) {
  Guarded g;
  const std::string body = R"({"limit":"api","key":"k"})";
  const auto one = [&](const char* token) {
    return post("/v1/take", body, std::string("Authorization: Bearer ") + token + "\r\n");
  };
  const std::string out =
      g.door.raw(one("take") + post("/v1/take", body) + one("inspect") + one("admin") + one("take"));
  std::string_view in = out;
  for (const int status : {200, 401, 403, 200, 200}) EXPECT_EQ(read_response(in).status, status);
  EXPECT_NE(out.find("\"remaining\":7,"), std::string::npos);
  EXPECT_EQ(out.find("\"remaining\":6,"), std::string::npos);
}

}  // namespace
}  // namespace sluice::door::http
