// The history against exact sums, over restarts, at its bounds, and in trouble.
#include "observe/history_reader.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <random>
#include <thread>
#include <vector>

namespace sluice::observe {
namespace {

constexpr std::int64_t kStart = 1'700'000'000 - 1'700'000'000 % 3600;
using Totals = std::map<std::string, Outcomes, std::less<>>;

struct HistoryTest : ::testing::Test {
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() /
             ("sluice-history-" + std::to_string(::getpid()) + "-" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    path = folder / "history.db";
    options.tell = [this](bool, const std::string& message) { said.push_back(message); };
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::unique_ptr<History> open() {
    auto opened = History::open(path, options);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  /// Of the seconds [from, to): the sum of all points.
  static std::int64_t sum(History& history, std::int64_t step, std::int64_t from, std::int64_t to,
                          const std::string& limit = "", std::optional<Outcome> outcome = {}) {
    const auto text =
        history.query({.limit = limit, .outcome = outcome, .from = from, .to = to, .step = step});
    EXPECT_TRUE(text) << text.error().message;
    std::int64_t all = 0;
    for (std::size_t at = 0; (at = text->find_first_of("[,", at)) != std::string::npos; ++at) {
      std::int64_t t = 0, n = 0;
      if (std::sscanf(text->c_str() + at, "[%ld,%ld]", &t, &n) == 2) all += n;
    }
    return all;
  }

  std::filesystem::path folder, path;
  HistoryOptions options;
  std::vector<std::string> said;
};

TEST_F(HistoryTest, SumsAreExactAtEachResolution) {
  auto history = open();
  Totals totals;
  std::mt19937_64 random(1);
  std::map<std::pair<std::string, int>, std::int64_t> exact, of_first_minute;
  for (std::int64_t s = 0; s < 4000; s += s < 120 ? 1 : 17) {  // Over an hour.
    for (const char* limit : {"api", "login"})
      for (int outcome = 0; outcome < 3; ++outcome) {
        const auto n = random() % 5;
        totals[limit][static_cast<std::size_t>(outcome)] += n;
        exact[{limit, outcome}] += static_cast<std::int64_t>(n);
        if (s < 60) of_first_minute[{limit, outcome}] += static_cast<std::int64_t>(n);
      }
    ASSERT_TRUE(history->record(totals, kStart + s));
  }
  for (const auto& [which, n] : exact)
    for (const std::int64_t step : kHistorySteps) {
      EXPECT_EQ(sum(*history, step, kStart, kStart + 7200, which.first, static_cast<Outcome>(which.second)),
                n)
          << step;
      if (step < 3600) {
        EXPECT_EQ(sum(*history, step, kStart, kStart + 60, which.first, static_cast<Outcome>(which.second)),
                  of_first_minute[which]);
      }
    }
}

TEST_F(HistoryTest, AnswersAreAsDocumented) {
  auto history = open();
  EXPECT_EQ(*history->query({.to = kStart}), R"({"step":"1s","series":[]})");
  history->record({{"api", {3, 2, 0}}}, kStart);
  history->record({{"api", {3, 3, 0}}, {"login", {0, 0, 1}}}, kStart + 61);
  const auto t = [](std::int64_t s) { return std::to_string(kStart + s); };
  EXPECT_EQ(*history->query({.from = kStart, .to = kStart + 100, .step = 60}),
            R"({"step":"1m","series":[{"limit":"api","outcome":"allowed","points":[[)" + t(0) + ",3]]}," +
                R"({"limit":"api","outcome":"refused","points":[[)" + t(0) + ",2],[" + t(60) + ",1]]}," +
                R"({"limit":"login","outcome":"never","points":[[)" + t(60) + ",1]]}]}");
  EXPECT_EQ(*history->query({.limit = "api", .outcome = Outcome::refused, .from = kStart, .to = kStart + 61}),
            R"({"step":"1s","series":[{"limit":"api","outcome":"refused","points":[[)" + t(0) + ",2]]}]}");
}

TEST_F(HistoryTest, GoesOnAfterARestart) {
  open()->record({{"api", {5, 0, 0}}}, kStart);
  auto history = open();
  history->record({{"api", {2, 0, 0}}}, kStart);  // The totals of a new process begin at 0.
  history->record({{"api", {4, 0, 0}}}, kStart + 1);
  EXPECT_EQ(sum(*history, 1, kStart, kStart + 1), 7);
  EXPECT_EQ(sum(*history, 3600, kStart, kStart + 1), 9);
}

TEST_F(HistoryTest, EachResolutionIsKeptForItsTime) {
  options.keep = {100, 1200, 7200};
  auto history = open();
  for (std::int64_t s = 0; s < 10'000; s += 10)
    history->record({{"api", {static_cast<std::uint64_t>(s + 10), 0, 0}}}, kStart + s);
  const std::int64_t end = kStart + 10'000;
  EXPECT_GE(sum(*history, 1, 0, end), 90);
  EXPECT_LE(sum(*history, 1, 0, end), 100 + 60);
  EXPECT_GE(sum(*history, 60, 0, end), 1200 - 60);
  EXPECT_LE(sum(*history, 60, 0, end), 1200 + 120);
  EXPECT_GE(sum(*history, 3600, 0, end), 7200 - 3600);
  EXPECT_LT(sum(*history, 3600, 0, end), 10'000);
}

TEST_F(HistoryTest, StaysBelowItsBytes) {
  options.bytes_max = 150'000;
  auto history = open();
  Totals totals;
  std::int64_t refused_writes = 0;
  for (std::int64_t s = 0; s < 500; ++s) {
    for (int i = 0; i < 20; ++i) ++totals["limit" + std::to_string(i)][0];
    refused_writes += history->record(totals, kStart + s) ? 0 : 1;
  }
  EXPECT_LE(std::filesystem::file_size(path), 150'000U + 4096);
  EXPECT_FALSE(said.empty());
  EXPECT_NE(said[0].find("history_max"), std::string::npos);
  EXPECT_LT(refused_writes, 50);
  EXPECT_EQ(sum(*history, 3600, 0, kStart + 500), 500 * 20);  // The longest steps keep it all.
}

TEST_F(HistoryTest, WhatCannotBeWrittenWaits) {
  auto history = open();
  sqlite3* other = nullptr;
  sqlite3_open(path.c_str(), &other);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_FALSE(history->record({{"api", {5, 0, 0}}}, kStart));
  EXPECT_FALSE(history->record({{"api", {7, 0, 0}}}, kStart + 1));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("database is locked"), std::string::npos) << said[0];
  sqlite3_close(other);
  EXPECT_TRUE(history->record({{"api", {9, 0, 0}}}, kStart + 2));
  EXPECT_EQ(sum(*history, 1, 0, kStart + 10), 9);
  EXPECT_EQ(history->failed(), 2U);
}

TEST_F(HistoryTest, ADamagedFileIsSetAside) {
  std::ofstream(path) << std::string(10'000, 'x');
  auto history = open();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("is damaged"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(path.string() + ".damaged"));
  EXPECT_TRUE(history->record({{"api", {1, 0, 0}}}, kStart));
  EXPECT_EQ(sum(*history, 1, 0, kStart + 1), 1);
}

TEST_F(HistoryTest, WhatIsNotItsOwnIsLeftAlone) {
  sqlite3* other = nullptr;
  sqlite3_open(path.c_str(), &other);
  sqlite3_exec(other, "CREATE TABLE t(a)", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  const auto opened = History::open(path, options);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("another program"), std::string::npos);
  EXPECT_FALSE(History::open(folder / "no" / "such" / "folder", options));
}

TEST_F(HistoryTest, AQueryHasAnEnd) {
  options.query_time = Duration{0};
  auto history = open();
  Totals totals;
  for (std::int64_t s = 0; s < 1000; ++s) {
    ++totals["api"][0];
    history->record(totals, kStart + s);
  }
  const auto told = history->query({.from = kStart, .to = kStart + 1000});
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Code::unavailable);
  EXPECT_NE(told.error().message.find("not read in time"), std::string::npos) << told.error().message;
  EXPECT_TRUE(history->record(totals, kStart + 1000));
}

TEST_F(HistoryTest, IsReadOnAThreadOfItsOwnByABoundedQueue) {
  auto history = open();
  history->record({{"api", {7, 0, 0}}}, kStart);
  HistoryReader reader;
  const auto ignore = [](const Result<std::string>&) {};
  EXPECT_FALSE(reader.ask({.to = kStart + 1}, ignore));  // It has not begun.
  reader.begin(*history);
  std::promise<std::string> first;
  std::promise<void> go;
  ASSERT_TRUE(reader.ask({.to = kStart + 1}, [&](Result<std::string> told) {
    go.get_future().wait();
    first.set_value(told ? *told : told.error().message);
  }));
  int taken = 0;  // While the first is at work; that it was taken off the queue may come late.
  std::atomic<int> answered{0};
  while (reader.ask({.to = kStart + 1}, [&](const Result<std::string>&) { ++answered; })) ++taken;
  EXPECT_GE(taken, static_cast<int>(kHistoryQueriesMax) - 1);
  EXPECT_LE(taken, static_cast<int>(kHistoryQueriesMax));
  go.set_value();
  EXPECT_NE(first.get_future().get().find("[" + std::to_string(kStart) + ",7]"), std::string::npos);
  while (answered < taken) std::this_thread::yield();
  EXPECT_TRUE(reader.ask({.to = kStart + 1}, ignore));
  reader.end();
  EXPECT_FALSE(reader.ask({.to = kStart + 1}, ignore));
}

TEST_F(HistoryTest, TooLongAnAnswerIsRefused) {
  auto history = open();
  options.keep[0] = 1'000'000;
  Totals totals;
  for (std::int64_t s = 0; s < 2100; ++s) {
    for (int i = 0; i < 10; ++i) ++totals["l" + std::to_string(i)][0];
    history->record(totals, kStart + s);
  }
  EXPECT_EQ(history->query({.from = kStart, .to = kStart + 2100}).error().code, Code::out_of_range);
  EXPECT_TRUE(history->query({.limit = "l1", .from = kStart, .to = kStart + 2100}));
  EXPECT_TRUE(history->query({.from = kStart, .to = kStart + 2100, .step = 60}));
}

}  // namespace
}  // namespace sluice::observe
