// GET /v1/live: events, those who do not read them, how many may listen.
#include <gtest/gtest.h>

#include "access/testing.h"
#include "door/http/testing.h"

namespace sluice::door::http {
namespace {

using State = net::Session::State;
using std::chrono::seconds;

struct Live : ::testing::Test {
  std::string feed_session(TestDoor& t, std::string_view unsent = {}) {
    std::string out(unsent);
    t.session->feed({}, t.now, out);
    return out.substr(unsent.size());
  }
  void tick(TestDoor& t) {
    t.now += seconds(1);
    t.door.tell_live(t.now);
  }

  int made = 0;
  LiveFeed feed{[this] { return "{\"n\":" + std::to_string(++made) + "}"; }};
};

TEST_F(Live, TellsAtOnceAndThenEachSecond) {
  TestDoor t({.live = &feed}, {test_limit("api", {"10/s"})});
  const auto out = t.raw(get("/v1/live"));
  EXPECT_TRUE(out.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")) << out;
  EXPECT_TRUE(out.ends_with("\r\n\r\nretry: 2000\n\ndata: {\"n\":1}\n\n")) << out;
  EXPECT_TRUE(t.session->streaming());
  EXPECT_EQ(t.host.resumed, 0);
  tick(t);
  EXPECT_EQ(t.host.resumed, 1);
  EXPECT_EQ(feed_session(t), "data: {\"n\":2}\n\n");
  EXPECT_EQ(feed_session(t), "");
  EXPECT_EQ(t.raw(get("/healthz")), "");  // It has nothing more to ask.
  EXPECT_TRUE(t.unread.empty());
}

TEST_F(Live, ComesBehindWhatWasAskedBefore) {
  TestDoor t({.live = &feed}, {test_limit("api", {"10/s"})});
  const auto out =
      t.raw(post("/v1/take", R"({"limit":"api","key":"a"})") + get("/v1/live") + get("/healthz"));
  std::string_view in = out;
  EXPECT_EQ(read_response(in).status, 200);
  const auto events = read_response(in);
  EXPECT_EQ(events.field("Content-Type"), "text/event-stream");
  EXPECT_EQ(in, "retry: 2000\n\ndata: {\"n\":1}\n\n");
}

TEST_F(Live, WhoDoesNotReadIsToldNothingMoreAndThenSentAway) {
  TestDoor t({.live = &feed});
  t.raw(get("/v1/live"));
  for (int i = 1; i < kLiveMissedMax; ++i) {
    tick(t);
    ASSERT_EQ(feed_session(t, "not read"), "");
    ASSERT_EQ(t.session->state(), State::reading);
  }
  tick(t);
  EXPECT_EQ(feed_session(t), "data: {\"n\":11}\n\n");  // Has read, at last: totals, so nothing is lost.
  for (int i = 0; i < kLiveMissedMax; ++i) {
    ASSERT_EQ(t.session->state(), State::reading);
    tick(t);
    ASSERT_EQ(feed_session(t, "not read"), "");
  }
  EXPECT_EQ(t.session->state(), State::closing);
}

TEST_F(Live, PlacesAreBoundedAndGivenBack) {
  TestDoor t({.live = &feed});
  std::vector<std::unique_ptr<net::Session>> listeners;
  for (int i = 0; i < kLiveListenersMax; ++i) {
    t.reconnect();
    EXPECT_EQ(t.raw(get("/v1/live")).substr(0, 15), "HTTP/1.1 200 OK");
    listeners.push_back(std::move(t.session));
  }
  EXPECT_EQ(made, 1);  // One event for all that come within a second.
  t.reconnect();
  EXPECT_EQ(t.ask(get("/v1/live")).status, 503);
  listeners.pop_back();
  EXPECT_EQ(t.raw(get("/v1/live")).substr(0, 15), "HTTP/1.1 200 OK");
  listeners.clear();
  t.session.reset();
  EXPECT_EQ(feed.listeners, 0);
  tick(t);
  EXPECT_EQ(made, 1);  // Nobody listens: nothing is made.
}

TEST_F(Live, EndsWithTheServer) {
  TestDoor t({.live = &feed});
  t.raw(get("/v1/live"));
  std::string out;
  t.session->drain(out);
  EXPECT_EQ(out, "");
  EXPECT_EQ(t.session->state(), State::closing);
}

TEST_F(Live, EndsWithTheTokenThatLetItIn) {
  access::CurrentTokens current{access::test_tokens()};
  access::Denials denials;
  TestDoor t({.tokens = &current, .denials = &denials, .live = &feed});
  const std::string request = get("/v1/live", "Authorization: Bearer inspect\r\n");
  ASSERT_EQ(t.raw(request).substr(0, 15), "HTTP/1.1 200 OK");
  current.replace(access::test_tokens());  // Another file, the same token.
  tick(t);
  EXPECT_EQ(feed_session(t), "data: {\"n\":2}\n\n");
  auto others = access::test_tokens()->all();
  std::erase_if(others, [](const access::Token& token) { return token.name == "watch"; });
  current.replace(std::make_shared<const access::TokenSet>(others));
  tick(t);
  EXPECT_EQ(feed_session(t), "");
  EXPECT_EQ(t.session->state(), State::closing);
  EXPECT_EQ(denials.unauthenticated, 1u);
  t.reconnect();
  EXPECT_EQ(feed.listeners, 0);
  EXPECT_EQ(t.ask(request).status, 401);
}

TEST_F(Live, EndsThoughNothingIsReadOnceTheTokenHasGone) {
  access::CurrentTokens current{access::test_tokens()};
  TestDoor t({.tokens = &current, .live = &feed});
  t.raw(get("/v1/live", "Authorization: Bearer inspect\r\n"));
  current.replace(std::make_shared<const access::TokenSet>());
  tick(t);
  EXPECT_EQ(feed_session(t, "not read"), "");
  EXPECT_EQ(t.session->state(), State::closing);
}

TEST_F(Live, IsRefusedWhereItIsNotToBe) {
  TestDoor none;
  EXPECT_EQ(none.ask(get("/v1/live")).status, 404);
  TestDoor t({.live = &feed});
  EXPECT_EQ(t.ask(get("/v1/live", "Sec-Fetch-Site: cross-site\r\n")).status, 403);
  const auto head = t.raw("HEAD /v1/live HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_EQ(t.session->state(), State::closing);
  EXPECT_EQ(feed.listeners, 0);
}

}  // namespace
}  // namespace sluice::door::http
