#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "door/resp/testing.h"

namespace sluice::door {
namespace {

using State = net::Session::State;

// A store that answers when told to, from a local one beneath.
class LateStore final : public store::Store {
 public:
  void decide(store::Batch& batch, store::Completion& done) override { held_.push_back({&batch, &done}); }
  std::size_t held() const { return held_.size(); }
  std::size_t asks() const { return held_.front().batch->asks.size(); }
  void answer() {
    const auto [batch, done] = held_.front();
    held_.pop_front();
    local_.decide(*batch, *done);
  }

 private:
  struct Held {
    store::Batch* batch;
    store::Completion* done;
  };
  store::LocalStore local_{{}};
  std::deque<Held> held_;
};

TEST(LateStore, TheSessionWaitsAndKeepsItsPlace) {
  LateStore late;
  TestDoor t({}, {}, &late);
  const std::string in = "PING\r\nCL.THROTTLE k 1 1 1\r\nPING\r\nCL.THROTTLE k 1 1 1\r\nCL.THR";
  std::string out;
  EXPECT_EQ(t.session->feed(in, t.now, out),
            0U);                // One batch, its PING among it, and nothing consumed of it.
  EXPECT_EQ(out, "+PONG\r\n");  // Said already: nothing before it had to wait.
  EXPECT_EQ(t.session->state(), State::waiting);
  EXPECT_EQ(late.asks(), 2U);
  EXPECT_EQ(t.session->feed(in, t.now, out), 0U);  // Too early: nothing happens.
  EXPECT_EQ(t.host.resumed, 0);

  late.answer();
  EXPECT_EQ(t.host.resumed, 1);
  out.clear();
  EXPECT_EQ(t.session->feed(in, t.now, out), in.size() - 6);
  EXPECT_EQ(out, "*5\r\n:0\r\n:2\r\n:1\r\n:-1\r\n:1\r\n+PONG\r\n*5\r\n:0\r\n:2\r\n:0\r\n:-1\r\n:2\r\n");
  EXPECT_EQ(t.session->state(), State::reading);
  EXPECT_EQ(t.raw(in.substr(in.size() - 6)).size(), 0U);
  EXPECT_EQ(t.ask("OTTLE k 1 1 1 0"), "<silence>");
  late.answer();
  EXPECT_EQ(t.raw(""), "*5\r\n:0\r\n:2\r\n:0\r\n:-1\r\n:2\r\n");
}

TEST(LateStore, QuitBehindAnAskComesLast) {
  LateStore late;
  TestDoor t({}, {}, &late);
  EXPECT_EQ(t.raw("CL.THROTTLE k 1 1 1\r\nQUIT\r\nPING\r\n"), "");
  EXPECT_EQ(t.session->state(), State::waiting);
  late.answer();
  EXPECT_EQ(t.raw(""), "*5\r\n:0\r\n:2\r\n:1\r\n:-1\r\n:1\r\n+OK\r\n");
  EXPECT_EQ(t.session->state(), State::closing);
}

TEST(LateStore, DrainAnswersWhatWasBegun) {
  LateStore late;
  TestDoor t({}, {}, &late);
  t.raw("CL.THROTTLE k 1 1 1\r\n");
  std::string out;
  t.session->drain(out);
  t.session->expire(net::Expiry::idle, out);
  EXPECT_EQ(t.session->state(), State::waiting);
  late.answer();
  EXPECT_EQ(t.raw("PING\r\n"), "*5\r\n:0\r\n:2\r\n:1\r\n:-1\r\n:1\r\n");
  EXPECT_EQ(t.session->state(), State::closing);
}

// Several connections of one door wait at once, each with its own batch, and are answered in any order.
TEST(LateStore, ManyWaitAtOnce) {
  LateStore late;
  TestDoor t({}, {}, &late);
  auto other = t.door.session(t.host, "192.0.2.8:1");
  const std::string in = "CL.THROTTLE k 1 1 1\r\n";
  std::string a;
  std::string b;
  t.session->feed(in, t.now, a);
  other->feed(in, t.now, b);
  EXPECT_EQ(late.held(), 2U);
  late.answer();
  late.answer();
  EXPECT_EQ(other->feed(in, t.now, b), in.size());
  EXPECT_EQ(t.session->feed(in, t.now, a), in.size());
  EXPECT_EQ(a, "*5\r\n:0\r\n:2\r\n:1\r\n:-1\r\n:1\r\n");
  EXPECT_EQ(b, "*5\r\n:0\r\n:2\r\n:0\r\n:-1\r\n:2\r\n");
}

TEST(LateStore, AConnectionMayGoAwayMeanwhile) {
  LateStore late;
  TestDoor t({}, {}, &late);
  const std::string in = "CL.THROTTLE k 1 1 1\r\n";
  std::string out;
  auto other = t.door.session(t.host, "192.0.2.8:1");
  other->feed(in, t.now, out);
  other.reset();
  late.answer();
  EXPECT_EQ(t.host.resumed, 0);
}

TEST(Session, OutputIsBounded) {
  TestDoor t({.output_bytes_max = 100});
  std::string pipeline;
  for (int i = 0; i < 100; ++i) pipeline += "PING\r\n";
  EXPECT_EQ(t.raw(pipeline).size(), 105U);  // 15 of them; the limit is looked at between requests.
  std::size_t rounds = 1;
  std::size_t bytes = 105;
  for (std::string out; !(out = t.raw("")).empty(); ++rounds) bytes += out.size();
  EXPECT_EQ(bytes, 700U);
  EXPECT_EQ(rounds, 7U);
  std::string full(100, 'x');
  EXPECT_EQ(t.session->feed("PING\r\n", t.now, full), 0U);
}

TEST(Session, HostileBytesCloseAndNothingBehindThemIsRead) {
  TestDoor t;
  EXPECT_EQ(t.raw("PING\r\n*1\r\n:1\r\nPING\r\n"), "+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n");
  EXPECT_EQ(t.session->state(), State::closing);
  EXPECT_EQ(t.raw("PING\r\n"), "");

  TestDoor ask;  // The error takes its turn behind the decisions.
  EXPECT_EQ(ask.raw("CL.THROTTLE k 1 1 1\r\n*x\r\n"),
            "*5\r\n:0\r\n:2\r\n:1\r\n:-1\r\n:1\r\n-ERR Protocol error: invalid multibulk length\r\n");

  for (const auto* http : {"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "Host: x\r\nPING\r\n"}) {
    TestDoor page;
    EXPECT_EQ(page.raw(http), "");
    EXPECT_EQ(page.session->state(), State::closing);
  }
}

TEST(Session, Expiry) {
  TestDoor idle;
  std::string out;
  idle.session->expire(net::Expiry::idle, out);
  EXPECT_EQ(out, "");
  EXPECT_EQ(idle.session->state(), State::closing);
  TestDoor partial;
  partial.raw("*1\r\n$4");
  partial.session->expire(net::Expiry::partial, out);
  EXPECT_EQ(out, "-ERR Protocol error: the request was not finished in time\r\n");
  EXPECT_EQ(partial.session->state(), State::closing);
  TestDoor drained;
  out.clear();
  drained.session->drain(out);
  EXPECT_EQ(out, "");
  EXPECT_EQ(drained.session->state(), State::closing);
}

TEST(Session, BinaryKeysAreKeys) {
  TestDoor t;
  const auto ask = [&](std::string key) {
    return t.raw(bulk_request({"CL.THROTTLE", std::move(key), "0", "1", "60"}));
  };
  const std::string allowed = "*5\r\n:0\r\n:1\r\n:0\r\n:-1\r\n:60\r\n";
  const std::string limited = "*5\r\n:1\r\n:1\r\n:0\r\n:60\r\n:60\r\n";
  std::string every;
  for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
  for (const auto& key :
       {every, std::string(), std::string("a\0b", 3), std::string("a\0c", 3), std::string("\r\n*1")}) {
    EXPECT_EQ(ask(key), allowed);
    EXPECT_EQ(ask(key), limited);
  }
}

// An inline key with quotes is decoded into the parser's own buffer, which the next request overwrites.
TEST(Session, QuotedKeysInAPipeline) {
  TestDoor t;
  EXPECT_EQ(t.raw("CL.THROTTLE \"a\\x01\" 0 1 60\r\nCL.THROTTLE \"b\\x01\" 0 1 60\r\nCL.THROTTLE \"a\\x01\" "
                  "0 1 60\r\n"),
            "*5\r\n:0\r\n:1\r\n:0\r\n:-1\r\n:60\r\n*5\r\n:0\r\n:1\r\n:0\r\n:-1\r\n:60\r\n"
            "*5\r\n:1\r\n:1\r\n:0\r\n:60\r\n:60\r\n");
}

// What redis-cli, ioredis and node-redis send when they connect: whole, byte by byte, and cut at every place.
TEST(Session, RecordedConnects) {
  const std::vector<std::string> recorded = {
      bulk_request({"COMMAND", "DOCS"}) + bulk_request({"PING"}),
      bulk_request({"info"}) + bulk_request({"client", "setname", "web"}) +
          bulk_request({"CLIENT", "SETINFO", "LIB-NAME", "ioredis"}) + bulk_request({"select", "0"}),
      bulk_request({"HELLO", "3", "SETNAME", "web"}) +
          bulk_request({"CLIENT", "SETINFO", "LIB-NAME", "node-redis"}) +
          bulk_request({"CLIENT", "SETINFO", "LIB-VER", "5.0.0"}) + bulk_request({"PING"}),
      bulk_request({"CONFIG", "GET", "save"}) + bulk_request({"CONFIG", "GET", "appendonly"}),
  };
  for (const auto& bytes : recorded) {
    TestDoor whole;
    const auto expected = whole.raw(bytes);
    EXPECT_EQ(expected.find("-ERR"), std::string::npos) << bytes;
    TestDoor single;
    std::string out;
    for (const char c : bytes) out += single.raw({&c, 1});
    EXPECT_EQ(out, expected);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      TestDoor t;
      out = t.raw(std::string_view(bytes).substr(0, cut));
      out += t.raw(std::string_view(bytes).substr(cut));
      ASSERT_EQ(out, expected) << "cut at " << cut << " of " << bytes;
    }
  }
}

TEST(Session, RandomBytesNeverAnswerUnasked) {
  constexpr std::string_view kPieces[] = {
      "*1\r\n",  "*5\r\n",      "$4\r\nPING\r\n", "$1\r\nk\r\n", "CL.THROTTLE k 1 1 1\r\n", "\r\n", "\"",
      "$-1\r\n", "HELLO 3\r\n", "QUIT\r\n",       "*0\r\n"};
  for (unsigned seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    std::string bytes;
    for (int i = 0; i < 12; ++i) bytes += kPieces[random() % std::size(kPieces)];
    TestDoor whole;
    const auto expected = whole.raw(bytes);
    TestDoor t;
    std::string out;
    for (const char c : bytes) out += t.raw({&c, 1});
    ASSERT_EQ(out, expected) << "seed " << seed << ": " << bytes;
    ASSERT_EQ(t.session->state(), whole.session->state());
  }
}

// ---- overload

TEST(Overload, WhatAsksForTokensIsShedAndNothingElse) {
  TestDoor t({}, {test_limit("api", {"10/h"})});
  EXPECT_EQ(t.ask("SLUICE.TAKE api k 4"), "[1 10 6 \"0\" \"1440\" \"10/h\"]");
  t.host.sheds = true;
  for (const auto* request : {"CL.THROTTLE k 1 1 1", "GCRA k 1 1 1", "SLUICE.TAKE api k",
                              "SLUICE.TAKEUPTO api k 1", "SLUICE.RESERVE api k 1", "SLUICE.PEEK api k"})
    EXPECT_EQ(t.ask(request), "(error) BUSY this server is overloaded; try again in a second") << request;
  EXPECT_EQ(t.door.shed(), 6U);
  EXPECT_EQ(t.ask("PING"), "PONG");
  EXPECT_EQ(t.ask("SLUICE.TAKE api"), "(error) ERR wrong number of arguments for 'sluice.take' command");
  t.ask("SLUICE.REFUND api k 1");  // Makes the load smaller.
  EXPECT_EQ(t.door.shed(), 6U);
  t.host.sheds = false;
  EXPECT_EQ(t.ask("SLUICE.PEEK api k").substr(0, 7), "[1 10 7") << "4 taken and 1 given back, no more";
}

TEST(Overload, ATurnHasAnEndAndTheNextGoesOnThere) {
  TestDoor t;
  std::string pings, asks;
  for (int i = 0; i < 3000; ++i) pings += "PING\r\n", asks += "CL.THROTTLE k 9999 1 1\r\n";
  for (const auto& [in, per_request] : {std::pair(pings, 1U), std::pair(asks, 2U)}) {
    std::string_view rest = in;
    std::size_t answered = 0, turns = 0;
    do {
      std::string out;
      const auto before = t.door.requests();
      rest.remove_prefix(t.session->feed(rest, t.now, out));
      EXPECT_LE(t.door.requests() - before, kTurn / per_request + kBatchAsks);
      answered += t.door.requests() - before;
      ++turns;
    } while (t.session->more());
    EXPECT_EQ(answered, 3000U);
    EXPECT_TRUE(rest.empty());
    EXPECT_GE(turns, 3000 * per_request / (kTurn + 2 * kBatchAsks));
  }
}

TEST(Overload, ALongReplyEndsTheTurn) {
  TestDoor t;
  const std::string in = "COMMAND DOCS\r\nCOMMAND DOCS\r\nPING\r\n";
  std::string out;
  const auto used = t.session->feed(in, t.now, out);
  EXPECT_EQ(used, 14U);
  EXPECT_TRUE(t.session->more());
  EXPECT_EQ(t.session->feed(in.substr(14), t.now, out), 14U);
  EXPECT_TRUE(t.session->more());
  EXPECT_EQ(t.session->feed(in.substr(28), t.now, out), 6U);
  EXPECT_FALSE(t.session->more());
  EXPECT_TRUE(out.ends_with("+PONG\r\n"));
}

TEST(Overload, WhoseRequestFindsNoRoomIsTold) {
  TestDoor t;
  std::string out = t.raw("*2\r\n$60000\r\nabc");
  t.session->expire(net::Expiry::memory, out);
  EXPECT_EQ(out, "-BUSY this server is overloaded; try again in a second\r\n");
  EXPECT_EQ(t.session->state(), State::closing);
}

}  // namespace
}  // namespace sluice::door
