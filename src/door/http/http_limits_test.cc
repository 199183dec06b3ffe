// Decisions: what is answered under the named limits.
#include <gtest/gtest.h>

#include <map>

#include "door/http/testing.h"
#include "door/http/wish.h"

namespace sluice::door::http {
namespace {

using namespace std::chrono_literals;
using policy::Mode;

std::vector<policy::Limit> limits() {
  std::vector<policy::Limit> all = {test_limit("api", {"10/s burst 20", "100/h"}),
                                    test_limit("login", {"2/min burst 3"}), test_limit("odd", {"3/s"}),
                                    test_limit("dark", {"1/h"}, Mode::shadow),
                                    test_limit("upload", {"10MB/s burst 50MB"})};
  all.back().unit = "bytes";
  return all;
}

struct HttpLimits : testing::Test {
  TestDoor t{{}, limits()};
  std::string take(std::string_view body, int status = 200, std::string_view path = "/v1/take") {
    const auto r = t.ask(post(path, body));
    EXPECT_EQ(r.status, status) << body << "\n" << r.head << r.body;
    return r.body;
  }
};

TEST_F(HttpLimits, TakesAndRefuses) {
  auto r = t.ask(post("/v1/take", R"({"limit":"login","key":"ann","cost":2})"));
  EXPECT_EQ(r.head,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRateLimit-Policy: \"login\";q=3;w=90\r\n"
            "RateLimit: \"login\";r=1;t=60\r\nContent-Length: 132\r\n");
  EXPECT_EQ(
      r.body,
      R"({"allowed":true,"limit":"login","quota":"2/min burst 3","quota_index":0,"capacity":3,"remaining":1,)"
      R"("retry_after":0,"reset_after":60})");
  t.at(1ns);
  r = t.ask(post("/v1/take", R"({"limit":"login","key":"ann","cost":2})"));
  EXPECT_EQ(r.status, 429);
  EXPECT_EQ(r.field("Content-Type"), "application/problem+json");
  EXPECT_EQ(r.field("Retry-After"), "30");  // Rounded up.
  EXPECT_EQ(r.field("RateLimit"), "\"login\";r=1;t=30");
  EXPECT_EQ(
      r.body,
      R"({"type":"https://iana.org/assignments/http-problem-types#quota-exceeded",)"
      R"("title":"Request cannot be satisfied as assigned quota has been exceeded","status":429,)"
      R"("detail":"too few tokens are left; come again after retry_after seconds","violated-policies":["login"],)"
      R"("allowed":false,"limit":"login","quota":"2/min burst 3","quota_index":0,"capacity":3,"remaining":1,)"
      R"("retry_after":29.999999999,"reset_after":59.999999999})");
  EXPECT_EQ(t.ask(post("/v1/take", R"({"limit":"login","key":"bob"})")).status, 200);  // Another bucket.
}

TEST(HttpExplains, EachDecisionNamesItsVersionAndWhoDecided) {
  for (const bool shared : {false, true}) {
    HttpOptions options{.explain = true};
    if (shared) options.store_up = [] { return true; };
    TestDoor t(std::move(options));
    policy::LimitSet set(limits());
    set.set_source({"limits.yaml", "abc", 0});
    t.current.replace(std::make_shared<const policy::LimitSet>(std::move(set)));
    const std::string whence =
        R"(,"version":"ba7816bf8f01","store":")" + std::string(shared ? "shared" : "local") + "\"}";
    const std::string body = R"({"limit":"login","key":"ann","cost":3})";
    for (const char* path : {"/v1/peek", "/v1/take", "/v1/take", "/v1/reserve", "/v1/hold", "/v1/refund"}) {
      const auto r = t.ask(post(path, body));
      EXPECT_TRUE(r.body.ends_with(whence)) << path << r.body;
    }
    const auto list =
        t.ask(post("/v1/take", R"({"requests":[{"limit":"api","key":"a"},{"limit":"no","key":"a"}]})"));
    EXPECT_NE(list.body.find(whence + R"(,{"type":"about:blank")"), std::string::npos) << list.body;
    const auto auth = t.ask(get("/v1/auth?limit=api&key=a"));
    EXPECT_EQ(auth.field("X-Sluice-Version"), "ba7816bf8f01");
    EXPECT_EQ(auth.field("X-Sluice-Quota"), "10/s burst 20");
    EXPECT_EQ(auth.field("X-Sluice-Store"), shared ? "shared" : "local");
  }
}

TEST_F(HttpLimits, WaitingAsLongAsToldIsEnough) {
  take(R"({"limit":"odd","key":"k","cost":3})");
  EXPECT_NE(take(R"({"limit":"odd","key":"k"})", 429).find("\"retry_after\":0.333333334,"),
            std::string::npos);
  t.at(333'333'333ns);
  take(R"({"limit":"odd","key":"k"})", 429);
  t.at(333'333'334ns);
  take(R"({"limit":"odd","key":"k"})");
}

TEST_F(HttpLimits, WhatCanNeverPassHasNoRetryAfter) {
  const auto r = t.ask(post("/v1/take", R"({"limit":"login","key":"ann","cost":4})"));
  EXPECT_EQ(r.status, 429);
  EXPECT_EQ(r.field("Retry-After"), "");
  EXPECT_NE(r.body.find("\"retry_after\":null"), std::string::npos);
  EXPECT_NE(r.body.find("can never pass"), std::string::npos);
}

TEST_F(HttpLimits, SeveralQuotasStandOrFallTogether) {
  auto r = t.ask(post("/v1/take", R"({"limit":"api","key":"k"})"));
  EXPECT_EQ(r.field("RateLimit-Policy"), "\"api\";q=20;w=2, \"api#1\";q=100;w=3600");
  EXPECT_EQ(r.field("RateLimit"), "\"api\";r=19;t=1, \"api#1\";r=99;t=36");
  EXPECT_NE(r.body.find(R"("quota":"10/s burst 20","quota_index":0)"), std::string::npos);
  for (int i = 0; i < 9; ++i) {
    t.at(2s * (i + 1));
    take(R"({"limit":"api","key":"k","cost":11})", i < 9 ? 200 : 429);
  }
  t.at(20s);
  r = t.ask(post("/v1/take", R"({"limit":"api","key":"k","cost":11})"));  // The hour's quota is used up.
  EXPECT_EQ(r.status, 429);
  EXPECT_NE(r.body.find("\"violated-policies\":[\"api#1\"]"), std::string::npos) << r.body;
  EXPECT_NE(r.body.find(R"("quota":"100/h","quota_index":1,"capacity":100,"remaining":0)"), std::string::npos)
      << r.body;
  EXPECT_TRUE(r.field("RateLimit").starts_with("\"api\";r=20;t=0, \"api#1\";r=0;t=")) << r.head;
  EXPECT_TRUE(r.field("RateLimit").ends_with(";t=" + r.field("Retry-After"))) << r.head;
}

TEST_F(HttpLimits, PolicyTellsUnitsAndNoWindowThatIsNotWhole) {
  EXPECT_EQ(t.ask(post("/v1/take", R"({"limit":"upload","key":"k"})")).field("RateLimit-Policy"),
            "\"upload\";q=50000000;qu=\"content-bytes\";w=5");
  TestDoor other({}, {test_limit("half", {"2/s burst 3"}),
                      test_limit("vast", {"1000000000/s burst 9000000000000000000"})});
  EXPECT_EQ(other.ask(post("/v1/take", R"({"limit":"half","key":"k"})")).field("RateLimit-Policy"),
            "\"half\";q=3");
  const auto r = other.ask(post("/v1/take", R"({"limit":"vast","key":"k"})"));
  EXPECT_EQ(r.field("RateLimit-Policy"), "\"vast\";q=999999999999999;w=9000000000");
  EXPECT_EQ(r.field("RateLimit"), "\"vast\";r=999999999999999;t=1");  // 15 digits is what the format holds.
}

TEST_F(HttpLimits, ShadowAllowsAndSays) {
  EXPECT_EQ(take(R"({"limit":"dark","key":"k"})").find("shadow"), std::string::npos);
  const auto r = t.ask(post("/v1/take", R"({"limit":"dark","key":"k"})"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.field("Retry-After"), "");
  EXPECT_TRUE(r.body.starts_with("{\"allowed\":true,")) << r.body;
  EXPECT_TRUE(r.body.ends_with("\"shadow_refused\":true}")) << r.body;
}

TEST_F(HttpLimits, PartialTakesWhatIsThere) {
  EXPECT_TRUE(take(R"({"limit":"login","key":"k","cost":5,"partial":true})").ends_with("\"granted\":3}"));
  EXPECT_TRUE(
      take(R"({"limit":"login","key":"k","cost":5,"partial":true})", 429).ends_with("\"granted\":0}"));
}

TEST_F(HttpLimits, PeekRefundReset) {
  take(R"({"limit":"login","key":"k","cost":3})");
  auto r = t.ask(post("/v1/peek", R"({"limit":"login","key":"k"})"));
  EXPECT_EQ(r.status, 200);  // The question is answered.
  EXPECT_TRUE(r.body.starts_with("{\"allowed\":false,")) << r.body;
  EXPECT_EQ(r.field("Retry-After"), "");
  EXPECT_NE(take(R"({"limit":"login","key":"k","cost":2})", 200, "/v1/refund").find("\"remaining\":2"),
            std::string::npos);
  const auto once = take(R"({"limit":"login","key":"k","cost":1,"id":"r\u00311"})", 200, "/v1/refund");
  EXPECT_NE(once.find("\"remaining\":3"), std::string::npos) << once;
  EXPECT_NE(once.find("\"applied\":true"), std::string::npos) << once;
  take(R"({"limit":"login","key":"k","cost":2})");
  const auto again = take(R"({"limit":"login","key":"k","cost":1,"id":"r11"})", 200, "/v1/refund");
  EXPECT_NE(again.find("\"remaining\":1"), std::string::npos) << again;
  EXPECT_NE(again.find("\"applied\":false"), std::string::npos) << again;
  EXPECT_NE(
      take(R"({"limit":"login","key":"k","id":""})", 400, "/v1/refund").find("id: must be a string of 1"),
      std::string::npos);
  EXPECT_NE(take(R"({"limit":"login","key":"k"})", 200, "/v1/reset").find("\"remaining\":3"),
            std::string::npos);
}

TEST_F(HttpLimits, ReserveTellsTheWait) {
  take(R"({"limit":"login","key":"k","cost":3})");
  EXPECT_TRUE(take(R"({"limit":"login","key":"k","max_wait":30})", 200, "/v1/reserve")
                  .ends_with("\"due_after\":30}"));
  take(R"({"limit":"login","key":"k","max_wait":59.999999999})", 429, "/v1/reserve");
  EXPECT_TRUE(take(R"({"limit":"login","key":"k","max_wait":null})", 200, "/v1/reserve")
                  .ends_with("\"due_after\":60}"));
  EXPECT_TRUE(take(R"({"limit":"login","key":"k"})", 200, "/v1/reserve").ends_with("\"due_after\":90}"));
}

TEST_F(HttpLimits, AListIsDecidedInOrder) {
  const auto r =
      t.ask(post("/v1/take", R"({"requests":[{"limit":"login","key":"k","cost":2},{"limit":"no","key":"k"},
      {"limit":"login","key":"k","cost":2},{"key":"k","limit":"login"},{"limit":"login","key":"x","cost":9,"partial":true}]})"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.field("RateLimit"), "");
  std::string statuses;
  for (std::size_t at = 0; (at = r.body.find("\"status\":", at)) != std::string::npos; at += 9)
    statuses += r.body.substr(at + 9, 3) + " ";
  EXPECT_EQ(statuses, "200 404 429 200 200 ");
  EXPECT_TRUE(r.body.ends_with("\"granted\":3}]}")) << r.body;
}

TEST_F(HttpLimits, KeysAreOneHoweverTheyAreWritten) {
  take(R"({"limit":"login","key":"é/\n","cost":2})");
  EXPECT_NE(take(R"({"limit":"l\u006fgin","key":"\u00e9\/\u000A"})").find("\"remaining\":0"),
            std::string::npos);
  t.reconnect();
  const std::string body = "{\"limit\":\"login\",\"key\":\"\xC3\xA9/\\n\"}";
  ASSERT_EQ(body.size(), 31u);
  const auto r = t.ask("POST /v1/peek HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" +
                       body.substr(0, 5) + "\r\n1A\r\n" + body.substr(5) + "\r\n0\r\n\r\n");
  EXPECT_NE(r.body.find("\"remaining\":0"), std::string::npos) << r.head << r.body;
}

TEST_F(HttpLimits, WrongBodiesNameTheFieldAndTheMend) {
  const std::map<std::string, std::string> wrong = {
      {R"({"key":"k"})", "limit: is missing"},
      {R"({"limit":"api"})", "key: is missing"},
      {R"({})", "limit: is missing"},
      {R"([])", "the body must be a JSON object"},
      {R"(17)", "the body must be a JSON object"},
      {R"()", "the body is not JSON: at byte 0: a value is expected"},
      {R"({"limit":"api","key":"k")", "the body is not JSON: at byte 24: a comma or } is expected"},
      {R"({"limit":"api","key":"k"}x)", "the body is not JSON: at byte 25: there is more behind the value"},
      {R"({"limit":"api","key":})", "the body is not JSON: at byte 21: a value is expected"},
      {R"({"limit":7,"key":"k"})", "limit: must be the name of a limit"},
      {R"({"limit":"api","key":7})", "key: must be a string"},
      {R"({"limit":"api","key":null})", "key: must be a string"},
      {R"({"limit":"api","key":"k","cost":-1})", "cost: must be a whole number from 0"},
      {R"({"limit":"api","key":"k","cost":1.5})", "cost: must be a whole number from 0"},
      {R"({"limit":"api","key":"k","cost":9223372036854775808})", "cost: must be a whole number from 0"},
      {R"({"limit":"api","key":"k","cost":"1"})", "cost: must be a whole number from 0"},
      {R"({"limit":"api","key":"k","partial":1})", "partial: must be true or false"},
      {R"({"limit":"api","key":"k","max_wait":1})",
       "max_wait: is no field of this request; it has limit, key, cost, partial"},
      {R"({"limit":"api","key":"k","key":"l"})", "key: stands there twice"},
      {R"({"requests":[]})", "requests: must hold at least one request"},
      {R"({"requests":{}})", "requests: must be an array"},
      {R"({"requests":[7]})", "requests[0]: must be an object"},
      {R"({"requests":[{"limit":"api","key":"k"},{"limit":"api"}]})", "requests[1].key: is missing"},
      {R"({"requests":[{"limit":"api","key":"k","requests":[]}]})", "requests[0].requests: is no field"},
      {R"({"requests":[{"limit":"api","key":"k"}],"limit":"api"})", "requests: must stand alone"},
      {R"({"limit":"api","requests":[]})", "requests: must stand alone"},
  };
  for (const auto& [body, detail] : wrong) {
    const auto r = t.ask(post("/v1/take", body));
    EXPECT_EQ(r.status, 400) << body;
    EXPECT_NE(r.body.find("\"detail\":\"" + detail), std::string::npos) << body << "\n" << r.body;
  }
  EXPECT_NE(take(R"({"limit":"api","key":"k","max_wait":-1})", 400, "/v1/reserve")
                .find("max_wait: must be a number of seconds"),
            std::string::npos);
  take(R"({"limit":"none","key":"k"})", 404);
  EXPECT_NE(take(R"({"limit":"api","key":"k"})").find("\"remaining\":19"),
            std::string::npos);  // Nothing was taken so far.
}

TEST_F(HttpLimits, AListIsBounded) {
  const auto list = [](int n) {
    std::string body("{\"requests\":[");
    for (int i = 0; i < n; ++i)
      body += (i > 0 ? "," : "") + std::string(R"({"limit":"login","key":")") + std::to_string(i) + "\"}";
    return body + "]}";
  };
  take(list(1000));
  EXPECT_NE(take(list(1001), 400).find("requests: must hold at most 1000 requests"), std::string::npos);
}

TEST_F(HttpLimits, AuthAnswersNginx) {
  auto r = t.ask(get("/v1/auth?limit=login&key=a%20b&cost=2"));
  EXPECT_EQ(r.status, 204);
  EXPECT_EQ(
      r.head,
      "HTTP/1.1 204 No Content\r\nRateLimit-Policy: \"login\";q=3;w=90\r\nRateLimit: \"login\";r=1;t=60\r\n"
      "X-Sluice-Outcome: allowed\r\n");
  r = t.ask(get("/v1/auth?cost=2&key=a+b", "X-Sluice-Limit: login\r\n"));
  EXPECT_EQ(r.status, 403);
  EXPECT_EQ(r.field("Retry-After"), "30");
  EXPECT_EQ(r.field("X-Sluice-Outcome"), "refused");
  EXPECT_EQ(r.body, "");
  EXPECT_EQ(
      t.ask(get("/v1/auth", "X-Sluice-Limit: login\r\nx-sluice-key: a b\r\nX-Sluice-Cost: 1\r\n")).status,
      204);
  EXPECT_EQ(t.ask(get("/v1/auth?limit=login&key=k&cost=9")).field("X-Sluice-Outcome"), "never");
  t.ask(get("/v1/auth?limit=dark&key=k"));
  r = t.ask(get("/v1/auth?limit=dark&key=k"));
  EXPECT_EQ(r.status, 204);
  EXPECT_EQ(r.field("X-Sluice-Outcome"), "shadow-refused");
}

TEST_F(HttpLimits, AuthTakesEachParameterOnce) {
  const std::map<std::string, std::string> wrong = {
      {"/v1/auth", "limit: is missing"},
      {"/v1/auth?limit=login", "key: is missing"},
      {"/v1/auth?limit=login&key=k&key=l", "key: stands there twice"},
      {"/v1/auth?limit=login&key=%zz", "key: % must be followed"},
      {"/v1/auth?limit=login&key=k&cost=x", "cost: must be"},
      {"/v1/auth?limit=login&key=k&cost=-1", "cost: must be"},
      {"/v1/auth?limit=login&key=k&other=1", "other: is no parameter"},
  };
  for (const auto& [target, detail] : wrong) {
    const auto r = t.ask(get(target));
    EXPECT_EQ(r.status, 400) << target;
    EXPECT_NE(r.body.find("\"detail\":\"" + detail), std::string::npos) << r.body;
  }
  EXPECT_EQ(t.ask(get("/v1/auth?limit=login&key=k", "X-Sluice-Key: l\r\n")).status, 400);
  EXPECT_EQ(t.ask(get("/v1/auth?limit=none&key=k")).status, 404);
}

TEST_F(HttpLimits, ForeignPagesTakeNothing) {
  const std::string body = R"({"limit":"login","key":"x"})";
  for (const char* field : {"Origin: http://evil\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n",
                            "Sec-Fetch-Site: same-site\r\n"}) {
    EXPECT_EQ(t.ask(post("/v1/take", body, field)).status, 403) << field;
  }
  for (const char* field :
       {"Origin: http://t\r\n", "Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n"})
    EXPECT_EQ(t.ask(post("/v1/take", body, field)).status, 200) << field;
}

TEST_F(HttpLimits, TheBodyMustBeJson) {
  const auto with = [&](const char* type) {
    return t
        .ask("POST /v1/peek HTTP/1.1\r\nHost: t\r\nContent-Length: 27\r\n" + std::string(type) +
             "\r\n"
             R"({"limit":"login","key":"k"})")
        .status;
  };
  EXPECT_EQ(with(""), 200);
  EXPECT_EQ(with("Content-Type: Application/JSON ; charset=utf-8\r\n"), 200);
  EXPECT_EQ(with("Content-Type: application/x-www-form-urlencoded\r\n"), 200);
  EXPECT_EQ(with("Content-Type: text/plain\r\n"), 415);
  EXPECT_EQ(t.ask("POST /v1/take HTTP/1.1\r\nHost: t\r\n\r\n").status, 411);
}

TEST(HttpSeconds, AreExact) {
  const auto ns = [](std::string_view text) { return read_seconds(text).value_or(Duration(-1)).count(); };
  EXPECT_EQ(ns("0"), 0);
  EXPECT_EQ(ns("-0.0e9"), 0);
  EXPECT_EQ(ns("1"), 1'000'000'000);
  EXPECT_EQ(ns("1.5"), 1'500'000'000);
  EXPECT_EQ(ns("0.30000000000000004"), 300'000'000);
  EXPECT_EQ(ns("1e-9"), 1);
  EXPECT_EQ(ns("9e-10"), 0);
  EXPECT_EQ(ns("12.5e+2"), 1'250'000'000'000);
  EXPECT_EQ(ns("1250.75E-2"), 12'507'500'000);
  EXPECT_EQ(ns("9223372036.854775806"), INT64_MAX - 1);
  EXPECT_EQ(ns("9223372036.854775808"), INT64_MAX);
  EXPECT_EQ(ns("1e999999999999999999999"), INT64_MAX);
  EXPECT_EQ(ns("1e-999999999999999999999"), 0);
  EXPECT_EQ(ns("1e300"), INT64_MAX);
  EXPECT_EQ(ns("-1"), -1);
  EXPECT_EQ(ns("-1e-30"), -1);
}

struct Counted final : observe::Decisions {
  void decided(std::string_view limit, Outcome outcome, std::uint64_t n) override {
    said +=
        std::string(limit) + "/" + std::to_string(static_cast<int>(outcome)) + "=" + std::to_string(n) + " ";
  }
  std::string said;
};

TEST(HttpCounts, DecisionsAreReportedOnceABatch) {
  Counted counted;
  TestDoor t({}, limits(), nullptr, &counted);
  const auto login = [](int cost) {
    return post("/v1/take", R"({"limit":"login","key":"k","cost":)" + std::to_string(cost) + "}");
  };
  t.raw(login(1) + login(2) + login(1) + login(0) + login(9) +
        post("/v1/peek", R"({"limit":"login","key":"k"})") +
        post("/v1/refund", R"({"limit":"login","key":"k"})") + get("/v1/auth?limit=dark&key=k") +
        get("/v1/auth?limit=dark&key=k"));
  EXPECT_EQ(counted.said, "login/0=2 login/1=1 login/2=1 dark/0=1 dark/1=1 ");
  EXPECT_EQ(t.door.requests(), 9u);
}

}  // namespace
}  // namespace sluice::door::http
