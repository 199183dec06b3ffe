// What a bucket in place of a counter that starts anew brings, on the way that a door goes: match, ask,
// decide.
#include <gtest/gtest.h>

#include "policy/policy_yaml.h"
#include "store/local/local_store.h"

namespace sluice::policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct Done final : store::Completion {
  void decided() override {}
};

class PolicyDecision : public ::testing::Test {
 protected:
  void use(const std::string& descriptors) {
    const auto reading = read_policies({{"f", "domain: d\ndescriptors:\n" + descriptors}});
    ASSERT_TRUE(reading) << problems_text(reading.problems);
    set_ = reading.set;
  }
  Decision decide(const Entry& entry, Duration at, std::uint64_t hits = 1) {
    std::string keys;
    const auto match = set_->match(set_->find("d"), {&entry, 1}, keys);
    EXPECT_EQ(match.outcome, Match::Outcome::ask);
    std::vector<store::Ask> asks;
    append_asks(*match.rule->limit, match.key(keys), match.rule->tokens(hits), Op::take, Duration{0}, asks);
    std::vector<Decision> decisions(asks.size());
    store::Batch batch{asks, decisions, start_ + at};
    Done done;
    store_.decide(batch, done);
    return combine(decisions).decision;
  }
  bool allowed(const Entry& entry, Duration at, std::uint64_t hits = 1) {
    return decide(entry, at, hits).allowed();
  }

  store::LocalStore store_{{.max_keys = 1'000}};
  const Time start_{hours(24 * 365)};
  std::shared_ptr<const PolicySet> set_;
};

TEST_F(PolicyDecision, NoSecondHelpingAtTheFullMinute) {
  use("- {key: k, rate_limit: {unit: minute, requests_per_unit: 60}}");
  const Entry e{"k", "v"};
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(allowed(e, seconds(59)));
  EXPECT_FALSE(allowed(e, seconds(59)));
  EXPECT_TRUE(allowed(e, seconds(60)));  // One second is one token, wherever the minute begins.
  EXPECT_FALSE(allowed(e, seconds(60)));
  EXPECT_FALSE(allowed(e, seconds(62), 3));
  EXPECT_TRUE(allowed(e, seconds(63), 3));
}

TEST_F(PolicyDecision, ARefusalTakesNothing) {
  use("- {key: k, rate_limit: {unit: hour, requests_per_unit: 4}}");
  const Entry e{"k", "v"};
  EXPECT_TRUE(allowed(e, minutes(0), 3));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(allowed(e, minutes(0), 2));
  EXPECT_TRUE(allowed(e, minutes(0), 1));
}

TEST_F(PolicyDecision, ResetIsTheTimeUntilFull) {
  use("- {key: k, rate_limit: {unit: day, requests_per_unit: 24}}");
  const auto decision = decide({"k", "v"}, hours(23));
  EXPECT_EQ(decision.remaining, 23);
  EXPECT_EQ(decision.reset_after, hours(1));  // Not what is left of the day, and not the day.
}

TEST_F(PolicyDecision, BurstCostAndSeveralQuotas) {
  use("- {key: k, rate_limit: {unit: minute, requests_per_unit: 60, burst: 5, quotas: [8/h], cost: 2}}");
  const Entry e{"k", "v"};
  EXPECT_TRUE(allowed(e, minutes(0)));
  EXPECT_TRUE(allowed(e, minutes(0)));
  EXPECT_FALSE(allowed(e, minutes(0)));  // One token is left of the burst.
  EXPECT_TRUE(allowed(e, minutes(1)));
  EXPECT_TRUE(allowed(e, minutes(1)));
  EXPECT_FALSE(allowed(e, minutes(2)));  // The second quota is used up, and the first is not charged.
  EXPECT_TRUE(allowed(e, minutes(15)));
}

TEST_F(PolicyDecision, ABucketBelongsToItsRule) {
  use("- {key: k, rate_limit: {unit: hour, requests_per_unit: 1}}");
  EXPECT_TRUE(allowed({"k", "bob"}, minutes(0)));
  EXPECT_FALSE(allowed({"k", "bob"}, minutes(0)));
  // A reload that changes the number keeps the bucket: it needs an hour to be full, as before.
  use("- {key: k, rate_limit: {unit: hour, requests_per_unit: 2}}");
  EXPECT_FALSE(allowed({"k", "bob"}, minutes(29)));
  EXPECT_TRUE(allowed({"k", "bob"}, minutes(30)));
  // One that brings a closer rule begins a new one under it.
  use("- {key: k, rate_limit: {unit: hour, requests_per_unit: 2}}\n"
      "- {key: k, value: bob, rate_limit: {unit: hour, requests_per_unit: 3}}");
  EXPECT_TRUE(allowed({"k", "bob"}, minutes(30), 3));
  EXPECT_FALSE(allowed({"k", "bob"}, minutes(30)));
}

TEST_F(PolicyDecision, SharedThresholdsShareTokens) {
  use("- {key: f, value: a/*, share_threshold: true, rate_limit: {unit: hour, requests_per_unit: 2}}\n"
      "- {key: f, value: b/*, rate_limit: {unit: hour, requests_per_unit: 2}}");
  EXPECT_TRUE(allowed({"f", "a/1"}, minutes(0)));
  EXPECT_TRUE(allowed({"f", "a/2"}, minutes(0)));
  EXPECT_FALSE(allowed({"f", "a/3"}, minutes(0)));
  EXPECT_TRUE(allowed({"f", "b/1"}, minutes(0), 2));
  EXPECT_TRUE(allowed({"f", "b/2"}, minutes(0), 2));
}

}  // namespace
}  // namespace sluice::policy
