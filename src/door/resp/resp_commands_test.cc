#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <tuple>

#include "door/resp/command.h"
#include "door/resp/testing.h"

namespace sluice::door {
namespace {

using namespace std::chrono_literals;

struct Row {
  std::chrono::nanoseconds at;
  const char* ask;
  const char* reply;
};
void run(TestDoor& t, std::initializer_list<Row> rows) {
  for (const auto& row : rows) {
    t.at(row.at);
    EXPECT_EQ(t.ask(row.ask), row.reply) << row.ask << " at " << row.at.count() << " ns";
  }
}

// The table of redis-cell's own test (limit 5, one a second), then the roundings.
TEST(ClThrottle, RedisCellsTable) {
  TestDoor t;
  run(t, {
             // [limited limit remaining retry reset]
             {0ms, "CL.THROTTLE foo 4 1 1 6", "[1 5 5 -1 0]"},  // More than the limit: never.
             {0ms, "CL.THROTTLE foo 4 1 1", "[0 5 4 -1 1]"},
             {0ms, "CL.THROTTLE foo 4 1 1 1", "[0 5 3 -1 2]"},
             {0ms, "cl.throttle foo 4 1 1", "[0 5 2 -1 3]"},
             {0ms, "CL.THROTTLE foo 4 1 1", "[0 5 1 -1 4]"},
             {0ms, "CL.THROTTLE foo 4 1 1", "[0 5 0 -1 5]"},
             {0ms, "CL.THROTTLE foo 4 1 1", "[1 5 0 1 5]"},
             {3000ms, "CL.THROTTLE foo 4 1 1", "[0 5 2 -1 3]"},
             {3100ms, "CL.THROTTLE foo 4 1 1", "[0 5 1 -1 4]"},  // 3.9 s: rounded up.
             {4000ms, "CL.THROTTLE foo 4 1 1", "[0 5 1 -1 4]"},
             {8000ms, "CL.THROTTLE foo 4 1 1", "[0 5 4 -1 1]"},
             {9500ms, "CL.THROTTLE foo 4 1 1", "[0 5 4 -1 1]"},
             {9500ms, "CL.THROTTLE foo 4 1 1 0", "[0 5 4 -1 1]"},  // Quantity 0 asks.
             {9500ms, "CL.THROTTLE foo 4 1 1 2", "[0 5 2 -1 3]"},
             {9500ms, "CL.THROTTLE foo 4 1 1 5", "[1 5 2 3 3]"},
         });
}

TEST(ClThrottle, RetryIsNeverEarly) {
  TestDoor t;
  run(t, {
             {0ms, "CL.THROTTLE k 0 3 1", "[0 1 0 -1 1]"},
             {0ms, "CL.THROTTLE k 0 3 1", "[1 1 0 1 1]"},
             {333'333'333ns, "CL.THROTTLE k 0 3 1", "[1 1 0 1 1]"},  // A third of a nanosecond too early.
             {333'333'334ns, "CL.THROTTLE k 0 3 1", "[0 1 0 -1 1]"},
             // redis-cell drops what is below a millisecond, and would say 1 here.
             {10s, "CL.THROTTLE l 1 1 1", "[0 2 1 -1 1]"},
             {10'999'500us, "CL.THROTTLE l 1 1 1", "[0 2 0 -1 2]"},
         });
}

TEST(ClThrottle, BeyondAMillionASecond) {  // redis-cell: "zero rates are not supported", or no limit at all.
  TestDoor t;
  run(t, {
             {0ns, "CL.THROTTLE k 1 3000000000 1 2", "[0 2 0 -1 1]"},
             {0ns, "CL.THROTTLE k 1 3000000000 1", "[1 2 0 1 1]"},
             {1ns, "CL.THROTTLE k 1 3000000000 1 2", "[0 2 0 -1 1]"},
             {0ns, "CL.THROTTLE big 9223372036854775806 1 1 0",
              "[0 9223372036854775807 9223372036854775807 -1 0]"},
         });
}

TEST(ClThrottle, TheBucketIsKeptWhenParametersChange) {
  TestDoor t;
  run(t,
      {
          {0ms, "CL.THROTTLE k 9 10 10 10", "[0 10 0 -1 10]"},
          {0ms, "CL.THROTTLE k 9 20 10 1", "[1 10 0 6 10]"},  // Ten seconds until full, now at two a second.
          {0ms, "CL.THROTTLE k 19 10 10 0", "[0 20 10 -1 10]"},
          {0ms, "CL.THROTTLE k 4 10 10 0", "[1 5 0 5 10]"},     // Above its new capacity: it has to drain.
          {0ms, "GCRA k 19 10 10 TOKENS 4", "[0 20 6 -1 14]"},  // The same bucket.
      });
}

TEST(ClThrottle, Errors) {
  TestDoor t;
  run(t,
      {
          {0ms, "CL.THROTTLE", "(error) ERR wrong number of arguments for 'cl.throttle' command"},
          {0ms, "CL.THROTTLE k 1 1", "(error) ERR wrong number of arguments for 'cl.throttle' command"},
          {0ms, "CL.THROTTLE k 1 1 1 1 1", "(error) ERR wrong number of arguments for 'cl.throttle' command"},
          {0ms, "CL.THROTTLE k a 1 1", "(error) ERR Couldn't parse as integer: a"},
          {0ms, "CL.THROTTLE k 1 1.5 1", "(error) ERR Couldn't parse as integer: 1.5"},
          {0ms, "CL.THROTTLE k 1 1 9223372036854775808",
           "(error) ERR Couldn't parse as integer: 9223372036854775808"},
          {0ms, "CL.THROTTLE k -1 1 1", "(error) ERR max_burst must not be negative"},
          {0ms, "CL.THROTTLE k 1 -1 1", "(error) ERR count per period must not be negative"},
          {0ms, "CL.THROTTLE k 1 1 -1", "(error) ERR period must not be negative"},
          {0ms, "CL.THROTTLE k 1 1 1 -1", "(error) ERR quantity must not be negative"},
          {0ms, "CL.THROTTLE k 1 0 1", "(error) ERR Zero rates are not supported"},
          {0ms, "CL.THROTTLE k 1 1 0", "(error) ERR Zero rates are not supported"},
          {0ms, "CL.THROTTLE k 1 1 9223372037",
           "(error) ERR period must be at most 9223372036 seconds (292 years)"},
          {0ms, "CL.THROTTLE k 9223372036854775807 1 1",
           "(error) ERR max_burst must be below 9223372036854775807"},
          {0ms, "CL.THROTTLE k 1 1 1 9223372036854775807", "[1 2 2 -1 0]"},
      });
  EXPECT_EQ(t.ask("CL.THROTTLE k 1 9223372036854775807 9223372036").find("(error) ERR quota: "), 0U);
  EXPECT_EQ(t.ask("CL.THROTTLE k 1 1 1"), "[0 2 1 -1 1]");  // None of them has touched the bucket.
}

TEST(Gcra, AsMergedInRedis) {
  TestDoor t;
  run(t, {
             {0ms, "GCRA api:user:123 5 10 60", "[0 6 5 -1 6]"},
             {0ms, "GCRA api:user:123 5 10 60 tokens 5", "[0 6 0 -1 36]"},
             {0ms, "GCRA api:user:123 5 10 60", "[1 6 0 6 36]"},
             {0ms, "GCRA half 0 1 0.5", "[0 1 0 -1 1]"},
             {499ms, "GCRA half 0 1 0.5", "[1 1 0 1 1]"},
             {500ms, "GCRA half 0 1 .5", "[0 1 0 -1 1]"},
             {0ms, "GCRA k 1 1 1 TOKENS 3", "[1 2 2 -1 0]"},
             {0ms, "GCRA k", "(error) ERR wrong number of arguments for 'gcra' command"},
             {0ms, "GCRA k 1 1 1 TOKENS 1 1", "(error) ERR wrong number of arguments for 'gcra' command"},
             {0ms, "GCRA k -1 5 10", "(error) ERR value is out of range, must be positive"},
             {0ms, "GCRA k x 5 10", "(error) ERR value is out of range, must be positive"},
             {0ms, "GCRA k 1 0 10",
              "(error) ERR value is out of range, value must between 1 and 9223372036854775807"},
             {0ms, "GCRA k 1 x 10", "(error) ERR value is not an integer or out of range"},
             {0ms, "GCRA k 1 1 0", "(error) ERR period must be > 0 and < 1e12"},
             {0ms, "GCRA k 1 1 -1", "(error) ERR period must be > 0 and < 1e12"},
             {0ms, "GCRA k 1 1 x", "(error) ERR value is not a valid float"},
             {0ms, "GCRA k 1 1 1e11", "(error) ERR period must be at most 9223372036 seconds (292 years)"},
             {0ms, "GCRA k 1 1 1e-10", "(error) ERR period must be a whole number of nanoseconds"},
             {0ms, "GCRA k 1 1 1 COST 1", "(error) ERR syntax error"},
             {0ms, "GCRA k 1 1 1 TOKENS", "(error) ERR Missing TOKENS value"},
             {0ms, "GCRA k 1 1 1 TOKENS 0",
              "(error) ERR value is out of range, value must between 1 and 9223372036854775807"},
         });
}

std::vector<policy::Limit> limits() {
  return {test_limit("login", {"5/min burst 10"}), test_limit("api", {"100/s burst 3", "1000/h burst 4"}),
          test_limit("try", {"1/s"}, policy::Mode::shadow)};
}

TEST(NamedLimits, Resp2) {
  TestDoor t({}, limits());
  run(t,
      {
          // [allowed limit remaining retry_after reset_after quota]
          {0ms, "SLUICE.TAKE login ann", R"([1 10 9 "0" "12" "5/min burst 10"])"},
          {0ms, "sluice.take login ann 9", R"([1 10 0 "0" "120" "5/min burst 10"])"},
          {500ms, "SLUICE.TAKE login ann", R"([0 10 0 "11.5" "119.5" "5/min burst 10"])"},
          {500ms, "SLUICE.PEEK login ann", R"([0 10 0 "11.5" "119.5" "5/min burst 10"])"},
          {500ms, "SLUICE.PEEK login ann 0", R"([1 10 0 "0" "119.5" "5/min burst 10"])"},
          {500ms, "SLUICE.TAKE login ann 11", R"([0 10 0 nil "119.5" "5/min burst 10"])"},  // Never.
          {500ms, "SLUICE.REFUND login ann", R"([1 10 1 "0" "107.5" "5/min burst 10"])"},
          {500ms, "SLUICE.REFUND login ann 100", R"([1 10 10 "0" "0" "5/min burst 10"])"},
          {500ms, "SLUICE.TAKE login eve 9", R"([1 10 1 "0" "108" "5/min burst 10"])"},
          {500ms, "SLUICE.REFUND login eve 3 ID r1", R"([1 10 4 "0" "72" "5/min burst 10" 1])"},
          {500ms, "SLUICE.REFUND login eve 3 id r1", R"([1 10 4 "0" "72" "5/min burst 10" 0])"},
          {500ms, "SLUICE.REFUND login eve 30 ID r1", R"([1 10 4 "0" "72" "5/min burst 10" 0])"},
          {500ms, "SLUICE.REFUND login eve 1 ID r2", R"([1 10 5 "0" "60" "5/min burst 10" 1])"},
          {500ms, "SLUICE.REFUND login ev 1 ID er1", R"([1 10 10 "0" "0" "5/min burst 10" 1])"},
          {500ms, "SLUICE.TAKEUPTO login ann 7", R"([1 10 3 "0" "84" "5/min burst 10" 7])"},
          {500ms, "SLUICE.TAKEUPTO login ann 7", R"([1 10 0 "0" "120" "5/min burst 10" 3])"},
          {500ms, "SLUICE.TAKEUPTO login ann 7", R"([0 10 0 "12" "120" "5/min burst 10" 0])"},
          {500ms, "SLUICE.RESERVE login ann 1", R"([1 10 0 "0" "132" "5/min burst 10" "12"])"},
          {500ms, "SLUICE.RESERVE login ann 1 MAXWAIT 12.5", R"([0 10 0 "11.5" "132" "5/min burst 10" "0"])"},
          {500ms, "SLUICE.RESERVE login ann 1 maxwait 24", R"([1 10 0 "0" "144" "5/min burst 10" "24"])"},
          {500ms, "SLUICE.RESERVE login ann 1 MAXWAIT 0", R"([0 10 0 "36" "144" "5/min burst 10" "0"])"},
          {500ms, "SLUICE.RESET login ann", R"([1 10 10 "0" "0" "5/min burst 10"])"},
          {500ms, "SLUICE.PEEK login bob", R"([1 10 10 "0" "0" "5/min burst 10"])"},
          // Two quotas: the one that decides is told.
          {500ms, "SLUICE.TAKE api ann 3", R"([1 3 0 "0" "0.03" "100/s burst 3"])"},
          {500ms, "SLUICE.TAKE api ann", R"([0 3 0 "0.01" "0.03" "100/s burst 3"])"},
          {1500ms, "SLUICE.TAKE api ann", R"([1 4 0 "0" "13.4" "1000/h burst 4"])"},
          // Shadow: decided, and allowed all the same.
          {1500ms, "SLUICE.TAKE try ann", R"([1 1 0 "0" "1" "1/s"])"},
          {1500ms, "SLUICE.TAKE try ann", R"([1 1 0 "0" "1" "1/s"])"},
          {1500ms, "SLUICE.TAKE try ann 9", R"([1 1 0 "0" "1" "1/s"])"},
          {1500ms, "SLUICE.LIMITS",
           R"([["login" ["5/min burst 10"] "requests" "enforce"] ["api" ["100/s burst 3" "1000/h burst 4"] )"
           R"("requests" "enforce"] ["try" ["1/s"] "requests" "shadow"]])"},
      });
}

TEST(NamedLimits, Resp3) {
  TestDoor t({}, limits());
  t.ask("HELLO 3");
  run(t,
      {
          {0ms, "SLUICE.TAKE login ann 10",
           R"({"allowed" true "limit" 10 "remaining" 0 "retry_after" 0 "reset_after" 120 "quota" "5/min burst 10"})"},
          {250ms, "SLUICE.TAKE login ann",
           R"({"allowed" false "limit" 10 "remaining" 0 "retry_after" 11.75 "reset_after" 119.75 )"
           R"("quota" "5/min burst 10"})"},
          {250ms, "SLUICE.TAKE login ann 11",
           R"({"allowed" false "limit" 10 "remaining" 0 "retry_after" nil "reset_after" 119.75 )"
           R"("quota" "5/min burst 10"})"},
          {250ms, "SLUICE.RESERVE login ann 1",
           R"({"allowed" true "limit" 10 "remaining" 0 "retry_after" 0 "reset_after" 131.75 )"
           R"("quota" "5/min burst 10" "due_after" 11.75})"},
          {0ms, "SLUICE.TAKEUPTO login bob 2",
           R"({"allowed" true "limit" 10 "remaining" 8 "retry_after" 0 "reset_after" 24 )"
           R"("quota" "5/min burst 10" "granted" 2})"},
          {0ms, "SLUICE.REFUND login bob 1 ID x",
           R"({"allowed" true "limit" 10 "remaining" 9 "retry_after" 0 "reset_after" 12 )"
           R"("quota" "5/min burst 10" "applied" true})"},
          {0ms, "CL.THROTTLE k 4 1 1", "[0 5 4 -1 1]"},
      });
}

TEST(NamedLimits, Errors) {
  TestDoor t({}, limits());
  constexpr const char* kTokens = "(error) ERR tokens must be a whole number from 0 to 9223372036854775807";
  run(t,
      {
          {0ms, "SLUICE.TAKE nope ann",
           "(error) ERR no limit is named 'nope'; SLUICE.LIMITS lists those that are"},
          {0ms, "SLUICE.TAKE login", "(error) ERR wrong number of arguments for 'sluice.take' command"},
          {0ms, "SLUICE.TAKE login a 1 1", "(error) ERR wrong number of arguments for 'sluice.take' command"},
          {0ms, "SLUICE.TAKE login a -1", kTokens},
          {0ms, "SLUICE.REFUND login a x", kTokens},
          {0ms, "SLUICE.REFUND login a 1 ID", "(error) ERR syntax error"},
          {0ms, "SLUICE.REFUND login a 1 NAME x", "(error) ERR syntax error"},
          {0ms, ("SLUICE.REFUND login a 1 ID " + std::string(256, 'x')).c_str(),
           "(error) ERR ID must have 1 to 255 bytes"},
          {0ms, "SLUICE.RESERVE login a 1 MAXWAIT", "(error) ERR syntax error"},
          {0ms, "SLUICE.RESERVE login a 1 WAIT 1", "(error) ERR syntax error"},
          {0ms, "SLUICE.RESERVE login a 1 MAXWAIT -1",
           "(error) ERR MAXWAIT must be a number of seconds, 0 or more"},
          {0ms, "SLUICE.RESERVE login a 1 MAXWAIT 1e-10",
           "(error) ERR MAXWAIT must be a whole number of nanoseconds"},
      });
}

TEST(NamedLimits, AReloadKeepsTheBuckets) {
  TestDoor t({}, limits());
  EXPECT_EQ(t.ask("SLUICE.TAKE login ann 10"), R"([1 10 0 "0" "120" "5/min burst 10"])");
  t.current.replace(std::make_shared<const policy::LimitSet>(
      std::vector<policy::Limit>{test_limit("login", {"5/min burst 20"})}));
  EXPECT_EQ(t.ask("SLUICE.TAKE login ann 1"), R"([1 20 9 "0" "132" "5/min burst 20"])");
  EXPECT_EQ(t.ask("SLUICE.TAKE api ann"),
            "(error) ERR no limit is named 'api'; SLUICE.LIMITS lists those that are");
}

// They were once the buckets of a limit called throttle, too.
TEST(NamedLimits, ALimitMayBeCalledThrottle) {
  TestDoor t({}, {test_limit("throttle", {"10/day"})});
  EXPECT_EQ(t.ask("CL.THROTTLE k 9 10 86400 10"), "[0 10 0 -1 86400]");
  EXPECT_EQ(t.ask("SLUICE.PEEK throttle k"), R"([1 10 10 "0" "0" "10/day"])");
}

struct Counted final : observe::Decisions {
  void decided(std::string_view limit, Outcome outcome, std::uint64_t n) override {
    sums[{std::string(limit), outcome}] += n;
    ++calls;
  }
  std::map<std::pair<std::string, Outcome>, std::uint64_t> sums;
  int calls = 0;
};

TEST(Counting, ByLimitAndOutcomeOnceABatch) {
  Counted counted;
  TestDoor t({}, limits(), nullptr, &counted);
  std::string pipeline;
  for (int i = 0; i < 10; ++i) pipeline += "CL.THROTTLE k 3 1 1\r\n";
  pipeline += "CL.THROTTLE k 3 1 1 5\r\nCL.THROTTLE k 3 1 1 0\r\n";
  pipeline +=
      "SLUICE.TAKE try a\r\nSLUICE.TAKE try a\r\nSLUICE.PEEK try a\r\nSLUICE.REFUND try a\r\nSLUICE.RESET "
      "try a\r\n";
  t.raw(pipeline);
  const decltype(counted.sums) expected = {
      {{"#throttle", Outcome::allowed}, 4}, {{"#throttle", Outcome::refused}, 6},
      {{"#throttle", Outcome::never}, 1},   {{"try", Outcome::allowed}, 1},
      {{"try", Outcome::refused}, 1},  // Shadow or not.
  };
  EXPECT_EQ(counted.sums, expected);
  EXPECT_EQ(counted.calls, 5);
}

TEST(Connection, SmallCommands) {
  TestDoor t;
  run(t, {
             {0ms, "PING", "PONG"},
             {0ms, "ping hi", R"("hi")"},
             {0ms, "PING a b", "(error) ERR wrong number of arguments for 'ping' command"},
             {0ms, "ECHO hi", R"("hi")"},
             {0ms, "ECHO", "(error) ERR wrong number of arguments for 'echo' command"},
             {0ms, "SELECT 0", "OK"},
             {0ms, "SELECT 1", "(error) ERR DB index is out of range"},
             {0ms, "SELECT x", "(error) ERR value is not an integer or out of range"},
             {0ms, "CLIENT ID", "1"},
             {0ms, "CLIENT GETNAME", "nil"},
             {0ms, "CLIENT SETNAME me", "OK"},
             {0ms, "CLIENT GETNAME", R"("me")"},
             {0ms, "CLIENT SETNAME \"a b\"",
              "(error) ERR Client names cannot contain spaces, newlines or special characters."},
             {0ms, ("CLIENT SETNAME " + std::string(1025, 'n')).c_str(),
              "(error) ERR Client names cannot contain spaces, newlines or special characters."},
             {0ms, "CLIENT SETINFO LIB-NAME ioredis", "OK"},
             {0ms, "client setinfo lib-ver 5.4", "OK"},
             {0ms, "CLIENT SETINFO LIB-X 1", "(error) ERR Unrecognized option 'LIB-X'"},
             {3s, "CLIENT LIST",
              "\"id=1 addr=192.0.2.7:51000 name=me age=3 idle=0 flags=N db=0 user=default resp=2 "
              "lib-name=ioredis "
              "lib-ver=5.4\n\""},
             {0ms, "CLIENT NO-EVICT on", "OK"},
             {0ms, "CLIENT NO-TOUCH x", "(error) ERR syntax error"},
             {0ms, "CLIENT", "(error) ERR wrong number of arguments for 'client' command"},
             {0ms, "CLIENT FOO", "(error) ERR unknown subcommand 'FOO'. Try CLIENT HELP."},
             {0ms, "CLIENT SETNAME", "(error) ERR wrong number of arguments for 'client|setname' command"},
             {0ms, "CONFIG GET save", R"(["save" ""])"},
             {0ms, "CONFIG GET appendonly nonesuch", R"(["appendonly" "no"])"},
             {0ms, "CONFIG GET nonesuch", "[]"},
             {0ms, "CONFIG SET a b", "(error) ERR unknown subcommand 'SET'. Try CONFIG HELP."},
             {0ms, "foo", "(error) ERR unknown command 'foo', with args beginning with: "},
             {0ms, "foo a \"b\\r\\n\"",
              "(error) ERR unknown command 'foo', with args beginning with: 'a' 'b  ' "},
             {0ms, "RESET", "RESET"},
             {0ms, "CLIENT GETNAME", "nil"},
         });
  EXPECT_EQ(t.ask("CLIENT HELP").find("[CLIENT <subcommand> [<arg> ...]. Subcommands are: GETNAME"), 0U);
}

TEST(Connection, Hello) {
  TestDoor t({.version = "9.8.7"});
  const std::string two =
      R"("server" "sluice" "version" "9.8.7" "proto" 2 "id" 1 "mode" "standalone" "role" "master" "modules" [])";
  std::string three = two;
  three[three.find("2 \"id")] = '3';
  EXPECT_EQ(t.ask("HELLO"), std::string("[").append(two).append("]"));
  EXPECT_EQ(t.ask("HELLO 4"), "(error) NOPROTO unsupported protocol version");
  EXPECT_EQ(t.ask("HELLO x"), "(error) ERR Protocol version is not an integer or out of range");
  EXPECT_EQ(t.ask("HELLO 3 SETNAME"), "(error) ERR Syntax error in HELLO option 'SETNAME'");
  EXPECT_EQ(t.ask("PING"), "PONG");
  EXPECT_EQ(t.ask("HELLO 3 SETNAME me"), std::string("{").append(three).append("}"));
  EXPECT_EQ(t.ask("CLIENT GETNAME"), R"("me")");
  EXPECT_EQ(t.raw("CLIENT GETNAME\r\nRESET\r\nCLIENT GETNAME\r\nHELLO 3\r\nCLIENT GETNAME\r\n").substr(0, 23),
            "$2\r\nme\r\n+RESET\r\n$-1\r\n%7");
  EXPECT_EQ(t.raw("CLIENT GETNAME\r\n"), "_\r\n");
}

// A change of version holds from its own reply on, within one batch too.
TEST(Connection, HelloWithinABatch) {
  TestDoor t({}, limits());
  EXPECT_EQ(t.raw("SLUICE.PEEK try k\r\nHELLO 3\r\nSLUICE.PEEK try k\r\n"),
            "*6\r\n:1\r\n:1\r\n:1\r\n$1\r\n0\r\n$1\r\n0\r\n$3\r\n1/s\r\n"
            "%7\r\n$6\r\nserver\r\n$6\r\nsluice\r\n$7\r\nversion\r\n$5\r\n0.1.0\r\n$5\r\nproto\r\n:3\r\n$"
            "2\r\nid\r\n:1\r\n"
            "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
            "%6\r\n$7\r\nallowed\r\n#t\r\n$5\r\nlimit\r\n:1\r\n$9\r\nremaining\r\n:1\r\n$11\r\nretry_"
            "after\r\n,0\r\n"
            "$11\r\nreset_after\r\n,0\r\n$5\r\nquota\r\n$3\r\n1/s\r\n");
}

TEST(Connection, Password) {
  constexpr const char* kNoAuth = "(error) NOAUTH Authentication required.";
  constexpr const char* kWrong = "(error) WRONGPASS invalid username-password pair or user is disabled.";
  TestDoor t({.password = "sesame"});
  run(t, {
             {0ms, "PING", kNoAuth},
             {0ms, "CL.THROTTLE k 1 1 1", kNoAuth},
             {0ms, "CLIENT SETNAME x", kNoAuth},
             {0ms, "foo", "(error) ERR unknown command 'foo', with args beginning with: "},
             {0ms, "AUTH sesam", kWrong},
             {0ms, "AUTH sesamesesame", kWrong},
             {0ms, "AUTH \"\"", kWrong},
             {0ms, "AUTH root sesame", kWrong},
             {0ms, "AUTH a b c", "(error) ERR syntax error"},
             {0ms, "HELLO 3 AUTH default x", kWrong},
             {0ms, "PING", kNoAuth},
             {0ms, "AUTH sesame", "OK"},
             {0ms, "PING", "PONG"},
             {0ms, "RESET", "RESET"},
             {0ms, "PING", kNoAuth},
             {0ms, "AUTH default sesame", "OK"},
             {0ms, "PING", "PONG"},
         });
  EXPECT_EQ(t.ask("RESET"), "RESET");
  EXPECT_EQ(
      t.ask("HELLO 3").find("(error) NOAUTH HELLO must be called with the client already authenticated"), 0U);
  EXPECT_EQ(t.ask("HELLO 3 AUTH default sesame SETNAME me").find(R"({"server" "sluice")"), 0U);
  EXPECT_EQ(t.ask("CLIENT GETNAME"), R"("me")");

  TestDoor stranger({.password = "sesame"});
  EXPECT_EQ(stranger.raw("*11\r\n"), "-ERR Protocol error: unauthenticated multibulk length\r\n");
  TestDoor open;
  EXPECT_EQ(open.ask("AUTH x").find("(error) ERR AUTH <password> called without any password"), 0U);
  EXPECT_EQ(open.ask("AUTH default x"), "OK");
}

TEST(Server, Info) {
  TestDoor t({.version = "9.8.7", .numbers = [] {
                RespNumbers n;
                n.connected_clients = 12;
                n.uptime_seconds = 90'000;
                n.keys = 7;
                return n;
              }});
  const auto all = t.ask("INFO");
  for (const auto* line :
       {"# Server\r\nredis_version:", "sluice_version:9.8.7\r\n", "uptime_in_seconds:90000\r\n",
        "uptime_in_days:1\r\n", "\r\n\r\n# Clients\r\nconnected_clients:12\r\n", "loading:0\r\n",
        "db0:keys=7,expires=7"})
    EXPECT_NE(all.find(line), std::string::npos) << line;
  EXPECT_EQ(t.ask("INFO CLIENTS"), "\"# Clients\r\nconnected_clients:12\r\nmaxclients:0\r\n\"");
  EXPECT_EQ(t.ask("INFO nonesuch"), "\"\"");
  EXPECT_EQ(t.ask("INFO everything"), all);
}

TEST(CommandTable, TellsOfItself) {
  TestDoor t;
  EXPECT_EQ(t.ask("COMMAND COUNT"), std::to_string(commands().size()));
  EXPECT_EQ(t.ask("COMMAND INFO cl.throttle nonesuch"),
            R"([["cl.throttle" -5 [write fast] 1 1 1 [@rate_limit] [] [] []] nil])");
  EXPECT_EQ(
      t.ask("COMMAND DOCS gcra"),
      R"x(["gcra" ["summary" "Take tokens from the key's bucket, as Redis's command of that name" "since" "0.1.0" )x"
      R"x("group" "rate_limit" "complexity" "O(1)" "arguments" [["name" "key" "type" "key" "key_spec_index" 0] )x"
      R"x(["name" "max-burst" "type" "integer"] ["name" "tokens-per-period" "type" "integer"] )x"
      R"x(["name" "period" "type" "double"] )x"
      R"x(["name" "count" "type" "integer" "token" "TOKENS" "flags" [optional]]]]])x");
  EXPECT_EQ(t.ask("COMMAND DOCS nonesuch"), "[]");
  EXPECT_NE(t.ask("COMMAND LIST").find(R"("client" "client|getname")"), std::string::npos);
  for (const auto* line : {"COMMAND", "COMMAND DOCS", "COMMAND INFO", "COMMAND HELP"})
    EXPECT_EQ(t.ask(line).front(), '[') << line;
  t.ask("HELLO 3");
  EXPECT_EQ(t.ask("COMMAND DOCS").front(), '{');
}

TEST(CommandTable, IsInOrderAndComplete) {
  std::string_view before;
  for (const auto& command : commands()) {
    EXPECT_LT(before, command.name);
    before = command.name;
    EXPECT_EQ(find_command(command.name), &command);
    EXPECT_FALSE(command.summary.empty());
    EXPECT_TRUE(command.run != nullptr || command.arity <= -2) << command.name;
  }
}

}  // namespace
}  // namespace sluice::door
