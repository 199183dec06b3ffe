// POST /v1/reload and /v1/log-level, and pages that come later: GET /v1/history.
#include <gtest/gtest.h>

#include "door/http/testing.h"

namespace sluice::door::http {
namespace {

std::string post_only(std::string_view target, std::string_view fields = {}) {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: t\r\n" + std::string(fields) + "\r\n";
}

TEST(HttpReload, SaysWhetherAllWasTakenOver) {
  bool good = true;
  int asked = 0;
  TestDoor t({.reload = [&](const std::function<void(bool)>& told) {
    ++asked;
    told(good);
  }});
  auto r = t.ask(post_only("/v1/reload"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, R"({"reloaded":true})");
  EXPECT_EQ(t.ask(post("/v1/reload", "")).status, 200);
  good = false;
  r = t.ask(post_only("/v1/reload"));
  EXPECT_EQ(r.status, 409);
  EXPECT_NE(r.body.find("the log names the place"), std::string::npos);
  EXPECT_EQ(t.ask(post_only("/v1/reload", "Sec-Fetch-Site: cross-site\r\n")).status, 403);
  EXPECT_EQ(t.ask(post_only("/v1/reload?now=1")).status, 400);
  EXPECT_EQ(asked, 3);
  TestDoor none;
  EXPECT_EQ(none.ask(post_only("/v1/reload")).status, 404);
}

TEST(HttpLogLevel, IsChangedByName) {
  std::string level = "info";
  TestDoor t({.log_level = [&](std::string_view to) {
    return to == "debug" ? std::exchange(level, "debug") : std::string();
  }});
  EXPECT_EQ(t.ask(post_only("/v1/log-level?level=debug")).body, R"({"level":"debug","was":"info"})");
  EXPECT_EQ(level, "debug");
  EXPECT_EQ(t.ask(post_only("/v1/log-level?level=\"")).status, 400);
  EXPECT_EQ(t.ask(post_only("/v1/log-level")).status, 400);
  EXPECT_EQ(t.ask(post_only("/v1/log-level?level=debug", "Origin: http://elsewhere\r\n")).status, 403);
}

/// A history that answers when it is told to.
struct LateHistory : testing::Test {
  std::vector<std::pair<observe::HistoryQuery, HttpOptions::HistoryTold>> asked;
  bool room = true;
  TestDoor t{{.history =
                  [this](observe::HistoryQuery q, HttpOptions::HistoryTold told) {
                    if (room) asked.emplace_back(std::move(q), std::move(told));
                    return room;
                  }},
             {test_limit("api", {"1/h"})}};
  const std::string query = get("/v1/history?from=1&to=2");
  const std::string take = post("/v1/take", R"({"limit":"api","key":"a"})");
};

TEST_F(LateHistory, TheOthersOfTheConnectionKeepTheirOrder) {
  EXPECT_EQ(t.raw(take + query + take + get("/healthz") + query), "");  // All waits for the first page,
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].first.from, 1);
  asked[1].second(Error{Code::out_of_range, "too many"});
  EXPECT_EQ(t.host.resumed, 0);
  asked[0].second(std::string("{}"));
  EXPECT_EQ(t.host.resumed, 1);
  const auto out = t.raw("");
  std::string_view in = out;
  EXPECT_EQ(read_response(in).status, 200);
  EXPECT_EQ(read_response(in).body, "{}");
  EXPECT_EQ(read_response(in).status, 429);
  EXPECT_EQ(read_response(in).body, "ok\n");
  EXPECT_EQ(read_response(in).status, 400);
  EXPECT_EQ(t.ask(get("/healthz")).status, 200);  // And the connection goes on.
}

TEST_F(LateHistory, OthersAreNotHeldUp) {
  EXPECT_EQ(t.raw(query), "");
  const auto other = t.door.session(t.host, "peer");
  std::string out;
  other->feed(take, t.now, out);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 200"));
}

TEST_F(LateHistory, AClientThatGoesHarmsNobody) {
  EXPECT_EQ(t.raw(query), "");
  t.reconnect();
  asked[0].second(std::string("{}"));
  EXPECT_EQ(t.host.resumed, 0);
  EXPECT_EQ(t.ask(take).status, 200);
}

TEST_F(LateHistory, NoRoomIsSaidAtOnce) {
  room = false;
  const auto r = t.ask(query);
  EXPECT_EQ(r.status, 503);
  EXPECT_EQ(r.field("Retry-After"), "1");
  EXPECT_EQ(t.ask(take).status, 200);
}

}  // namespace
}  // namespace sluice::door::http
