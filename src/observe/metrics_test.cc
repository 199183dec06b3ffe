#include "observe/metrics.h"

#include <gtest/gtest.h>

#include <thread>

namespace sluice::observe {
namespace {

using namespace std::chrono_literals;

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, SumsWhatDoorsAndLoopsCounted) {
  Metrics metrics;
  DoorMetrics& first = metrics.door("resp");
  DoorMetrics& second = metrics.door("resp");
  DoorMetrics& http = metrics.door("http");
  first.decided("api", Outcome::allowed, 60);
  first.decided("login", Outcome::never, 1);
  first.decided("api", Outcome::refused, 4);
  second.decided("api", Outcome::allowed, 5);
  http.decided("login", Outcome::never, 2);
  const auto limits = metrics.limits();
  EXPECT_EQ(limits.size(), 2U);
  EXPECT_EQ(limits.at("api"), (Outcomes{65, 4, 0}));
  EXPECT_EQ(limits.at("login"), (Outcomes{0, 0, 3}));
  first.answered(64, 30us);
  second.answered(1, 2us);
  EXPECT_EQ(metrics.requests("resp"), 65U);
  EXPECT_EQ(metrics.requests("http"), 0U);
  EXPECT_EQ(metrics.requests("none"), 0U);
}

TEST(Metrics, ALatencyBelongsToTheFirstBoundThatIsNotBelowIt) {
  ASSERT_EQ(kLatencyBounds.front(), 1us);
  ASSERT_EQ(kLatencyBounds[4], 25us);
  ASSERT_EQ(kLatencyBounds.back(), 1s);
  for (std::size_t i = 0; i < kLatencyBounds.size(); ++i) {
    Metrics metrics;
    DoorMetrics& door = metrics.door("resp");
    door.answered(3, kLatencyBounds[i]);
    door.answered(5, kLatencyBounds[i] + 1ns);
    const auto latencies = metrics.latencies().at("resp");
    EXPECT_EQ(latencies.counts[i], 3U) << i;
    EXPECT_EQ(latencies.counts[i + 1], 5U) << i;
    EXPECT_EQ(latencies.total(), 8U);
    EXPECT_EQ(latencies.sum_ns, static_cast<std::uint64_t>(8 * kLatencyBounds[i].count() + 5));
  }
}

// Reloads may bring ever new names.
TEST(Metrics, NamesAreBoundedAndNoDecisionIsLost) {
  Metrics metrics;
  DoorMetrics& door = metrics.door("resp");
  for (std::size_t i = 0; i < kLimitsCountedMax + 500; ++i)
    door.decided("limit" + std::to_string(i), Outcome::allowed, 1);
  door.decided("limit0", Outcome::allowed, 1);
  const auto limits = metrics.limits();
  EXPECT_EQ(limits.size(), kLimitsCountedMax + 1);
  EXPECT_EQ(limits.at("limit0")[0], 2U);
  EXPECT_EQ(limits.find(kOtherLimits)->second[0], 500U);
}

TEST(Metrics, ThePageIsInThePrometheusTextFormat) {
  Metrics metrics;
  DoorMetrics& door = metrics.door("resp");
  door.decided("api", Outcome::allowed, 1'234'567);
  door.decided("we\"ird\\na\nme", Outcome::refused, 1);
  door.answered(2, 3us);
  door.answered(1, 2s);
  const Family others[] = {
      {"sluice_table_keys", "Buckets.", Family::Kind::gauge, {{{}, 7}}},
      {"sluice_closed_total",
       "Closed.",
       Family::Kind::counter,
       {{{{"door", "resp"}, {"reason", "idle"}}, 3}}},
  };
  const auto text = metrics_text(metrics, others);
  for (const char* line : {
           "# TYPE sluice_decisions_total counter",
           "sluice_decisions_total{limit=\"api\",outcome=\"allowed\"} 1234567",
           "sluice_decisions_total{limit=\"api\",outcome=\"never\"} 0",
           "sluice_decisions_total{limit=\"we\\\"ird\\\\na\\nme\",outcome=\"refused\"} 1",
           "# TYPE sluice_request_seconds histogram",
           "sluice_request_seconds_bucket{door=\"resp\",le=\"2.5e-06\"} 0",
           "sluice_request_seconds_bucket{door=\"resp\",le=\"5e-06\"} 2",
           "sluice_request_seconds_bucket{door=\"resp\",le=\"0.01\"} 2",
           "sluice_request_seconds_bucket{door=\"resp\",le=\"+Inf\"} 3",
           "sluice_request_seconds_count{door=\"resp\"} 3",
           "# HELP sluice_table_keys Buckets.",
           "# TYPE sluice_table_keys gauge",
           "sluice_table_keys 7",
           "# TYPE sluice_closed_total counter",
           "sluice_closed_total{door=\"resp\",reason=\"idle\"} 3",
       })
    EXPECT_TRUE(has_line(text, line)) << line << "\nis not in\n" << text;
}

TEST(MetricsUnderThreads, AReaderSeesEveryCountGrow) {
  Metrics metrics;
  std::vector<DoorMetrics*> doors = {&metrics.door("resp"), &metrics.door("resp")};
  std::atomic<bool> done{false};
  std::vector<std::thread> writers;
  for (DoorMetrics* door : doors)
    writers.emplace_back([door] {
      for (int i = 0; i < 20'000; ++i) {
        door->decided("limit" + std::to_string(i % 3000), Outcome::allowed, 1);
        door->answered(1, Duration(i));
      }
    });
  std::thread reader([&] {
    std::uint64_t before = 0;
    while (!done) {
      const auto n = metrics.requests("resp");
      EXPECT_GE(n, before);
      before = n;
      EXPECT_FALSE(metrics_text(metrics, {}).empty());
    }
  });
  for (auto& writer : writers) writer.join();
  done = true;
  reader.join();
  std::uint64_t sum = 0;
  for (const auto& [name, outcomes] : metrics.limits()) sum += outcomes[0];
  EXPECT_EQ(sum, 40'000U);
  EXPECT_EQ(metrics.requests("resp"), 40'000U);
}

}  // namespace
}  // namespace sluice::observe
