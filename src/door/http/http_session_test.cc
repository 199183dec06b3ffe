// The session: order, cuts, waiting, the end of a connection.
#include <gtest/gtest.h>

#include "door/http/testing.h"

namespace sluice::door::http {
namespace {

using State = net::Session::State;

std::vector<policy::Limit> limits() {
  return {test_limit("login", {"2/min burst 3"}), test_limit("api", {"10/s", "100/h"})};
}

std::string take(std::string_view key, std::string_view limit = "login") {
  return post("/v1/take",
              std::string("{\"limit\":\"").append(limit).append("\",\"key\":\"").append(key).append("\"}"));
}

/// What the tests send again and again: every form of answer.
std::string mixed() {
  return take("a") + get("/healthz") + take("a") +
         post("/v1/take", R"({"requests":[{"limit":"api","key":"b"},{"limit":"no","key":"b"}]})") + "\r\n" +
         take("a") + take("\\u0061") + get("/nowhere") + post("/v1/take", "{") +
         get("/v1/auth?limit=api&key=b") +
         "POST /v1/take HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: "
         "chunked\r\n\r\n1c\r\n{\"limit\":\"login\",\"key\":\"a!\"}\r\n0\r\n\r\n" +
         take("c") + "HEAD /healthz HTTP/1.1\r\nHost: t\r\n\r\n" +
         "POST /v1/reset HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: "
         "27\r\n\r\n{\"limit\":\"login\",\"key\":\"a\"}" +
         take("a");
}

TEST(HttpSession, AnswersInOrderHoweverTheBytesAreCut) {
  const std::string bytes = mixed();
  const std::string whole = TestDoor({}, limits()).raw(bytes);
  std::string statuses;
  for (std::size_t at = 0; (at = whole.find("HTTP/1.1 ", at)) != std::string::npos; at += 9)
    statuses += whole.substr(at + 9, 3) + " ";
  EXPECT_EQ(statuses, "200 200 200 200 200 429 404 400 204 200 200 200 100 200 200 ");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    TestDoor t({}, limits());
    std::string out = t.raw(bytes.substr(0, cut));
    out += t.raw(bytes.substr(cut));
    ASSERT_EQ(out, whole) << "cut at " << cut;
  }
  TestDoor t({}, limits());
  std::string out;
  for (const char c : bytes) out += t.raw({&c, 1});
  EXPECT_EQ(out, whole);
}

TEST(HttpSession, ErrorsOfTheProtocolAreTheLastWord) {
  struct Case {
    std::string bytes;
    int status;
  };
  const Case cases[] = {{"\x16\x03\x01", 400},
                        {"GET / HTTP/1.1\r\n\r\n", 400},
                        {"GET / HTTP/3.0\r\n\r\n", 505},
                        {"GET /" + std::string(9000, 'x'), 414},
                        {"GET / HTTP/1.1\r\nA: " + std::string(33000, 'x'), 431},
                        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 300000\r\n\r\n", 413},
                        {"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
                        {"POST / HTTP/1.1\r\nHost: t\r\nExpect: tea\r\n\r\n", 417}};
  for (const auto& c : cases) {
    TestDoor t({}, limits());
    const auto out = t.raw(get("/healthz") + c.bytes + get("/healthz"));
    std::string_view in = out;
    EXPECT_EQ(read_response(in).status, 200);
    const auto r = read_response(in);
    EXPECT_EQ(r.status, c.status);
    EXPECT_EQ(r.field("Connection"), "close");
    EXPECT_EQ(r.field("Content-Type"), "application/problem+json");
    EXPECT_TRUE(in.empty()) << in;
    EXPECT_EQ(t.session->state(), State::closing);
    EXPECT_EQ(t.raw("more"), "");
  }
}

TEST(HttpSession, ClosesWhenAsked) {
  for (const std::string& request :
       {get("/healthz", "Connection: close\r\n"), std::string("GET /healthz HTTP/1.0\r\n\r\n"),
        post("/v1/take", R"({"limit":"login","key":"a"})", "Connection: close\r\n"),
        get("/v1/auth?limit=login&key=k", "Connection: close\r\n"),
        get("/nowhere", "Connection: close\r\n")}) {
    TestDoor t({}, limits());
    const auto r = t.ask(request + get("/healthz"));  // What comes behind is not read.
    EXPECT_EQ(r.field("Connection"), "close") << r.head;
    EXPECT_EQ(t.session->state(), State::closing);
  }
  TestDoor t({}, limits());
  EXPECT_EQ(t.ask(get("/healthz")).field("Connection"), "");
  EXPECT_EQ(t.session->state(), State::reading);
}

TEST(HttpSession, DrainAnswersWhatWasBegun) {
  TestDoor idle({}, limits());
  idle.ask(get("/healthz"));
  std::string out;
  idle.session->drain(out);
  EXPECT_EQ(out, "");
  EXPECT_EQ(idle.session->state(), State::closing);

  TestDoor begun({}, limits());
  begun.raw("GET /healthz HT");
  begun.session->drain(out);
  std::string_view in = out;
  const auto r = read_response(in);
  EXPECT_EQ(r.status, 503);
  EXPECT_EQ(r.field("Connection"), "close");
}

TEST(HttpSession, ExpiryIsToldToWhoHasBegun) {
  TestDoor idle({}, limits());
  std::string out;
  idle.session->expire(net::Expiry::idle, out);
  EXPECT_EQ(out, "");
  EXPECT_EQ(idle.session->state(), State::closing);
  TestDoor begun({}, limits());
  begun.raw("GET /healthz HT");
  begun.session->expire(net::Expiry::partial, out);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 408 ")) << out;
  EXPECT_EQ(begun.session->state(), State::closing);
}

TEST(HttpSession, PausesWhileOutputWaits) {
  HttpOptions options;
  options.output_bytes_max = 1000;
  TestDoor t(options, limits());
  std::string request;
  for (int i = 0; i < 100; ++i) request += get("/v1/limits");
  std::string out = t.raw(request);
  EXPECT_GE(out.size(), 1000u);
  EXPECT_LT(out.size(), 2000u);
  EXPECT_FALSE(t.unread.empty());
  while (!t.unread.empty()) out += t.raw("");
  std::string_view in = out;
  int answers = 0;
  while (read_response(in).status == 200) ++answers;
  EXPECT_EQ(answers, 100);
}

TEST(HttpSession, RefusalIsAWholeResponse) {
  TestDoor t;
  std::string_view in = t.door.refusal();
  const auto r = read_response(in);
  EXPECT_EQ(r.status, 503);
  EXPECT_TRUE(r.body.ends_with("}")) << r.body;
  EXPECT_TRUE(in.empty()) << in;
}

/// Decides by a local store, but only when told to.
struct LateStore final : store::Store {
  void decide(store::Batch& batch, store::Completion& done) override { waiting.emplace_back(&batch, &done); }
  void answer() {
    auto [batch, done] = waiting.front();
    waiting.erase(waiting.begin());
    struct Nobody final : store::Completion {
      void decided() override {}
    } nobody;
    local.decide(*batch, nobody);
    done->decided();
  }
  store::LocalStore local{{.max_keys = 1024, .seed = 1}};
  std::vector<std::pair<store::Batch*, store::Completion*>> waiting;
};

TEST(HttpSession, WaitsForALateStore) {
  const std::string bytes = mixed();
  const std::string whole = TestDoor({}, limits()).raw(bytes);
  LateStore late;
  TestDoor t({}, limits(), &late);
  std::string out = t.raw(bytes);
  int rounds = 0;
  while (t.session->state() == State::waiting) {
    EXPECT_EQ(t.raw(""), "");  // Nothing before the decision.
    late.answer();
    EXPECT_EQ(t.host.resumed, ++rounds);
    out += t.raw("");
  }
  EXPECT_GT(rounds, 0);
  EXPECT_EQ(out, whole);
}

TEST(HttpSession, ADrainWhileWaitingClosesBehindTheAnswer) {
  LateStore late;
  TestDoor t({}, limits(), &late);
  EXPECT_EQ(t.raw(take("a")), "");
  std::string out;
  t.session->drain(out);
  EXPECT_EQ(out, "");
  EXPECT_EQ(t.session->state(), State::waiting);
  t.session->expire(net::Expiry::idle, out);  // The store is late, not the peer.
  EXPECT_EQ(t.session->state(), State::waiting);
  late.answer();
  const auto r = t.ask("");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.field("Connection"), "close");
  EXPECT_EQ(t.session->state(), State::closing);
}

TEST(HttpSession, ABatchOutlivesItsConnection) {
  LateStore late;
  TestDoor t({}, limits(), &late);
  t.raw(take("a"));
  t.session.reset();
  late.answer();  // Into the batch, which the door has kept.
  EXPECT_EQ(t.host.resumed, 0);
  t.reconnect();
  t.raw(take("a"));
  late.answer();
  t.session.reset();  // Decided, but gone before it was fed.
}

TEST(HttpSession, KeepsTheLimitsItAskedUnder) {
  LateStore late;
  TestDoor t({}, limits(), &late);
  t.raw(take("a"));
  t.current.replace(std::make_shared<const policy::LimitSet>());
  late.answer();
  EXPECT_NE(t.raw("").find("\"limit\":\"login\""), std::string::npos);
  EXPECT_EQ(t.ask(take("a")).status, 404);
}

TEST(HttpOverload, WhatAsksForTokensIsShedAndNothingElse) {
  TestDoor t({}, limits());
  t.host.sheds = true;
  for (const auto& request :
       {take("k"), post("/v1/peek", R"({"limit":"api","key":"k"})"), post("/v1/reserve", "{}"),
        post("/v1/hold", "{}"), get("/v1/auth?limit=api&key=k"), post("/json", "{}")}) {
    const auto r = t.ask(request);
    EXPECT_EQ(r.status, 503) << request;
    EXPECT_EQ(r.field("Retry-After"), "1");
    EXPECT_EQ(r.field("Content-Type"), "application/problem+json");
    EXPECT_NE(r.body.find("this server is overloaded"), std::string::npos) << r.body;
    EXPECT_NE(r.field("Connection"), "close") << "the connection is good, and a new one would cost more";
  }
  EXPECT_EQ(t.door.shed(), 6U);
  for (const auto* page : {"/healthz", "/readyz", "/v1/limits", "/openapi.json"})
    EXPECT_EQ(t.ask(get(page)).status, 200) << page;
  EXPECT_EQ(t.ask(post("/v1/refund", R"({"limit":"api","key":"k"})")).status, 200) << "lessens the load";
  t.host.sheds = false;
  EXPECT_EQ(t.ask(take("k")).status, 200);
  EXPECT_EQ(t.door.shed(), 6U);
}

TEST(HttpOverload, ALongPageEndsTheTurn) {
  TestDoor t({.metrics = [] { return std::string(20'000, 'm'); }}, limits());
  std::string in;
  for (int i = 0; i < 5; ++i) in += get("/metrics");
  std::size_t turns = 0;
  std::string_view rest = in;
  do {
    std::string out;
    rest.remove_prefix(t.session->feed(rest, t.now, out));
    EXPECT_LT(out.size(), 21'000U);
    ++turns;
  } while (t.session->more());
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(turns, 5U);
}

TEST(HttpOverload, WhoseRequestFindsNoRoomIsTold) {
  TestDoor t;
  std::string out = t.raw("POST /v1/take HTTP/1.1\r\n");
  t.session->expire(net::Expiry::memory, out);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 503 ")) << out;
  EXPECT_NE(out.find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_EQ(t.session->state(), State::closing);
}

}  // namespace
}  // namespace sluice::door::http
