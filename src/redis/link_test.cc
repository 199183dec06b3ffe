#include "redis/link.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>

#include "redis/command.h"
#include "redis/testing.h"

namespace sluice::redis {
namespace {

constexpr const char* kHello = "%3\r\n+server\r\n+redis\r\n+version\r\n+7.0.15\r\n+role\r\n+master\r\n";
constexpr const char* kPong = "+PONG\r\n";

class Talk {
 public:
  explicit Talk(Link::Options options = {}) : link(std::move(options)) { link.open(); }

  // What the link says next must be this; then the server says that.
  Talk& hears(const std::string& expected) {
    std::string out;
    link.take_output(out);
    EXPECT_EQ(out, expected);
    return *this;
  }
  Talk& says(const std::string& bytes) {
    rest += bytes;
    rest.erase(0, link.feed(rest));
    return *this;
  }
  Talk& ready() {
    says(kHello).says(kPong);
    EXPECT_EQ(link.state(), Link::State::ready) << link.why();
    std::string out;
    link.take_output(out);
    says("+OK\r\n");
    return *this;
  }
  // One command; what becomes of it is appended to `news` as "name: reply".
  void ask(const std::string& name, std::function<void()> then = {}) {
    callers.push_back(One(*this, name, std::move(then)));
    link.send(command("GET", name), callers.back());
  }

  Link link;
  std::string rest;
  std::vector<std::string> news;

 private:
  struct One final : Caller {
    One(Talk& t, std::string n, std::function<void()> f) : talk(t), name(std::move(n)), then(std::move(f)) {}
    void replied(Reply reply) override { tell(show(reply)); }
    void lost(Loss loss, std::string_view why) override {
      tell((loss == Loss::not_sent ? "not sent, " : "unknown, ") + std::string(why));
    }
    void tell(const std::string& text) {
      talk.news.push_back(name + ": " + text);
      if (then) then();
    }
    Talk& talk;
    std::string name;
    std::function<void()> then;
  };
  std::deque<One> callers;  // A deque's elements stay where they are.
};

std::string why(Link::Options options, std::initializer_list<const char*> replies) {
  Talk talk(std::move(options));
  for (const char* reply : replies) talk.says(reply);
  EXPECT_EQ(talk.link.state(), Link::State::failed);
  return talk.link.why();
}

TEST(Link, GreetsInResp3) {
  Talk talk({.login = {"me", "secret"}, .database = 3});
  talk.hears(command("HELLO", 3, "AUTH", "me", "secret", "SETNAME", "sluice")).says(kHello);
  talk.hears(command("SELECT", 3)).says("+OK\r\n").hears(command("PING"));
  EXPECT_EQ(talk.link.state(), Link::State::greeting);
  talk.says(kPong).hears(command("CLIENT", "SETINFO", "LIB-NAME", "sluice"));
  EXPECT_EQ(talk.link.state(), Link::State::ready);
  EXPECT_EQ(talk.link.role(), Link::Role::primary);
  EXPECT_EQ(talk.link.version(), "7.0.15");
  talk.says("-ERR unknown subcommand\r\n");
  EXPECT_EQ(talk.link.waiting(), 0U);
}

TEST(Link, GreetsInResp2WhereHelloIsUnknownOrNotAllowed) {
  for (const char* no : {"-ERR unknown command `HELLO`, with args beginning with: `3`\r\n", "-NOPROTO no\r\n",
                         "-NOPERM this user has no permissions to run the 'hello' command\r\n"}) {
    Talk talk({.login = {"", "secret"}});
    talk.hears(command("HELLO", 3, "AUTH", "default", "secret", "SETNAME", "sluice")).says(no);
    talk.hears(command("AUTH", "secret")).says("+OK\r\n");
    talk.hears(command("CLIENT", "SETNAME", "sluice")).says("-ERR no\r\n");
    talk.hears(command("ROLE")).says("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    talk.hears(command("PING")).says(kPong);
    EXPECT_EQ(talk.link.state(), Link::State::ready);
    EXPECT_EQ(talk.link.role(), Link::Role::primary);
  }
}

TEST(Link, ARefusedGreetingTellsTheMendAndNoPassword) {
  const Link::Options login{.login = {"somebody", "secret"}};
  const std::pair<std::string, const char*> told[] = {
      {why(login, {"-WRONGPASS invalid username-password pair or user is disabled.\r\n"}),
       "check both in the URL"},
      {why({}, {"-NOAUTH HELLO must be called with the client already authenticated\r\n"}),
       "asks for a password"},
      {why({}, {"-DENIED Redis is running in protected mode\r\n"}), "protected mode"},
      {why({}, {kHello, "-LOADING Redis is loading the dataset in memory\r\n"}), "loading its data"},
      {why({}, {kHello, "-MASTERDOWN Link with MASTER is down\r\n"}), "name the primary"},
      {why({.database = 99}, {kHello, "-ERR DB index is out of range\r\n"}), "has no database 99"},
      {why({.database = 9}, {kHello, "-NOPERM no 'select'\r\n"}), "ACL SETUSER"},
      {why(login, {"-ERR unknown command `HELLO`, with args `secret`\r\n",
                   "-ERR AUTH <password> called without any password configured for the default user\r\n"}),
       "has no password set"},
      {why({}, {"-ERR max number of clients reached\r\n"}), "max number of clients reached"},
      {why(login, {"-ERR what is 'somebody' 'secret'?\r\n"}), "refused the greeting: ERR"},
      {why({}, {"%1\r\n+role\r\n+replica\r\n"}), "is a replica"},
      {why({}, {"HTTP/1.1 400\r\n"}), "is this the port of a Redis server?"},
  };
  for (const auto& [text, expected] : told) {
    EXPECT_NE(text.find(expected), std::string::npos) << text;
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;
    EXPECT_EQ(text.find("somebody"), std::string::npos) << text;
  }
}

TEST(Link, AReplicaIsGreetedWhereItMayBeOne) {
  Talk talk({.primary_only = false});
  talk.says("%1\r\n+role\r\n+slave\r\n").says(kPong);
  EXPECT_EQ(talk.link.state(), Link::State::ready);
  EXPECT_EQ(talk.link.role(), Link::Role::replica);
}

TEST(Link, RepliesGoToTheirCallersInOrder) {
  Talk talk;
  talk.ready();
  for (const char* name : {"a", "b", "c"}) talk.ask(name);
  talk.hears(command("GET", "a") + command("GET", "b") + command("GET", "c"));
  talk.says("$1\r\n1\r\n>1\r\n+push\r\n-ERR no").says("\r\n*1\r\n");
  EXPECT_EQ(talk.news, (std::vector<std::string>{"a: '1'", "b: ERR no"}));
  talk.says(":3\r\n");
  EXPECT_EQ(talk.news.back(), "c: [3]");
}

TEST(Link, PushesAreHandedOver) {
  struct Pushed final : Caller {
    void replied(Reply reply) override { heard += show(reply); }
    void lost(Loss, std::string_view) override { heard += "lost"; }
    std::string heard;
  } pushed;
  Talk talk;
  talk.link.on_push(&pushed);
  talk.ready();
  EXPECT_TRUE(talk.link.resp3());
  talk.link.tell(command("SUBSCRIBE", "c"));
  talk.ask("a");
  talk.says(">3\r\n+subscribe\r\n+c\r\n:1\r\n:1\r\n>3\r\n+message\r\n+c\r\n+hi\r\n");
  EXPECT_EQ(pushed.heard, "['subscribe' 'c' 1]['message' 'c' 'hi']");
  EXPECT_EQ(talk.news, (std::vector<std::string>{"a: 1"}));
  talk.link.close("cut");
  EXPECT_EQ(pushed.heard.find("lost"), std::string::npos);
}

TEST(Link, WhatIsLostIsToldApart) {
  Talk talk;
  talk.ready();
  talk.ask("replied"), talk.ask("taken");
  std::string out;
  talk.link.take_output(out);
  talk.ask("queued");
  talk.says(":1\r\n").link.close("cut");
  talk.ask("late");
  EXPECT_EQ(talk.news, (std::vector<std::string>{"replied: 1", "taken: unknown, cut", "queued: not sent, cut",
                                                 "late: not sent, not connected"}));
  EXPECT_FALSE(talk.link.has_output());
}

TEST(Link, OpensAgainWithNothingOfTheOldConnection) {
  Talk talk;
  talk.ready();
  talk.ask("a");
  talk.says("$5\r\nha").link.close("cut");
  talk.rest.clear();
  talk.link.open();
  talk.hears(command("HELLO", 3, "SETNAME", "sluice")).ready();
  talk.ask("b");
  talk.says("$2\r\nhi\r\n");
  EXPECT_EQ(talk.news, (std::vector<std::string>{"a: not sent, cut", "b: 'hi'"}));
}

TEST(Link, CallersMaySendAndCloseFromWithin) {
  Talk talk;
  talk.ready();
  talk.ask("a", [&] { talk.ask("b", [&] { talk.link.close("enough"); }); });
  talk.ask("c", [&] { talk.ask("d"); });
  std::string out;
  talk.link.take_output(out);
  talk.says(":1\r\n:2\r\n:3\r\n:4\r\n");
  EXPECT_EQ(talk.news, (std::vector<std::string>{"a: 1", "c: 2", "b: 3", "d: not sent, enough"}));
  EXPECT_TRUE(talk.rest.empty());
}

TEST(Link, TheQueueIsBounded) {
  Talk few({.commands_max = 2});
  few.ready();
  for (const char* name : {"a", "b", "c"}) few.ask(name);
  EXPECT_EQ(few.news, (std::vector<std::string>{"c: not sent, too many commands wait for replies"}));
  Talk small({.output_bytes_max = 30});
  small.ready();
  for (const char* name : {"a", "b", "c"}) small.ask(name);
  EXPECT_EQ(small.news, (std::vector<std::string>{"c: not sent, too many bytes wait to be sent"}));
}

TEST(Link, TheRingGrowsAndTurns) {
  Talk talk;
  talk.ready();
  int asked = 0, answered = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 7; ++i) talk.ask(std::to_string(asked++));
    for (int i = 0; i < 5; ++i) talk.says(":" + std::to_string(answered++) + "\r\n");
  }
  while (answered < asked) talk.says(":" + std::to_string(answered++) + "\r\n");
  ASSERT_EQ(talk.news.size(), 1400U);
  for (int i = 0; i < asked; ++i)
    ASSERT_EQ(talk.news[static_cast<std::size_t>(i)], std::to_string(i) + ": " + std::to_string(i));
}

TEST(Link, ABrokenStreamFails) {
  Talk unasked;
  unasked.ready().says(":1\r\n");
  EXPECT_EQ(unasked.link.state(), Link::State::failed);
  EXPECT_EQ(unasked.link.why(), "Protocol error: a reply that nothing was asked for");
  Talk broken;
  broken.ready();
  broken.ask("a");
  broken.says("!\r\n");
  EXPECT_EQ(broken.link.state(), Link::State::failed);
  EXPECT_TRUE(broken.news.empty());
  broken.link.close(broken.link.why());
  EXPECT_EQ(broken.news.size(), 1U);
}

}  // namespace
}  // namespace sluice::redis
