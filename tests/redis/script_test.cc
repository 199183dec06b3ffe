// The script in a real server does what the model of it does, which the simulation stands on.
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <limits>

#include "cli/client.h"
#include "model_server.h"
#include "redis/testing_server.h"
#include "store/shared/call.h"
#include "store/shared/script.h"
#include "store/shared/testing.h"
#include "store/shared/told.h"
#include "wire/resp_parser.h"

namespace sluice::tests {
namespace {

std::vector<std::string> arguments(std::string_view command) {
  wire::RespParser parser({});
  EXPECT_EQ(parser.feed(command), wire::RespParser::Event::command);
  return {parser.args().begin(), parser.args().end()};
}

store::Tat about_now(store::RandomAsks& random, const Quota& quota) {
  const auto per_us = static_cast<std::int64_t>(store::shared_rate(quota).per_ns * 1000);
  const auto wall = std::chrono::system_clock::now().time_since_epoch() / std::chrono::microseconds(1);
  return {.us = wall - 2'000'000 + static_cast<std::int64_t>(random.below(4'000'000)),
          .ticks = static_cast<std::int64_t>(random.below(static_cast<std::size_t>(per_us))),
          .per_us = per_us};
}

/// Of what was charged about now.
struct GiveBack : store::Part {
  explicit GiveBack(store::RandomAsks& random) : ask(random.next().front()) {
    ask.op = Op::refund;
    ask.with_next = false;
    since.tat = about_now(random, *ask.quota);
    before = {&since, 1};
    gives_back = true;
  }
  store::Before since;
  store::Ask ask;
  Decision decision;
};

struct Script : testing::Test {
  /// Random calls to both; after each, every bucket of it must be the same, as are the replies.
  void run(unsigned seed, int calls) {
    store::RandomAsks random(seed);
    ASSERT_EQ(client->call({"FLUSHALL"})->text, "OK");
    sim::ModelServer model;
    (void)model.run("*3\r\n$4\r\nEVAL\r\n$" + std::to_string(store::kScript.size()) + "\r\n" +
                        std::string(store::kScript) + "\r\n$1\r\n0\r\n",
                    0);
    for (int i = 0; i < calls && !HasFailure(); ++i) {
      store::Call call;
      store::Ticket ticket;
      store::Told told(64, 1);  // By a server before this one: floors.
      for (std::size_t n = random.below(4); n > 0; --n)
        for (const store::Ask& ask : random.next())
          told.remember(*ask.family, ask.key, about_now(random, *ask.quota));
      told.server_changed();
      std::deque<std::pair<std::vector<store::Ask>, std::vector<Decision>>> asked;
      for (std::size_t n = 1 + random.below(40); n > 0; --n) {
        auto& [asks, decisions] = asked.emplace_back(random.next(), std::vector<Decision>{});
        decisions.resize(asks.size());
        if (!call.add({asks, decisions, &ticket}, &told)) break;
      }
      std::deque<GiveBack> given_back;
      for (std::size_t n = random.below(4); n > 0; --n) {
        auto& one = given_back.emplace_back(random);
        if (!call.add({{&one.ask, 1}, {&one.decision, 1}, &ticket, &one})) break;
      }
      std::string command;
      call.write("EVALSHA", store::kScriptSha, command);
      const auto real = client->call(arguments(command));
      ASSERT_TRUE(real) << real.error().message;
      ASSERT_EQ(real->kind, cli::Reply::Kind::list) << real->text;
      const std::int64_t now_us = std::stoll(real->list.back().text);
      const auto want = model.run(command, now_us);
      ASSERT_EQ(real->list.size() + 1, want.elements.size());
      for (std::size_t k = 0; k + 1 < real->list.size(); ++k)
        EXPECT_EQ(real->list[k].text, want.elements[k + 1].text);
      for (const auto& b : call.buckets()) {
        std::string key;
        store::append_bucket_key(*b.family, b.key, key);
        const auto kept = client->call({"GET", key});
        const auto it = model.data().find(key);
        ASSERT_EQ(kept->text, it == model.data().end() ? "" : it->second.value)
            << "seed " << seed << ", call " << i;
      }
    }
  }

  redis::RedisServer server;
  Result<cli::RespClient> client = cli::RespClient::connect(server.address(), {}, std::chrono::seconds(5));
};

TEST_F(Script, DoesWhatTheModelDoes) {
  ASSERT_TRUE(client);
  EXPECT_EQ(client->call({"SCRIPT", "LOAD", std::string(store::kScript)})->text, store::kScriptSha);
  for (unsigned seed = 1; seed <= 60 && !HasFailure(); ++seed) run(seed, 40);
  // No bucket stays for good: each has a time to live.
  const auto keys = client->call({"KEYS", "*"});
  ASSERT_FALSE(keys->list.empty());
  for (const auto& key : keys->list)
    EXPECT_GT(std::stoll(client->call({"PTTL", key.text})->text), 0) << key.text;
}

// The expiry of a bucket that is full in over a hundred years was no whole number that a double holds: the
// value was taken for somebody else's, and not even a reset could mend that.
TEST_F(Script, TheLongestDebtIsABucketLikeAnyOther) {
  ASSERT_TRUE(client);
  const store::Family family("api");
  for (const char* text : {"999983/7s burst 17", "1/day", "1/s burst 10"}) {
    ASSERT_EQ(client->call({"FLUSHALL"})->text, "OK");
    const Quota quota = *Quota::parse(text);
    const auto rate = store::shared_rate(quota);
    const auto ask = [&](Op op, std::int64_t amount) {
      store::Call call;
      const store::Ask one{.key = "k", .family = &family, .quota = &quota, .amount = amount, .op = op};
      Decision decision;
      EXPECT_TRUE(call.add({{&one, 1}, {&decision, 1}}));
      std::string command;
      call.write("EVAL", store::kScript, command);
      const auto reply = client->call(arguments(command));
      EXPECT_EQ(reply->kind, cli::Reply::Kind::list) << reply->text;
      const auto kept = client->call({"GET", "sluice:{api:k}"});
      return store::read_value(kept->text, std::stoll(reply->list.back().text), rate);
    };
    auto value = ask(Op::charge, std::numeric_limits<std::int64_t>::max());
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(value->ahead, rate.debt_max) << text;
    EXPECT_GT(std::stoll(client->call({"PTTL", "sluice:{api:k}"})->text), 0);
    value = ask(Op::reset, 0);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(value->ahead, 0) << text;
  }
}

TEST_F(Script, LeavesWhatIsNotItsOwn) {
  ASSERT_TRUE(client);
  const Quota quota = *Quota::parse("10/s");
  const store::Family family("api");
  for (const char* foreign : {"LPUSH", "SET"}) {
    ASSERT_NE(client->call({"FLUSHALL"})->kind, cli::Reply::Kind::error);
    ASSERT_NE(client->call({foreign, "sluice:{api:k}", "theirs"})->kind, cli::Reply::Kind::error);
    store::Call call;
    store::Ticket ticket;
    const std::vector<store::Ask> asks{{.key = "k", .family = &family, .quota = &quota}};
    std::vector<Decision> decisions(1);
    ASSERT_TRUE(call.add({asks, decisions, &ticket}));
    std::string command;
    call.write("EVAL", store::kScript, command);
    const auto reply = client->call(arguments(command));
    ASSERT_EQ(reply->list.size(), 2u) << reply->text;
    EXPECT_EQ(reply->list[0].text, "?");
    EXPECT_EQ(client->call({"TYPE", "sluice:{api:k}"})->text,
              foreign == std::string_view("SET") ? "string" : "list");
  }
}

TEST_F(Script, ALaterClockIsKeptWhenTheServersStepsBack) {
  ASSERT_TRUE(client);
  // A value written by a clock that was a minute ahead: empty, full in 10 s.
  const Quota quota = *Quota::parse("1/s burst 10");
  const auto rate = store::shared_rate(quota);
  const auto time = client->call({"TIME"});
  const std::int64_t ahead_us = std::stoll(time->list[0].text) * 1'000'000 + 60'000'000;
  ASSERT_EQ(client
                ->call({"SET", "sluice:{api:k}",
                        store::write_value(rate.full, ahead_us, ahead_us + 60'000'000, rate)})
                ->text,
            "OK");
  const store::Family family("api");
  store::Call call;
  store::Ticket ticket;
  const std::vector<store::Ask> asks{{.key = "k", .family = &family, .quota = &quota},
                                     {.key = "k", .family = &family, .quota = &quota, .op = Op::refund}};
  std::vector<Decision> decisions(2);
  ASSERT_TRUE(call.add({std::span(asks).first(1), std::span(decisions).first(1), &ticket}));
  ASSERT_TRUE(call.add({std::span(asks).last(1), std::span(decisions).last(1), &ticket}));
  std::string command;
  call.write("EVAL", store::kScript, command);
  ASSERT_EQ(client->call(arguments(command))->kind, cli::Reply::Kind::list);
  const auto value =
      store::read_value(client->call({"GET", "sluice:{api:k}"})->text, ahead_us - 60'000'000, rate);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->ahead,
            rate.full - rate.per_token);  // Refused, then one given back; no minute was gained or lost.
  EXPECT_NEAR(static_cast<double>(value->behind_us), 60e6, 5e6);
}

}  // namespace
}  // namespace sluice::tests
