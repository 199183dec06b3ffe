#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <vector>

#include "cli/histogram.h"
#include "cli/json.h"
#include "cli/keys.h"
#include "cli/load_wire.h"
#include "cli/metrics_text.h"

namespace sluice::cli {
namespace {

// Against a sorted list: never below the true value, and above it by less than 1 %.
TEST(Histogram, PercentilesAgreeWithASortedList) {
  std::mt19937_64 random(7);
  for (const double spread : {5.0, 12.0, 20.0, 40.0}) {
    Histogram h;
    std::vector<std::int64_t> all;
    for (int i = 0; i < 20'000; ++i) {
      const auto v =
          static_cast<std::int64_t>(std::exp2(std::uniform_real_distribution<>(0, spread)(random)));
      all.push_back(v);
      h.add(v);
    }
    std::sort(all.begin(), all.end());
    for (const double p : {0.01, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      const auto k = static_cast<std::size_t>(std::ceil(p / 100 * static_cast<double>(all.size())));
      const auto exact = static_cast<double>(all[k - 1]);
      EXPECT_GE(static_cast<double>(h.percentile(p)), exact) << spread << " " << p;
      EXPECT_LE(static_cast<double>(h.percentile(p)), exact * 1.008 + 1) << spread << " " << p;
    }
    EXPECT_EQ(h.max(), static_cast<std::uint64_t>(all.back()));
  }
  Histogram edge;
  EXPECT_EQ(edge.percentile(50), 0u);
  edge.add(INT64_MAX);
  edge.add(-5);
  EXPECT_EQ(edge.percentile(100), static_cast<std::uint64_t>(INT64_MAX));
  EXPECT_EQ(edge.percentile(50), 0u);
}

TEST(Keys, UniformAndZipfHaveTheirShares) {
  constexpr int kDraws = 200'000;
  const auto shares = [&](const std::string& how) {
    auto keys = Keys::make(how, 10, 42);
    EXPECT_TRUE(keys);
    std::map<std::string, int> count;
    for (int i = 0; i < kDraws; ++i) ++count[std::string((*keys)->next())];
    std::vector<double> share;
    for (int k = 0; k < 10; ++k)
      share.push_back(count["key:00000000000" + std::to_string(k)] / double{kDraws});
    EXPECT_EQ(count.size(), 10u);
    return share;
  };
  for (const double s : shares("uniform")) EXPECT_NEAR(s, 0.1, 0.005);
  for (const double s : {0.5, 1.0, 1.5}) {
    double sum = 0;
    for (int k = 1; k <= 10; ++k) sum += std::pow(k, -s);
    const auto share = shares("zipf:" + std::to_string(s));
    for (std::size_t k = 0; k < 10; ++k)
      EXPECT_NEAR(share[k], std::pow(static_cast<double>(k + 1), -s) / sum, 0.005) << s << " " << k;
  }
}

TEST(Keys, FileGivesItsLinesInTurnAndErrorsSayTheMend) {
  const auto path = ::testing::TempDir() + "sluice-keys-" + std::to_string(::getpid());
  std::ofstream(path) << "alice\n\nbob\n";
  auto keys = Keys::make("file:" + path, 1, 1);
  ASSERT_TRUE(keys);
  for (const char* want : {"alice", "bob", "alice"}) EXPECT_EQ((*keys)->next(), want);
  ::unlink(path.c_str());
  EXPECT_EQ(Keys::make("zipf:", 1, 1).error().message,
            "\"zipf:\" is not right: a number above 0 must follow, as in zipf:0.99");
  EXPECT_EQ(Keys::make("random", 1, 1).error().message,
            "\"random\" is not right: uniform, zipf:S or file:PATH");
  EXPECT_EQ(Keys::make("file:/nowhere", 1, 1).error().message, "no key in /nowhere; it holds one a line");
}

/// All replies of `bytes`, fed whole and cut at every place: the same, as A, R, E.
std::string replies(const LoadWire& wire, std::string_view bytes) {
  const auto read = [&](std::string_view first, std::string_view second) {
    std::string said, in;
    for (const auto part : {first, second}) {
      in += part;
      std::string_view rest = in;
      while (!rest.empty()) {
        const auto s = wire.reply(rest);
        if (s == Said::unfinished) break;
        said += s == Said::allowed ? 'A' : s == Said::refused ? 'R' : 'E';
      }
      in.erase(0, in.size() - rest.size());
    }
    return said + (in.empty() ? "" : "+" + std::to_string(in.size()));
  };
  const auto whole = read(bytes, "");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
    EXPECT_EQ(read(bytes.substr(0, cut), bytes.substr(cut)), whole) << cut;
  return whole;
}

TEST(LoadWire, RespRequestsAndReplies) {
  std::string out;
  resp_throttle(*Quota::parse("10/min burst 3"))->request("k1", out);
  EXPECT_EQ(out, "*5\r\n$11\r\nCL.THROTTLE\r\n$2\r\nk1\r\n$1\r\n2\r\n$2\r\n10\r\n$2\r\n60\r\n");
  const auto throttle = resp_throttle(*Quota::parse("1/s"));
  EXPECT_EQ(replies(*throttle,
                    "*5\r\n:0\r\n:1\r\n:0\r\n:-1\r\n:1\r\n*5\r\n:1\r\n:1\r\n:0\r\n:1\r\n:1\r\n-ERR x\r\n:"),
            "ARE+1");
  const auto take = resp_take("api");
  out.clear();
  take->request("k", out);
  EXPECT_EQ(out, "*3\r\n$11\r\nSLUICE.TAKE\r\n$3\r\napi\r\n$1\r\nk\r\n");
  EXPECT_EQ(replies(*take, "*6\r\n:1\r\n:1\r\n:0\r\n$1\r\n0\r\n$-1\r\n$5\r\n1\r\n/s\r\n*2\r\n:0\r\n*0\r\n"),
            "AR");
}

TEST(LoadWire, HttpRequestsAndReplies) {
  const auto take = http_take("api", "h:1");
  std::string out;
  take->request("a\"b", out);
  EXPECT_EQ(out,
            "POST /v1/take HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/json\r\nContent-Length: "
            "28\r\n\r\n{\"limit\":\"api\",\"key\":\"a\\\"b\"}");
  EXPECT_EQ(replies(*take,
                    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{ }HTTP/1.1 429 Too Many\r\nRetry-After: "
                    "1\r\ncontent-length: "
                    "0\r\n\r\nHTTP/1.1 404 No\r\nCONTENT-LENGTH:2\r\n\r\nxyHTTP/1.1 2"),
            "ARE+10");
}

TEST(MetricsText, SumsByLimit) {
  const auto counts = limit_counts(
      "# HELP sluice_decisions_total x\n"
      "sluice_decisions_total{limit=\"api\",outcome=\"allowed\"} 12\n"
      "sluice_decisions_total{limit=\"api\",outcome=\"refused\"} 3\n"
      "sluice_decisions_total{outcome=\"never\",limit=\"api\"} 1\n"
      "sluice_decisions_total{limit=\"a\\\"b\\\\\",outcome=\"allowed\"} 5e2\n"
      "sluice_decisions_total{limit=\"cut\n"
      "other 1\n");
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts.at("api").allowed, 12);
  EXPECT_EQ(counts.at("api").refused, 4);
  EXPECT_EQ(counts.at("a\"b\\").allowed, 500);
}

TEST(Json, Strings) { EXPECT_EQ(json_string("a\"\\\n\xC3\xA9"), "\"a\\\"\\\\\\u000a\xC3\xA9\""); }

}  // namespace
}  // namespace sluice::cli
