#include <gtest/gtest.h>

#include <random>

#include "door/resp/quota_cache.h"
#include "door/resp/testing.h"

namespace sluice::door {
namespace {

constexpr int kRequests = 100'000;

// Each reply tells its request: the limit is its number, every seventh is an ECHO, every eleventh an error.
void pipeline(std::string& bytes, std::string& replies) {
  for (int i = 0; i < kRequests; ++i) {
    const std::string n = std::to_string(i);
    if (i % 7 == 0) {
      bytes += bulk_request({"ECHO", n});
      replies.append("$").append(std::to_string(n.size())).append("\r\n").append(n).append("\r\n");
    } else if (i % 11 == 0) {
      bytes += bulk_request({std::string("no").append(n)});
      replies.append("-ERR unknown command 'no").append(n).append("', with args beginning with: \r\n");
    } else {
      bytes += bulk_request({"CL.THROTTLE", std::string("key:").append(n), n, "1", "1"});
      replies.append("*5\r\n:0\r\n:")
          .append(std::to_string(i + 1))
          .append("\r\n:")
          .append(n)
          .append("\r\n:-1\r\n:1\r\n");
    }
  }
}

TEST(Pipeline, AHundredThousandInRandomCuts) {
  std::string bytes;
  std::string expected;
  pipeline(bytes, expected);
  for (const unsigned seed : {1U, 2U}) {
    std::mt19937 random(seed);
    TestDoor t;
    std::string out;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t most = seed == 1 ? 2'000 : 200'000;
      const std::size_t n = std::uniform_int_distribution<std::size_t>(1, most)(random);
      out += t.raw(std::string_view(bytes).substr(at, n));
      at += n;
    }
    while (!t.unread.empty()) {
      const auto more = t.raw("");
      ASSERT_FALSE(more.empty());
      out += more;
    }
    ASSERT_TRUE(out == expected) << "seed " << seed;
    EXPECT_EQ(t.door.requests(), static_cast<std::uint64_t>(kRequests));
  }
}

TEST(QuotaCache, PlacesAreContestedAndPointersHoldForTheBatch) {
  QuotaCache cache;
  Error why;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::pair<std::int64_t, const Quota*>> given;
    for (std::int64_t i = 1; i <= 500; ++i)
      given.emplace_back(i, cache.find({.capacity = i, .tokens = i + 1, .period = Duration{i * 1000}}, why));
    for (const auto& [i, quota] : given) {
      ASSERT_NE(quota, nullptr);
      EXPECT_EQ(quota->capacity(), i);
      EXPECT_EQ(quota->tokens(), i + 1);
      EXPECT_EQ(quota->period(), Duration{i * 1000});
    }
    cache.next_batch();
  }
  EXPECT_EQ(cache.find({.capacity = 0, .tokens = 1, .period = Duration{1}}, why), nullptr);
  EXPECT_EQ(why.message, "quota: capacity 0 must be at least 1");
}

}  // namespace
}  // namespace sluice::door
