#include "policy/policy_set.h"

#include <gtest/gtest.h>

#include <random>

#include "policy/domain.h"
#include "policy/policy_yaml.h"

namespace sluice::policy {
namespace {

/// "a=1 b=two" as entries; views into `text`. "~" stands for an empty value.
std::vector<Entry> entries(std::string_view text) {
  std::vector<Entry> all;
  while (!text.empty()) {
    const auto space = text.find(' ');
    const auto word = text.substr(0, space);
    const auto eq = word.find('=');
    const auto value = word.substr(eq + 1);
    all.push_back({word.substr(0, eq), value == "~" ? std::string_view() : value});
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  return all;
}

std::shared_ptr<const PolicySet> read(const std::string& yaml) {
  const auto reading = read_policies({{"f", yaml}});
  EXPECT_TRUE(reading) << problems_text(reading.problems);
  return reading.set;
}

/// What a descriptor meets: the rule's name and what it says, or "-".
std::string meets(const PolicySet& set, std::string_view domain, std::string_view descriptor) {
  std::string keys;
  const auto match = set.match(set.find(domain), entries(descriptor), keys);
  if (match.rule == nullptr) return "-";
  const char* said[] = {"none", "", "allow ", "refuse "};
  return said[static_cast<int>(match.outcome)] + match.rule->full_name + ": " + match.rule->text();
}

std::string key_of(const PolicySet& set, std::string_view domain, std::string_view descriptor) {
  std::string keys = "before";
  const auto match = set.match(set.find(domain), entries(descriptor), keys);
  return std::string(match.key(keys));
}

// The ways of matching that envoyproxy/ratelimit's README tells of, each with its requests.
struct Case {
  const char* descriptor;
  const char* meets;
};
void expect(const char* yaml, const char* domain, std::initializer_list<Case> cases) {
  const auto set = read(yaml);
  for (const auto& [descriptor, rule] : cases) EXPECT_EQ(meets(*set, domain, descriptor), rule) << descriptor;
}

TEST(PolicyMatch, ValuesApart) {
  expect(R"(
domain: mongo
descriptors:
  - {key: database, value: users, rate_limit: {unit: second, requests_per_unit: 500}}
  - {key: database, value: default, rate_limit: {unit: second, requests_per_unit: 400}}
)",
         "mongo",
         {{"database=users", "mongo.database_users: 500/s"},
          {"database=default", "mongo.database_default: 400/s"},
          {"database=other", "-"},
          {"database=user", "-"},
          {"Database=users", "-"},  // Case matters.
          {"database=Users", "-"},
          {"database=users database=users", "-"},
          {"", "-"}});
}

constexpr const char* kMessages = R"(
domain: messaging
descriptors:
  - key: message_type
    value: marketing
    descriptors:
      - {key: to_number, rate_limit: {unit: day, requests_per_unit: 5}}
  - {key: to_number, rate_limit: {unit: day, requests_per_unit: 100}}
)";

TEST(PolicyMatch, NestedAndWithoutValue) {
  expect(kMessages, "messaging",
         {{"message_type=marketing to_number=1", "messaging.message_type_marketing.to_number: 5/day"},
          {"message_type=marketing to_number=2", "messaging.message_type_marketing.to_number: 5/day"},
          {"to_number=1", "messaging.to_number: 100/day"},
          {"message_type=marketing", "-"},                // No rate_limit there.
          {"message_type=other to_number=1", "-"},        // Does not fall back to another tree.
          {"to_number=1 message_type=marketing", "-"}});  // The order matters.
  const auto set = read(kMessages);
  EXPECT_EQ(key_of(*set, "messaging", "message_type=marketing to_number=1"),
            "message_type=marketing|to_number=1");
  EXPECT_EQ(key_of(*set, "messaging", "to_number=1"), "to_number=1");
  EXPECT_EQ(meets(*set, "elsewhere", "to_number=1"), "-");
}

TEST(PolicyMatch, TheValueGoesBeforeTheKeyAlone) {
  expect(R"(
domain: edge
descriptors:
  - {key: remote_address, rate_limit: {unit: second, requests_per_unit: 10}}
  - {key: remote_address, value: 50.0.0.5, rate_limit: {unit: second, requests_per_unit: 0}}
)",
         "edge",
         {{"remote_address=50.0.0.1", "edge.remote_address: 10/s"},
          {"remote_address=50.0.0.5", "refuse edge.remote_address_50.0.0.5: refuses all"},
          {"remote_address=~", "edge.remote_address: 10/s"}});
}

TEST(PolicyMatch, DepthMustBeTheSame) {
  expect(R"(
domain: depth
descriptors:
  - {key: key, value: value, rate_limit: {unit: second, requests_per_unit: 300}}
  - key: both
    rate_limit: {unit: hour, requests_per_unit: 1}
    descriptors:
      - {key: sub, value: x, rate_limit: {unit: hour, requests_per_unit: 2}}
)",
         "depth",
         {{"key=value sub=1", "-"},
          {"key=value", "depth.key_value: 300/s"},
          {"both=1", "depth.both: 1/h"},
          {"both=1 sub=x", "depth.both.sub_x: 2/h"},
          {"both=1 sub=y", "-"},  // Not the rule above it.
          {"both=1 sub=x more=1", "-"}});
}

// What matched in a way stays: no turning back to a less specific branch that would go on.
TEST(PolicyMatch, NoTurningBack) {
  expect(R"(
domain: d
descriptors:
  - {key: user, value: bob}
  - key: user
    descriptors: [{key: path, rate_limit: {unit: second, requests_per_unit: 1}}]
  - key: user
    value: b*
    descriptors: [{key: other, rate_limit: {unit: second, requests_per_unit: 2}}]
)",
         "d",
         {{"user=amy path=/", "d.user.path: 1/s"},
          {"user=bob path=/", "-"},   // Exact, and nothing below.
          {"user=bill path=/", "-"},  // The pattern, and no path below.
          {"user=bill other=1", "d.user_b*.other: 2/s"},
          {"user=bob", "-"}});  // Without a rate_limit: never limited.
}

TEST(PolicyMatch, UnlimitedShadowAndQuotaMode) {
  const auto set = read(R"(
domain: internal
descriptors:
  - {key: ldap, rate_limit: {unlimited: true}}
  - {key: azure, rate_limit: {unit: MINUTE, requests_per_unit: 100}, shadow_mode: true}
  - {key: model, quota_mode: yes, rate_limit: {unit: Week, requests_per_unit: 7, name: m}}
)");
  EXPECT_EQ(meets(*set, "internal", "ldap=x"), "allow internal.ldap: unlimited");
  EXPECT_EQ(meets(*set, "internal", "azure=x"), "internal.azure: 100/min, shadow");
  EXPECT_EQ(meets(*set, "internal", "model=x"), "internal.model: 7/week, quota mode");
  const Rule& azure = *set->rules()[1];
  EXPECT_EQ(azure.mode, Mode::shadow);
  EXPECT_EQ(azure.limit->mode, Mode::shadow);
  EXPECT_EQ(azure.limit->families[0].name, "internal.azure");
  EXPECT_EQ(azure.index, 1u);
  EXPECT_EQ(set->rules()[2]->name, "m");
  EXPECT_EQ(set->rules()[2]->unit, Unit::week);
}

TEST(PolicyMatch, PatternsAnywhere) {
  expect(R"(
domain: d
descriptors:
  - {key: wild, value: foo*, rate_limit: {unit: minute, requests_per_unit: 1}}
  - {key: plain, value: foo, rate_limit: {unit: minute, requests_per_unit: 2}}
  - {key: mid, value: bar*b, rate_limit: {unit: minute, requests_per_unit: 3}}
  - {key: route, value: /api/*/resource/*/action, rate_limit: {unit: minute, requests_per_unit: 4}}
  - {key: any, value: "*", rate_limit: {unit: minute, requests_per_unit: 5}}
  - {key: lead, value: "*.png", rate_limit: {unit: minute, requests_per_unit: 6}}
)",
         "d",
         {{"wild=foo", "d.wild_foo*: 1/min"},
          {"wild=foo1", "d.wild_foo*: 1/min"},
          {"wild=foo*", "d.wild_foo*: 1/min"},
          {"wild=bar", "-"},
          {"wild=~", "-"},
          {"plain=foo1", "-"},
          {"mid=barb", "d.mid_bar*b: 3/min"},  // A star may stand for nothing,
          {"mid=bab", "-"},                    // but no byte serves twice.
          {"mid=bar123b", "d.mid_bar*b: 3/min"},
          {"mid=bara", "-"},
          {"mid=xbarb", "-"},
          {"route=/api/v1/resource/7/action", "d.route_/api/*/resource/*/action: 4/min"},
          {"route=/api/v1/7/action", "-"},
          {"any=~", "d.any_*: 5/min"},
          {"any=x", "d.any_*: 5/min"},
          {"lead=a.png", "d.lead_*.png: 6/min"},
          {"lead=a.png.gif", "-"}});
}

TEST(PolicyMatch, TheFirstPatternOfTheFileWins) {
  const char* const yaml = R"(
domain: d
descriptors:
  - {key: p, value: a*, rate_limit: {unit: second, requests_per_unit: 1}}
  - {key: p, value: ab*, rate_limit: {unit: second, requests_per_unit: 2}}
  - {key: p, value: abc, rate_limit: {unit: second, requests_per_unit: 3}}
  - {key: p, rate_limit: {unit: second, requests_per_unit: 4}}
)";
  expect(yaml, "d", {{"p=abc", "d.p_abc: 3/s"}, {"p=abd", "d.p_a*: 1/s"}, {"p=x", "d.p: 4/s"}});
  const auto set = read(yaml);
  const auto steps = set->explain(*set->find("d"), entries("p=abd"));
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].how, Step::How::pattern);
  EXPECT_EQ(steps[0].descriptor, "p_a*");
  EXPECT_EQ(steps[0].shadowed, "p_ab*");
}

// A level is looked up by "key_value", so what joins to one text is one.
TEST(PolicyMatch, KeyAndValueAreJoinedAsInTheReference) {
  expect(R"(
domain: d
descriptors:
  - {key: a_b, rate_limit: {unit: second, requests_per_unit: 1}}
)",
         "d", {{"a=b", "d.a_b: 1/s"}, {"a_b=c", "d.a_b: 1/s"}, {"a=c", "-"}});
}

TEST(PolicyMatch, SharedThresholdIsOneBucket) {
  const auto set = read(R"(
domain: d
descriptors:
  - {key: files, value: files/*, share_threshold: true, rate_limit: {unit: hour, requests_per_unit: 10}}
  - {key: apart, value: files/*, rate_limit: {unit: hour, requests_per_unit: 10}}
  - key: user
    value: u*
    share_threshold: true
    descriptors:
      - {key: action, rate_limit: {unit: hour, requests_per_unit: 1}}
  - {key: f, value: t1, rate_limit: {unit: hour, requests_per_unit: 2}}
  - {key: f, value: t*, share_threshold: true, rate_limit: {unit: hour, requests_per_unit: 3}}
  - {key: s*e, share_threshold: true, rate_limit: {unit: hour, requests_per_unit: 4}}
)");
  EXPECT_EQ(key_of(*set, "d", "files=files/a"), "files=files/*");
  EXPECT_EQ(key_of(*set, "d", "files=files/b"), "files=files/*");
  EXPECT_EQ(key_of(*set, "d", "apart=files/a"), "apart=files/a");
  EXPECT_EQ(key_of(*set, "d", "user=u1 action=x"), "user=u*|action=x");
  EXPECT_EQ(key_of(*set, "d", "user=u2 action=x"), "user=u*|action=x");
  EXPECT_EQ(key_of(*set, "d", "f=t1"), "f=t1");
  EXPECT_EQ(key_of(*set, "d", "s*e=x"), "s*e=x") << "met by its name alone, not as a pattern";
  EXPECT_EQ(key_of(*set, "d", "s*e=e"), "s*e=s*e");
  EXPECT_EQ(key_of(*set, "d", "s1=xe"), "s1=s*e");
  EXPECT_EQ(key_of(*set, "d", "f=t2"), "f=t*");
}

TEST(PolicyMatch, NamesInStatistics) {
  const auto set = read(R"(
domain: d
descriptors:
  - {key: k, detailed_metric: true, rate_limit: {unit: minute, requests_per_unit: 1}}
  - {key: k, value: v, rate_limit: {unit: minute, requests_per_unit: 2}}
  - key: route
    value_to_metric: true
    descriptors:
      - key: method
        value_to_metric: true
        descriptors: [{key: subject, rate_limit: {unit: minute, requests_per_unit: 60}}]
  - key: user
    descriptors:
      - key: action
        value: read*
        value_to_metric: true
        descriptors: [{key: resource, rate_limit: {unit: minute, requests_per_unit: 3}}]
      - key: action
        value: write*
        value_to_metric: true
        share_threshold: true
        descriptors:
          - {key: resource, rate_limit: {unit: minute, requests_per_unit: 4}}
          - {key: detail, detailed_metric: true, rate_limit: {unit: minute, requests_per_unit: 4}}
  - {key: wild, value: w*, rate_limit: {unit: minute, requests_per_unit: 4}}
)");
  const std::pair<const char*, const char*> names[] = {
      {"k=x", "d.k_x"},
      {"k=", "d.k_"},
      {"k=v", "d.k_v"},
      {"route=api method=GET subject=123", "d.route_api.method_GET.subject"},
      {"route=~ method=GET subject=123", "d.route.method_GET.subject"},
      {"user=a action=readfile resource=r", "d.user.action_readfile.resource"},
      {"user=a action=writefile resource=r", "d.user.action_write*.resource"},
      {"user=a action=writefile detail=r", "d.user_a.action_write*.detail_r"},
      {"user= action=writefile detail=", "d.user.action_write*.detail"},
      {"wild=w1", "d.wild_w*"},
      {"wild_w=1", "d.wild_w*"},
      {"nothing=x", ""},
  };
  for (const auto& [descriptor, name] : names)
    EXPECT_EQ(set->stat_name(*set->find("d"), entries(descriptor)), name) << descriptor;
}

// A client chooses values; none may name another one's bucket.
TEST(PolicyMatch, KeysCannotBeForged) {
  const auto set = read(R"(
domain: d
descriptors:
  - key: a
    rate_limit: {unit: minute, requests_per_unit: 1}
    descriptors:
      - {key: b, rate_limit: {unit: minute, requests_per_unit: 1}}
)");
  const auto key = [&](std::string_view a, std::string_view b) {
    std::string keys;
    const Entry both[] = {{"a", a}, {"b", b}};
    const auto match = set->match(set->find("d"), both, keys);
    return std::string(match.key(keys));
  };
  EXPECT_EQ(key("x", "y"), "a=x|b=y");
  EXPECT_EQ(key("x|b=y", "z"), "a=x\\|b=y|b=z");
  EXPECT_EQ(key("x", "y|b=z"), "a=x|b=y\\|b=z");
  EXPECT_EQ(key("x\\", "y"), "a=x\\\\|b=y");
  EXPECT_EQ(key("", ""), "a=|b=");
}

TEST(PolicyMatch, OneBufferServesManyDescriptors) {
  const auto set = read(kMessages);
  std::string keys;
  const auto* domain = set->find("messaging");
  const auto first = set->match(domain, entries("to_number=1"), keys);
  const auto none = set->match(domain, entries("unknown=1"), keys);
  const auto second = set->match(domain, entries("message_type=marketing to_number=2"), keys);
  EXPECT_EQ(first.key(keys), "to_number=1");
  EXPECT_EQ(none.key(keys), "");
  EXPECT_EQ(second.key(keys), "message_type=marketing|to_number=2");
  EXPECT_EQ(keys, "to_number=1message_type=marketing|to_number=2");
}

TEST(PolicyMatch, AValueLongerThanAnyInThePolicies) {
  const auto set = read(kMessages);
  const std::string number(100'000, '7');
  EXPECT_EQ(meets(*set, "messaging", "to_number=" + number), "messaging.to_number: 100/day");
  EXPECT_EQ(key_of(*set, "messaging", "to_number=" + number), "to_number=" + number);
}

TEST(PolicyReplaces, WhatReplacesDropsWhatItNames) {
  const auto set = read(R"(
domain: d
descriptors:
  - {key: one, rate_limit: {name: first, unit: second, requests_per_unit: 5}}
  - {key: two, rate_limit: {replaces: [{name: first}], unit: second, requests_per_unit: 10}}
  - {key: free, rate_limit: {name: first, unlimited: true}}
  - {key: chain, rate_limit: {name: c, replaces: [{name: d}], unit: second, requests_per_unit: 1}}
  - {key: end, rate_limit: {name: d, replaces: [{name: first}, {name: c}], unit: second, requests_per_unit: 1}}
)");
  const auto outcomes = [&](std::initializer_list<const char*> descriptors) {
    std::string keys;
    std::string text;
    std::vector<Match> matches;
    for (const char* d : descriptors) matches.push_back(set->match(set->find("d"), entries(d), keys));
    drop_replaced(matches);
    for (const Match& m : matches) text += "-?+x"[static_cast<int>(m.outcome)];
    return text;
  };
  EXPECT_EQ(outcomes({"one=x"}), "?");
  EXPECT_EQ(outcomes({"one=x", "two=x"}), "-?");
  EXPECT_EQ(outcomes({"two=x", "one=x", "one=y"}), "?--");
  EXPECT_EQ(outcomes({"free=x", "two=x"}), "+?");
  EXPECT_EQ(outcomes({"chain=x", "end=x", "one=x"}), "---");  // Both name each other; so there.
}

TEST(PolicyOverride, TheRequestBringsItsOwnLimit) {
  const auto set = read(kMessages);
  const auto* domain = set->find("messaging");
  const auto descriptor = entries("any=thing sub=~");
  const auto rule = set->override_rule(domain, descriptor, 42, Unit::hour);
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->full_name, "messaging.any_thing.sub");
  EXPECT_EQ(rule->text(), "42/h");
  EXPECT_EQ(rule->mode, Mode::enforce);
  std::string keys;
  const auto match = PolicySet::match_override(*rule, descriptor, keys);
  EXPECT_EQ(match.outcome, Match::Outcome::ask);
  EXPECT_EQ(match.key(keys), "any=thing|sub=");
  // Another number is the same bucket, another unit another one.
  const auto more = set->override_rule(domain, descriptor, 43, Unit::hour);
  const auto day = set->override_rule(domain, descriptor, 42, Unit::day);
  EXPECT_EQ(rule->limit->families[0].name, more->limit->families[0].name);
  EXPECT_NE(rule->limit->families[0].name, day->limit->families[0].name);
  const auto none = set->override_rule(domain, descriptor, 0, Unit::day);
  EXPECT_EQ(PolicySet::match_override(*none, descriptor, keys).outcome, Match::Outcome::refuse);
  EXPECT_EQ(set->override_rule(nullptr, descriptor, 1, Unit::day), nullptr);  // An unknown domain.
  EXPECT_EQ(set->override_rule(domain, descriptor, 1, Unit::unknown), nullptr);
}

TEST(PolicyOverride, EveryUnitMakesAQuotaOfTheLargestNumber) {
  const auto set = read(kMessages);
  for (int unit = 1; unit <= 7; ++unit)
    EXPECT_NE(set->override_rule(set->find("messaging"), {}, UINT32_MAX, static_cast<Unit>(unit)), nullptr);
}

TEST(PolicyLists, AllowAndDeny) {
  const auto set = read(R"(
domain: d
descriptors:
  - key: ip
    allow: [10.0.0.0/8, 2001:db8::/32, 192.0.2.7]
    deny: [10.9.0.0/16, bad]
    rate_limit: {unit: second, requests_per_unit: 1}
    descriptors:
      - {key: path, rate_limit: {unit: second, requests_per_unit: 2}}
      - {key: free}
  - {key: only, deny: [x]}
)");
  const std::pair<const char*, const char*> cases[] = {
      {"ip=10.1.2.3", "allow d.ip: 1/s"},
      {"ip=10.9.2.3", "refuse d.ip: 1/s"},  // Deny goes first.
      {"ip=::ffff:10.1.2.3", "allow d.ip: 1/s"},
      {"ip=2001:DB8:0::1", "allow d.ip: 1/s"},
      {"ip=192.0.2.7", "allow d.ip: 1/s"},
      {"ip=192.0.2.8", "d.ip: 1/s"},
      {"ip=bad", "refuse d.ip: 1/s"},
      {"ip=bad path=/", "refuse d.ip.path: 2/s"},  // A list holds for what is below it,
      {"ip=10.1.2.3 path=/", "allow d.ip.path: 2/s"},
      {"ip=bad free=/", "-"},  // where there is a rule.
      {"only=x", "refuse d.only: lists alone"},
      {"only=y", "-"},
  };
  for (const auto& [descriptor, rule] : cases) EXPECT_EQ(meets(*set, "d", descriptor), rule) << descriptor;
}

TEST(ValueListTest, NetworksAndWords) {
  ValueList list;
  for (const char* good : {"0.0.0.0/0", "word", "10.0.0.1/32", "::/0", "path/24"})
    EXPECT_TRUE(list.add(good)) << good;
  EXPECT_EQ(list.size(), 5u);
  for (const char* bad :
       {"10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/x", "::/129", "::1/64", "10.0.0.0/-1"})
    EXPECT_FALSE(list.add(bad)) << bad;
  ValueList v4;
  ASSERT_TRUE(v4.add("0.0.0.0/0"));
  EXPECT_TRUE(v4.contains("255.255.255.255"));
  EXPECT_FALSE(v4.contains("::1"));
  EXPECT_FALSE(v4.contains("256.0.0.1"));
  EXPECT_FALSE(v4.contains(std::string_view("1.2.3.4\0", 8)));
}

TEST(RuleTest, CostPercentAndUnits) {
  Rule rule;
  rule.cost = 3;
  EXPECT_EQ(rule.tokens(0), 0);
  EXPECT_EQ(rule.tokens(2), 6);
  EXPECT_EQ(rule.tokens(UINT64_MAX), INT64_MAX);
  EXPECT_EQ(rule.tokens(std::uint64_t{1} << 62), INT64_MAX);
  rule.full_name = "d.k";
  int enforced = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto key = "k=" + std::to_string(i);
    rule.enforce_percent = 30;
    const bool at30 = rule.enforces(key);
    enforced += at30;
    rule.enforce_percent = 60;
    EXPECT_TRUE(!at30 || rule.enforces(key));  // A larger percentage only adds.
  }
  EXPECT_NEAR(enforced, 3'000, 150);
  EXPECT_EQ(unit_period(unit_from("month")), std::chrono::hours(30 * 24));
  EXPECT_EQ(unit_period(unit_from("YEAR")), std::chrono::hours(365 * 24));
  EXPECT_EQ(unit_from("unknown"), Unit::unknown);
  EXPECT_EQ(unit_from("seconds"), Unit::unknown);
}

// The second, obvious implementation: nested maps and a glob by recursion.
bool glob(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return glob(pattern.substr(1), text) || (!text.empty() && glob(pattern, text.substr(1)));
  return !text.empty() && pattern[0] == text[0] && glob(pattern.substr(1), text.substr(1));
}

const Descriptor* slow_match(const std::vector<Descriptor>& level, std::span<const Entry> descriptor) {
  const Entry& e = descriptor[0];
  const auto both = std::string(e.key) + "_" + std::string(e.value);
  const Descriptor* next = nullptr;
  for (const auto& d : level)
    if (d.text() == both) next = &d;
  for (std::size_t i = 0; next == nullptr && i < level.size(); ++i)
    if (Pattern::is_one(level[i].text()) && glob(level[i].text(), both)) next = &level[i];
  for (std::size_t i = 0; next == nullptr && i < level.size(); ++i)
    if (level[i].text() == e.key) next = &level[i];
  if (next == nullptr || descriptor.size() == 1) return next;
  return slow_match(next->descriptors, descriptor.subspan(1));
}

class RandomPolicies {
 public:
  explicit RandomPolicies(std::uint32_t seed) : random_(seed) {}
  std::string word() {
    std::string s;
    for (int n = one_of(3); n >= 0; --n) s += "ab_*"[one_of(4)];
    return s;
  }
  std::vector<Descriptor> level(int depth) {
    std::vector<Descriptor> all;
    std::map<std::string, bool> seen;
    // Now and then a level with more patterns than are tried one by one.
    for (int n = one_of(8) == 0 ? 40 : one_of(6); n >= 0; --n) {
      Descriptor d;
      d.key = word();
      if (one_of(3) > 0) d.value = word();
      if (!seen.emplace(d.text(), true).second) continue;
      if (one_of(2) == 0) d.rule.emplace().kind = Rule::Kind::unlimited;
      if (depth > 1) d.descriptors = level(depth - 1);
      all.push_back(std::move(d));
    }
    return all;
  }
  int one_of(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

 private:
  std::mt19937 random_;
};

TEST(PatternListTest, ThousandsAreFoundByTheirEnds) {
  PatternList list;
  for (std::uint32_t i = 0; i < 5'000; ++i) list.add(Pattern("path_/api/" + std::to_string(i) + "/*"), i);
  list.add(Pattern("path_*.png"), 5'000);
  list.add(Pattern("path_/api/7*"), 5'001);  // Behind path_/api/77/*, and so on.
  EXPECT_EQ(list.first("path_/api/77/x"), 77u);
  EXPECT_EQ(list.first("path_/api/77x"), 5'001u);
  EXPECT_EQ(list.first("path_/api/99999/x"), PatternList::kNone);
  EXPECT_EQ(list.first("path_/img/a.png"), 5'000u);
  EXPECT_EQ(list.first("path_/api/3/a.png"), 3u);
  EXPECT_EQ(list.first("path"), PatternList::kNone);
  EXPECT_EQ(list.first(""), PatternList::kNone);
  EXPECT_EQ(list.all("path_/api/77/a.png"), (std::vector<std::uint32_t>{77, 5'000, 5'001}));
}

TEST(PolicyMatch, AgreesWithAnObviousMatcher) {
  int met = 0;
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    RandomPolicies random(seed);
    const auto tree = random.level(3);
    const PolicySet set({{.domain = "d", .descriptors = tree}});
    for (int i = 0; i < 200; ++i) {
      std::vector<std::string> words;
      std::vector<Entry> descriptor;
      const int depth = 1 + random.one_of(3);
      for (int k = 0; k < 2 * depth; ++k) words.push_back(random.one_of(8) == 0 ? "" : random.word());
      for (int k = 0; k < depth; ++k)
        descriptor.push_back(
            {words[static_cast<std::size_t>(2 * k)], words[static_cast<std::size_t>(2 * k + 1)]});
      const Descriptor* slow = slow_match(tree, descriptor);
      std::string keys;
      const auto match = set.match(set.find("d"), descriptor, keys);
      ASSERT_EQ(match.rule != nullptr, slow != nullptr && slow->rule.has_value()) << "seed " << seed;
      if (match.rule == nullptr) continue;
      ++met;
      ASSERT_TRUE(match.rule->full_name.ends_with(slow->text())) << "seed " << seed;
    }
  }
  EXPECT_GT(met, 2'000);
}

}  // namespace
}  // namespace sluice::policy
