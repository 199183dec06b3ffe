// Hold and settle: costs known only afterwards.
#include <gtest/gtest.h>
#include <simdjson.h>

#include "door/http/testing.h"
#include "observe/decisions.h"

namespace sluice::door::http {
namespace {

using namespace std::chrono_literals;

struct Counted final : observe::Decisions {
  void decided(std::string_view, Outcome outcome, std::uint64_t n) override {
    counts[static_cast<std::size_t>(outcome)] += n;
  }
  std::array<std::uint64_t, 3> counts{};
};

struct HttpHolds : testing::Test {
  Counted counted;
  std::shared_ptr<Holds> book = std::make_shared<Holds>(3);
  TestDoor t{{.holds = book},
             {test_limit("tokens", {"1/s burst 100"}), test_limit("two", {"1/s burst 100", "1/min burst 50"}),
              test_limit("dark", {"1/s burst 100"}, policy::Mode::shadow)},
             nullptr,
             &counted};

  simdjson::dom::parser parser;
  simdjson::dom::element ask(std::string_view path, std::string_view body, int status = 200) {
    const auto r = t.ask(post(path, body));
    EXPECT_EQ(r.status, status) << body << "\n" << r.body;
    simdjson::dom::element answer;
    EXPECT_EQ(parser.parse(r.body).get(answer), simdjson::SUCCESS) << r.body;
    return answer;
  }
  std::string hold(std::string_view limit, int cost, std::string_view more = "") {
    const auto answer = ask("/v1/hold", std::string(R"({"limit":")")
                                            .append(limit)
                                            .append(R"(","key":"k","cost":)" + std::to_string(cost))
                                            .append(more)
                                            .append("}"));
    return std::string(std::string_view(answer["hold"]));
  }
  simdjson::dom::element settle(std::string_view id, int actual, int status = 200) {
    return ask("/v1/settle",
               std::string(R"({"hold":")").append(id).append(R"(","actual":)" + std::to_string(actual) + "}"),
               status);
  }
  std::int64_t left(std::string_view limit) {
    return ask("/v1/peek",
               std::string(R"({"limit":")").append(limit).append(R"(","key":"k","cost":0})"))["remaining"];
  }
};

TEST_F(HttpHolds, SettlingBelowTheEstimateGivesTheRestBackOnce) {
  const auto id = hold("tokens", 80);
  EXPECT_EQ(left("tokens"), 20);
  EXPECT_EQ(std::int64_t(settle(id, 30)["remaining"]), 70);
  const auto again = settle(id, 30, 404);
  EXPECT_EQ(std::string_view(again["detail"]),
            "hold: there is none of this id: it was settled, has expired or never was");
  EXPECT_EQ(left("tokens"), 70);
}

TEST_F(HttpHolds, SettlingAboveTheEstimateLeavesADebtThatIsWaitedOut) {
  const auto answer = settle(hold("tokens", 80), 150);
  EXPECT_EQ(std::int64_t(answer["remaining"]), 0);
  EXPECT_EQ(double(answer["reset_after"]), 150);
  EXPECT_EQ(double(ask("/v1/take", R"({"limit":"tokens","key":"k"})", 429)["retry_after"]), 51);
}

TEST_F(HttpHolds, OfALimitWithTwoQuotasBothAreSettled) {
  const auto id = hold("two", 40);
  ask("/v1/take", R"({"limit":"two","key":"k","cost":11})", 429);
  settle(id, 10);
  t.at(1s);  // The first quota is full but for 9.
  EXPECT_EQ(left("two"), 40);
  ask("/v1/take", R"({"limit":"two","key":"k","cost":40})");
}

TEST_F(HttpHolds, WhatIsRefusedLeavesNoHold) {
  hold("tokens", 80);
  const auto refused = ask("/v1/hold", R"({"limit":"tokens","key":"k","cost":80})", 429);
  EXPECT_EQ(refused["hold"].error(), simdjson::NO_SUCH_FIELD);
  EXPECT_EQ(book->size(), 1U);
}

TEST_F(HttpHolds, AnExpiredHoldHasSettledAtItsEstimate) {
  const auto id = hold("tokens", 80, R"(,"expires_in":2.5)");
  t.at(2499ms);
  EXPECT_EQ(book->size(), 1U);
  t.at(2500ms);
  settle(id, 0, 404);
  EXPECT_EQ(left("tokens"), 22);
  EXPECT_EQ(book->size(), 0U);
}

TEST_F(HttpHolds, WithoutAPlaceInTheBookNothingIsTaken) {
  for (int i = 0; i < 3; ++i) hold("tokens", 10);
  const auto full = ask("/v1/hold", R"({"limit":"tokens","key":"k","cost":10})", 503);
  EXPECT_EQ(
      std::string_view(full["detail"]),
      "as many holds are open as this server keeps (max_holds); settle some, or let them expire sooner");
  EXPECT_EQ(left("tokens"), 70);
}

TEST_F(HttpHolds, AShadowHoldThatWasRefusedTakesAndGivesNothing) {
  hold("dark", 90);
  const auto id = hold("dark", 90);
  EXPECT_EQ(left("dark"), 10);
  EXPECT_EQ(std::int64_t(settle(id, 0)["remaining"]), 10);
  settle(id, 0, 404);
}

TEST_F(HttpHolds, AHoldOfALimitThatIsGoneIsNotFound) {
  const auto id = hold("tokens", 80);
  t.current.replace(std::make_shared<const policy::LimitSet>());
  EXPECT_EQ(std::string_view(settle(id, 0, 404)["detail"]),
            "limit: no limit has this name; GET /v1/limits lists those that there are");
}

TEST_F(HttpHolds, ListsAnswerEachInItsPlace) {
  std::vector<std::string> ids;
  for (const auto one : ask("/v1/hold", R"({"requests":[{"limit":"tokens","key":"k","cost":60},)"
                                        R"({"limit":"tokens","key":"k","cost":60},{"limit":"no","key":"k"},)"
                                        R"({"limit":"tokens","key":"j","cost":5}]})")["results"]
                            .get_array()) {
    std::string_view id;
    ids.emplace_back(one["hold"].get(id) == simdjson::SUCCESS ? id
                                                              : std::to_string(std::int64_t(one["status"])));
  }
  ASSERT_EQ(ids.size(), 4U);
  EXPECT_EQ(ids[1], "429");
  EXPECT_EQ(ids[2], "404");
  const auto settled = ask("/v1/settle", R"({"requests":[{"hold":")" + ids[0] +
                                             R"(","actual":1},{"hold":"ab","actual":1},{"hold":")" + ids[3] +
                                             R"(","actual":7}]})")["results"];
  EXPECT_EQ(std::int64_t(settled.at(0)["remaining"]), 99);
  EXPECT_EQ(std::int64_t(settled.at(1)["status"]), 404);
  EXPECT_EQ(std::int64_t(settled.at(2)["remaining"]), 93);
}

TEST_F(HttpHolds, AreCountedWhenTheyAreOpenedAndNotAgain) {
  settle(hold("tokens", 80), 150);
  ask("/v1/hold", R"({"limit":"tokens","key":"k"})", 429);
  EXPECT_EQ(counted.counts, (std::array<std::uint64_t, 3>{1, 1, 0}));
}

TEST_F(HttpHolds, SayWhichFieldIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"hold":"a"})", "actual: is missing; it must be a whole number from 0 to 9223372036854775807"},
      {R"({"actual":1})", "hold: is missing; it must be the id of a hold, a string"},
      {R"({"hold":7,"actual":1})", "hold: must be the id of a hold, a string"},
      {R"({"hold":"a","actual":-1})", "actual: must be a whole number from 0 to 9223372036854775807"},
      {R"({"hold":"a","actual":1,"cost":1})", "cost: is no field of this request; it has hold, actual"},
  };
  for (const auto& [body, detail] : cases)
    EXPECT_EQ(std::string_view(ask("/v1/settle", body, 400)["detail"]), detail);
  EXPECT_EQ(
      std::string_view(ask("/v1/hold", R"({"limit":"tokens","key":"k","expires_in":-1})", 400)["detail"]),
      "expires_in: must be a number of seconds, 0 or more");
}

}  // namespace
}  // namespace sluice::door::http
