// ShouldRateLimit: what is answered, and what is charged.
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "door/grpc/testing.h"
#include "policy/policy_yaml.h"

namespace sluice::door::grpc {
namespace {

using namespace std::chrono_literals;
using policy::Unit;

/// user: 5 a minute; tenant: 3 an hour, named; open: unlimited; shut: none; dark: 1 a day in shadow.
std::vector<policy::Descriptor> descriptors() {
  policy::Rule unlimited;
  unlimited.kind = policy::Rule::Kind::unlimited;
  policy::Rule dark = test_rule(1, Unit::day);
  dark.mode = policy::Mode::shadow;
  return {test_descriptor("user", "", test_rule(5, Unit::minute)),
          test_descriptor("tenant", "", test_rule(3, Unit::hour, "per_tenant")),
          test_descriptor("open", "", std::move(unlimited)),
          test_descriptor("shut", "", test_rule(0, Unit::second)),
          test_descriptor("dark", "", std::move(dark))};
}

TEST(RateLimit, ABurstThenRefusalsThenTokens) {
  TestDoor door(descriptors());
  for (int i = 4; i >= 0; --i) EXPECT_EQ(door.ask({{"user", "a"}}), "OK: OK " + std::to_string(i) + "/5");
  EXPECT_EQ(door.ask({{"user", "a"}}), "OVER: OVER 0/5");
  EXPECT_EQ(door.ask({{"user", "b"}}), "OK: OK 4/5");
  door.now += 12s;
  EXPECT_EQ(door.ask({{"user", "a"}}), "OK: OK 0/5");
  EXPECT_EQ(door.ask({{"user", "a"}}), "OVER: OVER 0/5");
}

TEST(RateLimit, TellsTheLimitAndWhenItIsFull) {
  TestDoor door(descriptors());
  const auto response = door.ask(request_of({{{"tenant", "t"}}}));
  const auto& status = response.statuses(0);
  EXPECT_EQ(status.current_limit().name(), "per_tenant");
  EXPECT_EQ(status.current_limit().requests_per_unit(), 3U);
  EXPECT_EQ(status.current_limit().unit(), rls::RateLimitResponse::RateLimit::HOUR);
  EXPECT_EQ(status.limit_remaining(), 2U);
  EXPECT_EQ(status.duration_until_reset().seconds(), 1200);
  EXPECT_EQ(status.duration_until_reset().nanos(), 0);
  EXPECT_EQ(response.response_headers_to_add_size(), 0);
  EXPECT_FALSE(response.has_dynamic_metadata());
}

TEST(RateLimit, EveryUnitByItsNumber) {
  const struct {
    Unit unit;
    int number;
  } rows[] = {{Unit::second, 1}, {Unit::minute, 2}, {Unit::hour, 3}, {Unit::day, 4},
              {Unit::month, 5},  {Unit::year, 6},   {Unit::week, 7}};
  for (const auto& [unit, number] : rows) {
    TestDoor door({test_descriptor("k", "", test_rule(2, unit))});
    EXPECT_EQ(door.ask(request_of({{{"k", "v"}}})).statuses(0).current_limit().unit(), number);
  }
}

TEST(RateLimit, StatusesComeInTheOrderOfTheDescriptors) {
  TestDoor door(descriptors());
  EXPECT_EQ(TestDoor::show(
                door.ask(request_of({{{"none", "x"}}, {{"tenant", "t"}}, {{"open", "o"}}, {{"user", "u"}}}))),
            "OK: OK 0, OK 2/3, OK 4294967295, OK 4/5");
  EXPECT_EQ(TestDoor::show(door.ask(request_of({{{"user", "u"}}, {{"tenant", "t"}}}))), "OK: OK 3/5, OK 1/3");
}

TEST(RateLimit, AllOrNothing) {
  TestDoor door(descriptors());
  const auto both = request_of({{{"user", "u"}}, {{"tenant", "t"}}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(door.ask(both).overall_code(), rls::RateLimitResponse::OK);
  for (int i = 0; i < 5; ++i)  // The tenant has none left: the user keeps his two.
    EXPECT_EQ(TestDoor::show(door.ask(both)), "OVER: OK 2/5, OVER 0/3");
  EXPECT_EQ(door.ask({{"user", "u"}}), "OK: OK 1/5");
}

TEST(RateLimit, OrEachForItselfAsTheReferenceDoes) {
  TestDoor door(descriptors(), {.rls = {.charge = RlsOptions::Charge::each}});
  const auto both = request_of({{{"user", "u"}}, {{"tenant", "t"}}});
  for (int i = 0; i < 3; ++i) door.ask(both);
  EXPECT_EQ(TestDoor::show(door.ask(both)), "OVER: OK 1/5, OVER 0/3");
  EXPECT_EQ(TestDoor::show(door.ask(both)), "OVER: OK 0/5, OVER 0/3");
  EXPECT_EQ(TestDoor::show(door.ask(both)), "OVER: OVER 0/5, OVER 0/3");
}

TEST(RateLimit, ARuleThatRefusesAllChargesNobodyElse) {
  TestDoor door(descriptors());
  EXPECT_EQ(TestDoor::show(door.ask(request_of({{{"user", "u"}}, {{"shut", "x"}}}))),
            "OVER: OK 5/5, OVER 0/0");
  EXPECT_EQ(door.ask({{"user", "u"}}), "OK: OK 4/5");
}

TEST(RateLimit, TheSameBucketTwiceIsChargedTwice) {
  TestDoor door(descriptors());
  const auto twice = request_of({{{"user", "u"}}, {{"user", "u"}}});
  EXPECT_EQ(TestDoor::show(door.ask(twice)), "OK: OK 4/5, OK 3/5");
  door.ask(twice);
  EXPECT_EQ(door.ask(twice).overall_code(), rls::RateLimitResponse::OVER_LIMIT);
  EXPECT_EQ(door.ask({{"user", "u"}}), "OK: OK 0/5");
}

TEST(RateLimit, HitsOfTheRequestAndOfTheDescriptor) {
  TestDoor door(descriptors());
  EXPECT_EQ(door.ask({{"user", "u"}}, 3), "OK: OK 2/5");
  EXPECT_EQ(door.ask({{"user", "u"}}, 3), "OVER: OVER 2/5") << "a refused request takes nothing";
  EXPECT_EQ(door.ask({{"user", "u"}}, 6), "OVER: OVER 2/5") << "more than there can ever be";
  auto own = request_of({{{"user", "u"}}, {{"tenant", "t"}}}, 9);
  own.mutable_descriptors(0)->mutable_hits_addend()->set_value(0);  // Only looks.
  own.mutable_descriptors(1)->mutable_hits_addend()->set_value(2);
  EXPECT_EQ(TestDoor::show(door.ask(own)), "OK: OK 2/5, OK 1/3");
  EXPECT_EQ(TestDoor::show(door.ask(own)), "OVER: OK 2/5, OVER 1/3");
  own.mutable_descriptors(1)->mutable_hits_addend()->set_value(~std::uint64_t{0});
  EXPECT_EQ(TestDoor::show(door.ask(own)), "OVER: OK 2/5, OVER 1/3");
}

TEST(RateLimit, WhatMatchesNothingIsNotLimited) {
  TestDoor door(descriptors());
  EXPECT_EQ(door.ask({{"nobody", "knows"}}), "OK: OK 0");
  EXPECT_EQ(TestDoor::show(door.ask(request_of({{{"user", "u"}}}, 0, "other"))), "OK: OK 0");
  EXPECT_EQ(TestDoor::show(door.ask(request_of({{}}))), "OK: OK 0");
  TestDoor empty({});
  EXPECT_EQ(empty.ask({{"user", "u"}}), "OK: OK 0");
}

TEST(RateLimit, ShadowModeTellsAndPassesAndHoldsNobodyBack) {
  TestDoor door(descriptors());
  EXPECT_EQ(door.ask({{"dark", "x"}}), "OK: OK 0/1");
  EXPECT_EQ(door.ask({{"dark", "x"}}), "OK: OK 0/1");
  // Another descriptor of the same request is charged all the same.
  EXPECT_EQ(TestDoor::show(door.ask(request_of({{{"dark", "x"}}, {{"user", "u"}}}))), "OK: OK 0/1, OK 4/5");
}

TEST(RateLimit, AllInShadow) {
  TestDoor door(descriptors(), {.rls = {.shadow = true}});
  for (int i = 0; i < 5; ++i) door.ask({{"user", "u"}});
  EXPECT_EQ(door.ask({{"user", "u"}}), "OK: OVER 0/5");
}

TEST(RateLimit, QuotaModeRefusesWhenEveryGroupIsOver) {
  auto rule = test_rule(1, Unit::hour);
  rule.quota_mode = true;
  TestDoor door({test_descriptor("backend_name", "", std::move(rule))});
  const auto two = request_of({{{"backend_name", "x"}}, {{"backend_name", "y"}}});
  EXPECT_EQ(door.ask({{"backend_name", "x"}}), "OK: OK 0/1");
  EXPECT_EQ(TestDoor::show(door.ask(two)), "OK: OVER 0/1, OK 0/1") << "y had one left";
  EXPECT_EQ(TestDoor::show(door.ask(two)), "OVER: OVER 0/1, OVER 0/1");
  EXPECT_EQ(door.ask({{"backend_name", "x"}}), "OVER: OVER 0/1");
}

TEST(RateLimit, ALimitThatTheRequestBrings) {
  TestDoor door(descriptors());
  auto request = request_of({{{"user", "u"}}});
  auto& limit = *request.mutable_descriptors(0)->mutable_limit();
  limit.set_requests_per_unit(2);
  limit.set_unit(envoy::type::v3::DAY);
  const auto response = door.ask(request);
  EXPECT_EQ(TestDoor::show(response), "OK: OK 1/2");
  EXPECT_EQ(response.statuses(0).current_limit().unit(), rls::RateLimitResponse::RateLimit::DAY);
  EXPECT_EQ(TestDoor::show(door.ask(request)), "OK: OK 0/2");
  EXPECT_EQ(TestDoor::show(door.ask(request)), "OVER: OVER 0/2");
  EXPECT_EQ(door.ask({{"user", "u"}}), "OK: OK 4/5") << "the rule's own bucket is another one";
  limit.set_unit(envoy::type::v3::UNKNOWN);
  EXPECT_EQ(TestDoor::show(door.ask(request)), "OK: OK 3/5") << "no unit, no quota: the rule holds";
  limit.set_unit(static_cast<envoy::type::v3::RateLimitUnit>(99));
  EXPECT_EQ(TestDoor::show(door.ask(request)), "OK: OK 2/5");
  limit.set_unit(envoy::type::v3::SECOND);
  limit.set_requests_per_unit(0);
  EXPECT_EQ(TestDoor::show(door.ask(request)), "OVER: OVER 0/0");
}

TEST(RateLimit, ReplacedRulesFallAway) {
  auto strong = test_rule(1, Unit::hour, "strong");
  strong.replaces = {"weak"};
  TestDoor door({test_descriptor("a", "", test_rule(1, Unit::hour, "weak")),
                 test_descriptor("b", "", std::move(strong))});
  EXPECT_EQ(TestDoor::show(door.ask(request_of({{{"a", "x"}}, {{"b", "x"}}}))), "OK: OK 0, OK 0/1");
  EXPECT_EQ(door.ask({{"a", "x"}}), "OK: OK 0/1");
}

TEST(RateLimit, ErrorsAreTheReferencesOwn) {
  TestDoor door(descriptors());
  const auto no_domain = door.call(request_of({{{"user", "u"}}}, 1, ""));
  EXPECT_EQ(no_domain.status, "2");
  EXPECT_EQ(no_domain.message, "rate limit domain must not be empty");
  const auto no_descriptors = door.call(request_of({}, 1));
  EXPECT_EQ(no_descriptors.status, "2");
  EXPECT_EQ(no_descriptors.message, "rate limit descriptor list must not be empty");
}

TEST(RateLimit, AsManyAsCanStandTogetherAndNotOneMore) {
  TestDoor door(descriptors());
  rls::RateLimitRequest request = request_of({});
  for (int i = 0; i < 32; ++i)
    *request.add_descriptors() = request_of({{{"user", std::to_string(i)}}}).descriptors(0);
  EXPECT_EQ(door.ask(request).overall_code(), rls::RateLimitResponse::OK);
  *request.add_descriptors() = request_of({{{"nobody", "x"}}}).descriptors(0);
  EXPECT_EQ(door.ask(request).statuses_size(), 33) << "what matches nothing needs no place";
  *request.add_descriptors() = request_of({{{"user", "one more"}}}).descriptors(0);
  const auto refused = door.call(request);
  EXPECT_EQ(refused.status, "3");
  EXPECT_EQ(refused.message, "descriptors: the quotas of at most 32 can stand or fall together; send fewer");
  EXPECT_EQ(door.ask({{"user", "one more"}}), "OK: OK 4/5");
  TestDoor each(descriptors(), {.rls = {.charge = RlsOptions::Charge::each}});
  EXPECT_EQ(each.ask(request).overall_code(), rls::RateLimitResponse::OK);
  for (int i = 0; i < 300; ++i) *request.add_descriptors() = request.descriptors(0);
  EXPECT_EQ(each.call(request).status, "3");
}

std::map<std::string, std::string> headers(const rls::RateLimitResponse& response) {
  std::map<std::string, std::string> all;
  for (const auto& field : response.response_headers_to_add()) all[field.key()] = field.value();
  return all;
}

TEST(RateLimit, HeadersTellOfTheDescriptorNearestToItsLimit) {
  TestDoor door(descriptors(), {.rls = {.x_ratelimit_fields = true, .ratelimit_fields = true}});
  const auto both = request_of({{{"user", "u"}}, {{"tenant", "t"}}});
  using Map = std::map<std::string, std::string>;
  EXPECT_EQ(headers(door.ask(both)), (Map{{"X-RateLimit-Limit", "3"},
                                          {"X-RateLimit-Remaining", "2"},
                                          {"X-RateLimit-Reset", "1200"},
                                          {"RateLimit-Policy", "\"per_tenant\";q=3;w=3600"},
                                          {"RateLimit", "\"per_tenant\";r=2;t=1200"}}));
  for (int i = 0; i < 4; ++i) door.ask({{"user", "u"}});
  EXPECT_EQ(headers(door.ask(both)), (Map{{"X-RateLimit-Limit", "5"},
                                          {"X-RateLimit-Remaining", "0"},
                                          {"X-RateLimit-Reset", "60"},
                                          {"RateLimit-Policy", "\"d.user\";q=5;w=60"},
                                          {"RateLimit", "\"d.user\";r=0;t=12"},
                                          {"Retry-After", "12"}}));
  EXPECT_EQ(headers(door.ask(request_of({{{"nobody", "x"}}}))), Map{});
}

TEST(RateLimit, MetadataNamesTheRuleThatRefused) {
  TestDoor door(descriptors());
  const auto both = request_of({{{"tenant", "t"}}, {{"user", "u"}}});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(door.ask(both).has_dynamic_metadata());
  const auto fields = door.ask(both).dynamic_metadata().fields();
  EXPECT_EQ(fields.at("rule").string_value(), "d.tenant");
  EXPECT_EQ(fields.at("name").string_value(), "per_tenant");
  EXPECT_EQ(fields.at("descriptor").string_value(), "tenant=t");
  EXPECT_EQ(fields.at("quota").string_value(), "3/h");
  EXPECT_EQ(fields.at("retry_after").number_value(), 1200);
  TestDoor always(descriptors(), {.rls = {.metadata = RlsOptions::Metadata::always}});
  EXPECT_EQ(always.ask(both).dynamic_metadata().fields().at("rule").string_value(), "d.tenant");
  TestDoor never(descriptors(), {.rls = {.metadata = RlsOptions::Metadata::never}});
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(never.ask(both).has_dynamic_metadata());
}

TEST(RateLimit, MetadataExplainsEachDescriptor) {
  const policy::PolicyFile file{"p.yaml", R"(
domain: d
descriptors:
  - {key: user, rate_limit: {unit: minute, requests_per_unit: 5}}
  - {key: tenant, rate_limit: {name: per_tenant, unit: hour, requests_per_unit: 1}}
  - {key: open, rate_limit: {unlimited: true}}
  - {key: shut, rate_limit: {unit: day, requests_per_unit: 0}}
)"};
  const auto version = policy::Source(file.name, file.text, 0).version;
  for (const bool shared : {false, true}) {
    TestDoor door({}, {.rls = {.explain = true, .shared = shared}});
    door.policies.replace(policy::read_policies({file}).set);
    const std::string store = shared ? "shared" : "local";
    auto request = request_of({{{"user", "u"}}, {{"tenant", "t"}}, {{"none", "x"}}, {{"open", "x"}}});
    const auto is = [&](const std::string& json) {
      google::protobuf::Struct want;
      EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &want).ok()) << json;
      EXPECT_EQ(door.ask(request).dynamic_metadata().DebugString(), want.DebugString());
    };
    const auto rule = [&](const std::string& name, const std::string& descriptor, const std::string& more) {
      return R"("rule":"d.)" + name + R"(","descriptor":")" + descriptor + R"(","version":")" + version +
             "\"," + more;
    };
    const auto bucket = [&](const std::string& quota, const char* outcome, int remaining) {
      return R"("quota":")" + quota + R"(","outcome":")" + outcome + R"(","store":")" + store +
             R"(","remaining":)" + std::to_string(remaining);
    };
    const auto open = rule("open", "open=x", R"("quota":"unlimited","outcome":"allowed")");
    auto tenant = rule("tenant", "tenant=t", R"("name":"per_tenant",)" + bucket("1/h", "allowed", 0));
    is("{" + tenant + R"(,"descriptors":[{)" + rule("user", "user=u", bucket("5/min", "allowed", 4)) + "},{" +
       tenant + "},{},{" + open + "}]}");
    tenant = rule("tenant", "tenant=t",
                  R"("name":"per_tenant","retry_after":3600,)" + bucket("1/h", "refused", 0));
    is("{" + tenant + R"(,"descriptors":[{)" + rule("user", "user=u", bucket("5/min", "allowed", 4)) + "},{" +
       tenant + "},{},{" + open + "}]}");
    request = request_of({{{"shut", "x"}}});
    const auto shut = rule("shut", "shut=x", R"("quota":"refuses all","outcome":"never")");
    is("{" + shut + R"(,"descriptors":[{)" + shut + "}]}");
    // A limit of the request's own has no version.
    request = request_of({{{"user", "u"}}});
    request.mutable_descriptors(0)->mutable_limit()->set_requests_per_unit(7);
    request.mutable_descriptors(0)->mutable_limit()->set_unit(envoy::type::v3::RateLimitUnit::HOUR);
    EXPECT_EQ(door.ask(request).dynamic_metadata().fields().count("version"), 0u);
  }
}

TEST(RateLimit, MetadataOfTheRulesThatLetItPass) {
  const auto reading = policy::read_policies({{"p.yaml", R"(
domain: d
descriptors:
  - key: backend_name
    value: a
    quota_mode: true
    metadata: {name: first, route: {a: 1, both: "1"}, weights: [1.5, true, ~, -2]}
    rate_limit: {unit: hour, requests_per_unit: 1}
  - key: backend_name
    value: b
    quota_mode: true
    metadata: {name: second, route: {b: 2, both: "2"}}
    rate_limit: {unit: hour, requests_per_unit: 2}
  - key: open
    metadata: {name: open}
    rate_limit: {unlimited: true}
)"}});
  ASSERT_TRUE(reading) << policy::problems_text(reading.problems);
  TestDoor door({});
  door.policies.replace(reading.set);
  const auto told = [&] {
    const auto response =
        door.ask(request_of({{{"open", "x"}}, {{"backend_name", "a"}}, {{"backend_name", "b"}}}));
    const auto& fields = response.dynamic_metadata().fields();
    const auto found = fields.find("metadata");
    return found == fields.end() ? "" : found->second.struct_value().ShortDebugString();
  };
  const auto is = [](const std::string& text, const char* json) {
    google::protobuf::Struct want;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &want).ok());
    EXPECT_EQ(text, want.ShortDebugString());
  };
  is(told(), R"({"name":"first","route":{"a":1,"b":2,"both":"1"},"weights":[1.5,true,null,-2]})");
  is(told(), R"({"name":"second","route":{"b":2,"both":"2"}})");  // The first has none left.
  EXPECT_EQ(told(), "") << "nobody lets it pass";
}

TEST(RateLimit, ARuleOfQuotasAlone) {
  policy::Rule rule;
  rule.limit.emplace("", std::vector{*Quota::parse("10/s burst 20"), *Quota::parse("3/h")});
  TestDoor door({test_descriptor("k", "", std::move(rule))});
  const auto response = door.ask(request_of({{{"k", "v"}}}));
  EXPECT_EQ(TestDoor::show(response), "OK: OK 2/3");
  EXPECT_EQ(response.statuses(0).current_limit().unit(), rls::RateLimitResponse::RateLimit::HOUR);
  EXPECT_EQ(door.ask({{"k", "v"}}, 3), "OVER: OVER 2/3");
}

// The reader gave such a rule the first quota's number and unit, which were then told whichever decided.
TEST(RateLimit, QuotasAloneAsReadFromAFile) {
  const auto reading = policy::read_policies({{"p.yaml", R"(
domain: d
descriptors:
  - key: k
    deny: [never]
    rate_limit: {quotas: [2/s burst 3, 4/min, 100/5min]}
)"}});
  ASSERT_TRUE(reading) << policy::problems_text(reading.problems);
  TestDoor door({});
  door.policies.replace(reading.set);
  using Limit = rls::RateLimitResponse::RateLimit;
  const auto limit = [&](const rls::RateLimitResponse& r) { return r.statuses(0).current_limit(); };
  auto response = door.ask(request_of({{{"k", "v"}}}, 3));
  EXPECT_EQ(TestDoor::show(response), "OK: OK 0/2");
  EXPECT_EQ(limit(response).unit(), Limit::SECOND);
  door.now += 1s;
  response = door.ask(request_of({{{"k", "v"}}}, 2));  // The second gave two back, the minute none yet.
  EXPECT_EQ(TestDoor::show(response), "OVER: OVER 1/4");
  EXPECT_EQ(limit(response).unit(), Limit::MINUTE);
  EXPECT_EQ(response.statuses(0).duration_until_reset().seconds(), 44);
  response = door.ask(request_of({{{"k", "never"}}}));
  EXPECT_EQ(TestDoor::show(response), "OVER: OVER 0/2");
  EXPECT_EQ(limit(response).unit(), Limit::SECOND);
}

TEST(RateLimit, DecisionsAreCountedByRule) {
  struct Counts final : observe::Decisions {
    void decided(std::string_view limit, sluice::Outcome outcome, std::uint64_t n) override {
      all[std::string(limit) + (outcome == sluice::Outcome::allowed ? " +" : " -")] += n;
    }
    std::map<std::string, std::uint64_t> all;
  } counts;
  TestDoor door(descriptors(), {}, nullptr, &counts);
  const auto both = request_of({{{"tenant", "t"}}, {{"user", "u"}}, {{"open", "x"}}});
  for (int i = 0; i < 5; ++i) door.ask(both);
  EXPECT_EQ(counts.all,
            (std::map<std::string, std::uint64_t>{{"d.tenant +", 3}, {"d.tenant -", 2}, {"d.user +", 5}}));
  EXPECT_EQ(door.door.requests(), 5U);
}

/// What was counted since the last look, as "d.user 3: 3 within, 1 near".
struct RuleTexts final : observe::Decisions {
  void decided(std::string_view, sluice::Outcome, std::uint64_t) override {}
  void hit(const observe::CountedRule& rule, const observe::RuleHits& hits) override {
    EXPECT_LT(rule.index, rule.rules);
    EXPECT_EQ(rule.domain, "d");
    add(std::string(rule.name), hits);
  }
  void hit(std::string_view domain, std::string_view name, const observe::RuleHits& hits) override {
    EXPECT_EQ(domain, "d");
    add("named " + std::string(name), hits);
  }
  void unknown_domain(std::string_view domain) override { text += "no " + std::string(domain) + "\n"; }
  void shadowed() override { text += "shadowed\n"; }
  void add(std::string name, const observe::RuleHits& hits) {
    constexpr const char* kWords[] = {"", " within", " near", " over", " shadow", " back"};
    for (std::size_t i = 0; i < hits.size(); ++i)
      if (hits[i] != 0) name += " " + std::to_string(hits[i]) + kWords[i];
    text += name + "\n";
  }
  std::string take() { return std::exchange(text, {}); }
  std::string text;
};

// Envoyproxy/ratelimit's thresholds: near is what lies above floor(0.8 * capacity).
TEST(RateLimit, HitsAreCountedByRuleAndHowNearTheLimit) {
  RuleTexts counts;
  TestDoor door({test_descriptor("user", "", test_rule(10, Unit::hour))}, {}, nullptr, &counts);
  struct Row {
    std::uint32_t hits;
    const char* counted;
  };
  for (const Row& row : std::vector<Row>{
           {7, "d.user 7 7 within\n"},
           {1, "d.user 1 1 within\n"},  // 8 of 10: at the threshold.
           {3, "d.user 3 3 over\n"},    // A refusal takes nothing, so none of it was near.
           {1, "d.user 1 1 within 1 near\n"},
           {1, "d.user 1 1 within 1 near\n"},
           {1, "d.user 1 1 over\n"},
       }) {
    door.ask({{"user", "u"}}, row.hits);
    EXPECT_EQ(counts.take(), row.counted) << row.hits;
  }
  door.ask({{"user", "v"}}, 10);
  EXPECT_EQ(counts.take(), "d.user 10 10 within 2 near\n") << "an addend is split at the threshold";
  auto look = request_of({{{"user", "v"}}});
  look.mutable_descriptors(0)->mutable_hits_addend()->set_value(0);
  door.ask(look);
  EXPECT_EQ(counts.take(), "") << "who only looks hits nothing";
  look.mutable_descriptors(0)->mutable_hits_addend()->set_value(~std::uint64_t{0});
  door.ask(look);
  EXPECT_EQ(counts.take(), "d.user 4294967295 4294967295 over\n") << "one request does not spoil the count";
}

TEST(RateLimit, NearTheLimitIsASettingAndCountsHitsNotTokens) {
  RuleTexts counts;
  auto costly = test_rule(10, Unit::hour);
  costly.cost = 3;
  TestDoor door({test_descriptor("user", "", std::move(costly))}, {.rls = {.near_limit_millionths = 500'000}},
                nullptr, &counts);
  door.ask({{"user", "u"}}, 1);  // 3 tokens.
  EXPECT_EQ(counts.take(), "d.user 1 1 within\n");
  door.ask({{"user", "u"}}, 2);  // 9 tokens, of which 4 lie beyond 5: both hits have a part in that.
  EXPECT_EQ(counts.take(), "d.user 2 2 within 2 near\n");
}

TEST(RateLimit, CountsOfRequestsWithSeveralDescriptors) {
  RuleTexts counts;
  TestDoor door(descriptors(), {}, nullptr, &counts);
  const auto both = request_of({{{"tenant", "t"}}, {{"user", "u"}}});
  for (int i = 0; i < 3; ++i) door.ask(both);
  counts.take();
  door.ask(both);
  EXPECT_EQ(counts.take(), "d.tenant 1 1 over\nd.user 1 1 within\n") << "the user would have passed";
  for (int i = 0; i < 2; ++i) door.ask({{"user", "u"}});
  EXPECT_EQ(counts.take(), "d.user 1 1 within\nd.user 1 1 within 1 near\n");
  door.ask(request_of({{{"open", "x"}}, {{"shut", "x"}}, {{"dark", "x"}}, {{"nobody", "x"}}}));
  EXPECT_EQ(counts.take(), "d.open 1 1 within\nd.shut 1 1 over\nd.dark 1 1 within 1 near\n");
  door.ask({{"dark", "x"}});
  EXPECT_EQ(counts.take(), "d.dark 1 1 over 1 shadow\n");
}

TEST(RateLimit, NegativeHitsAreGivenBackUpToFull) {
  RuleTexts counts;
  TestDoor door(descriptors(), {}, nullptr, &counts);
  auto back = request_of({{{"user", "u"}}}, 2);
  back.mutable_descriptors(0)->set_is_negative_hits(true);
  door.ask({{"user", "u"}}, 5);
  EXPECT_EQ(door.ask({{"user", "u"}}), "OVER: OVER 0/5");
  counts.take();
  EXPECT_EQ(TestDoor::show(door.ask(back)), "OK: OK 2/5");
  EXPECT_EQ(counts.take(), "d.user 2 back\n") << "nothing else counts it";
  back.mutable_descriptors(0)->mutable_hits_addend()->set_value(~std::uint64_t{0});
  EXPECT_EQ(TestDoor::show(door.ask(back)), "OK: OK 5/5") << "never above full";
  EXPECT_EQ(door.ask({{"user", "u"}}, 6), "OVER: OVER 5/5");
  back.mutable_descriptors(0)->mutable_hits_addend()->set_value(0);
  EXPECT_EQ(TestDoor::show(door.ask(back)), "OK: OK 5/5");
}

TEST(RateLimit, NegativeHitsHangOnNoOtherDescriptor) {
  TestDoor door(descriptors(), {.rls = {.metadata = RlsOptions::Metadata::always}});
  door.ask({{"user", "u"}}, 3);
  auto both = request_of({{{"user", "u"}}, {{"tenant", "t"}}}, 2);
  both.mutable_descriptors(0)->set_is_negative_hits(true);
  EXPECT_EQ(TestDoor::show(door.ask(both)), "OK: OK 4/5, OK 1/3");
  const auto refused = door.ask(both);
  EXPECT_EQ(TestDoor::show(refused), "OVER: OK 5/5, OVER 1/3");
  EXPECT_EQ(refused.dynamic_metadata().fields().at("rule").string_value(), "d.tenant");
  // What has nothing to give back, or takes no part, is OK as well.
  auto others = request_of({{{"shut", "x"}}, {{"open", "x"}}, {{"nobody", "x"}}, {{"dark", "x"}}});
  for (auto& d : *others.mutable_descriptors()) d.set_is_negative_hits(true);
  EXPECT_EQ(TestDoor::show(door.ask(others)), "OK: OK 0/0, OK 4294967295, OK 0, OK 1/1");
}

TEST(RateLimit, CountsUnderNamesThatTheRequestMakesUp) {
  RuleTexts counts;
  auto detailed = test_rule(5, Unit::minute);
  detailed.detailed_metric = true;
  TestDoor door({test_descriptor("user", "", std::move(detailed))}, {}, nullptr, &counts);
  door.ask({{"user", "ann"}});
  auto request = request_of({{{"path", "/a"}}, {{"user", "bob"}}});
  request.mutable_descriptors(0)->mutable_limit()->set_requests_per_unit(2);
  request.mutable_descriptors(0)->mutable_limit()->set_unit(envoy::type::v3::DAY);
  door.ask(request);
  EXPECT_EQ(counts.take(),
            "named d.user_ann 1 1 within\nnamed d.path_/a 1 1 within\nnamed d.user_bob 1 1 within\n");
}

TEST(RateLimit, CountsDomainsThatAreNotThereAndWhatShadowLetPass) {
  RuleTexts counts;
  TestDoor door({test_descriptor("user", "", test_rule(1, Unit::hour))}, {.rls = {.shadow = true}}, nullptr,
                &counts);
  door.ask(request_of({{{"user", "u"}}, {{"user", "v"}}}, 0, "nowhere"));
  EXPECT_EQ(counts.take(), "no nowhere\nno nowhere\n") << "one a descriptor, as there";
  door.ask({{"user", "u"}});
  EXPECT_EQ(counts.take(), "d.user 1 1 within 1 near\n");
  door.ask({{"user", "u"}});
  EXPECT_EQ(counts.take(), "d.user 1 1 over\nshadowed\n");
}

TEST(RateLimit, AReloadKeepsTheBuckets) {
  TestDoor door(descriptors());
  door.ask({{"user", "u"}}, 4);
  auto more = test_rule(10, Unit::minute);
  door.policies.replace(test_policies({test_descriptor("user", "", std::move(more))}));
  // Four of five a minute were 48 s until full; of ten a minute these are 8.
  EXPECT_EQ(door.ask({{"user", "u"}}), "OK: OK 1/10");
  EXPECT_EQ(door.ask({{"tenant", "t"}}), "OK: OK 0");
}

}  // namespace
}  // namespace sluice::door::grpc
