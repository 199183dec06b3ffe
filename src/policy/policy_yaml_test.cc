#include "policy/policy_yaml.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

namespace sluice::policy {
namespace {

std::string refusal(const std::string& yaml) { return problems_text(read_policies({{"f", yaml}}).problems); }
std::string warned(const std::string& yaml) {
  const auto reading = read_policies({{"f", yaml}});
  EXPECT_TRUE(reading) << problems_text(reading.problems);
  return problems_text(reading.warnings);
}

constexpr const char* kAllFields = R"(---
domain: all
on_store_failure: deny
consistency: leased
descriptors:
  - key: a
    value: x*
    shadow_mode: true
    quota_mode: false
    detailed_metric: on
    value_to_metric: TRUE
    share_threshold: yes
    allow: [10.0.0.0/8]
    deny: [spam, 7]
    rate_limit:
      unit: Day
      requests_per_unit: 1_000
      name: marketing
      replaces: [{name: other}, {name: third}]
      burst: 20
      quotas: [100/h burst 10, 7/min]
      cost: 3
      enforce_percent: 25
      on_store_failure: allow
      consistency: exact
    descriptors:
      - key: 5
        value: true
        rate_limit: {unlimited: true}
  - key: b
    rate_limit: {quotas: [60/min burst 5]}
  - {key: c, value: ~, rate_limit: null, descriptors: null}
)";

TEST(PolicyYaml, EveryField) {
  const auto reading = read_policies({{"f", kAllFields}});
  ASSERT_TRUE(reading) << problems_text(reading.problems);
  EXPECT_EQ(problems_text(reading.warnings), "");
  ASSERT_EQ(reading.set->rules().size(), 3u);
  const Rule& a = *reading.set->rules()[0];
  EXPECT_EQ(a.full_name, "all.a_x*");
  EXPECT_EQ(a.name, "marketing");
  EXPECT_EQ(a.replaces, (std::vector<std::string>{"other", "third"}));
  EXPECT_EQ(a.requests_per_unit, 1'000u);
  EXPECT_EQ(a.unit, Unit::day);
  EXPECT_EQ(a.mode, Mode::shadow);
  EXPECT_FALSE(a.quota_mode);
  EXPECT_TRUE(a.detailed_metric);
  EXPECT_TRUE(a.stat_by_value);
  EXPECT_EQ(a.cost, 3);
  EXPECT_EQ(a.enforce_percent, 25);
  EXPECT_EQ(a.on_store_failure, store::OnFailure::allow);
  EXPECT_EQ(a.consistency, store::Consistency::strict);
  EXPECT_EQ(a.text(), "1000/day burst 20, 100/h burst 10, 7/min, cost 3, shadow, enforced for 25% of keys");
  EXPECT_EQ(a.limit->families[2].name, "all.a_x*#2");
  EXPECT_EQ(a.line, 15);
  const Rule& below = *reading.set->rules()[1];
  EXPECT_EQ(below.full_name, "all.a_x*.5_true");  // Numbers and truths are texts where a text is asked for.
  EXPECT_EQ(below.on_store_failure, store::OnFailure::deny);
  EXPECT_EQ(below.consistency, store::Consistency::leased);
  const Rule& b = *reading.set->rules()[2];
  EXPECT_EQ(b.text(), "60/min burst 5");
  EXPECT_EQ(b.unit, Unit::unknown);  // current_limit tells the quota that decides.
  EXPECT_EQ(b.requests_per_unit, 0u);
}

TEST(PolicyYaml, UnitsArePeriods) {
  const std::pair<const char*, const char*> units[] = {
      {"second", "1/s"},  {"minute", "1/min"},  {"HOUR", "1/h"},      {"Day", "1/day"},
      {"week", "1/week"}, {"month", "1/30day"}, {"year", "1/365day"},
  };
  for (const auto& [unit, quota] : units) {
    const auto reading =
        read_policies({{"f", std::string("domain: d\ndescriptors:\n- {key: k, rate_limit: {unit: ") + unit +
                                 ", requests_per_unit: 1}}"}});
    ASSERT_TRUE(reading) << problems_text(reading.problems);
    EXPECT_EQ(reading.set->rules()[0]->limit->quotas[0], *Quota::parse(quota)) << unit;
  }
}

TEST(PolicyYaml, WholeNumbersAsYamlHasThem) {
  const std::pair<const char*, std::uint32_t> numbers[] = {
      {"7", 7},     {"+7", 7},    {"1_000", 1'000},           {"0x1F", 31},
      {"0b101", 5}, {"0o17", 15}, {"4294967295", UINT32_MAX},
  };
  const auto rule = [](const std::string& number) {
    return read_policies(
        {{"f", "domain: d\ndescriptors:\n- {key: k, rate_limit: {unit: day, requests_per_unit: " + number +
                   "}}"}});
  };
  for (const auto& [text, value] : numbers) {
    const auto reading = rule(text);
    ASSERT_TRUE(reading) << text;
    EXPECT_EQ(reading.set->rules()[0]->requests_per_unit, value) << text;
  }
  for (const char* text :
       {"07", "0x", "0b2", "x", "1 0", "_1", "0x100000000", "9999999999999999999", "1e3", "-0x1"})
    EXPECT_FALSE(rule(text)) << text;
}

// What envoyproxy/ratelimit refuses, one line a reason; `L` is a good rate_limit, the file begins with the
// domain unless it says otherwise.
constexpr const char* kRefused[][2] = {
    {"", "f: expected a map that begins with \"domain:\", found nothing; write domain: and a name"},
    {"- a", "f:1:1: expected a map that begins with \"domain:\", found a list; write domain: and a name"},
    {"descriptors: []", "f:1:1: the domain is missing or empty; write domain: and a name"},
    {"domain: \"\"", "f:1:9: the domain is missing or empty; write domain: and a name"},
    {"descriptors: []\ndomain:", "f:2:1: the domain is missing or empty; write domain: and a name"},
    {"domain: [a]",
     "f:1:9: domain is a text, found a list; write one value\n"
     "f:1:10: a list of maps is expected in domain, found a single value; write one value"},
    {"domain: d\ndescriptor: []", "f:2:1: unknown field \"descriptor\" (did you mean \"descriptors\"?)"},
    {"domain: d\n0.25: x", "f:2:1: unknown field \"0.25\"; remove it"},
    {"domain: d\ndescriptors: {}",
     "f:2:14: descriptors is a list, found a map; write - key: and so on below it"},
    {"domain: d\ndescriptors: [a]",
     "f:2:15: a list of maps is expected in descriptors, found a single value; write - key: and a name"},
    {"D- value: x", "f:3:3: a descriptor has an empty key; write key: and a name"},
    {"D- key:\n  value: v", "f:3:3: a descriptor has an empty key; write key: and a name"},
    {"D- key: \"\"", "f:3:8: a descriptor has an empty key; write key: and a name"},
    {"D- {key: k, ratelimit: L}", "f:3:12: unknown field \"ratelimit\" (did you mean \"rate_limit\"?)"},
    {"D- {key: k, rate_limit: {unit: day, requestsperunit: 1}}",
     "f:3:36: unknown field \"requestsperunit\" (did you mean \"requests_per_unit\"?)"},
    {"D- {key: k, value: v, rate_limit: L}\n- {key: k, value: v}",
     "f:4:9: duplicate descriptor composite key \"d.k_v\" (first in line 3); remove or change one"},
    {"D- {key: k_v}\n- {key: k, value: v}",
     "f:4:9: duplicate descriptor composite key \"d.k_v\" (first in line 3); remove or change one"},
    {"D- {key: k, rate_limit: {unit: foo, requests_per_unit: 1}}",
     "f:3:31: invalid rate limit unit \"foo\"; write second, minute, hour, day, week, month or year"},
    {"D- {key: k, rate_limit: {unit: minutes, requests_per_unit: 1}}",
     "f:3:31: invalid rate limit unit \"minutes\" (did you mean \"minute\"?); write second, minute, hour, "
     "day, "
     "week, month or year"},
    {"D- {key: k, rate_limit: {unit: unknown, requests_per_unit: 1}}",
     "f:3:31: invalid rate limit unit \"unknown\"; write second, minute, hour, day, week, month or year"},
    {"D- {key: k, rate_limit: {requests_per_unit: 1}}",
     "f:3:25: the rate limit has no unit; write unit: second, minute, hour, day, week, month or year"},
    {"D- {key: k, rate_limit: {}}",
     "f:3:12: the rate limit has no unit; write unit: second, minute, hour, day, week, month or year"},
    {"D- {key: k, rate_limit: [x]}",
     "f:3:24: rate_limit is a map, found a list; write unit: and requests_per_unit: below it\n"
     "f:3:25: a list of maps is expected in rate_limit, found a single value; write one value"},
    {"D- {key: k, rate_limit: 10}",
     "f:3:24: rate_limit is a map, found a single value; write unit: and requests_per_unit: below it"},
    {"D- {key: k, rate_limit: {unit: day, unlimited: true}}",
     "f:3:31: should not specify rate limit unit when unlimited; remove unit or unlimited"},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 1, name: a, replaces: [{name: a}]}}",
     "f:3:77: replaces should not contain \"a\", the name of the same descriptor; remove it or rename one"},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 1, replaces: [{name: \"\"}]}}",
     "f:3:69: an empty entry in replaces; write name: and the name of a rate_limit"},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 1, replaces: [a]}}",
     "f:3:69: a list of maps is expected in replaces, found a single value; write - name: and a name"},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: -1}}",
     "f:3:55: requests_per_unit is a whole number from 0 to 4294967295, without quotation marks, found "
     "\"-1\""},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 4294967296}}",
     "f:3:55: requests_per_unit is a whole number from 0 to 4294967295, without quotation marks, found "
     "\"4294967296\""},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: \"10\"}}",
     "f:3:55: requests_per_unit is a whole number from 0 to 4294967295, without quotation marks, found "
     "\"10\""},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 1.5}}",
     "f:3:55: the number \"1.5\" is not whole, or too large; write a whole one, or a text in quotation "
     "marks"},
    {"D- {key: k, value: 1.0}",
     "f:3:19: the number \"1.0\" is not whole, or too large; write a whole one, or a text in quotation "
     "marks"},
    {"D- {key: k, shadow_mode: \"true\"}",
     "f:3:25: shadow_mode is true or false, without quotation marks, found \"true\""},
    {"D- {key: k, value: v, share_threshold: true}",
     "f:3:22: share_threshold is for a value with a *, not for \"k_v\"; remove it or write a *"},
    {"D- key: \"k\n  rate_limit: L\n", "f:3:8: not YAML: the quotation mark is not closed; close it"},
    {"D- key: 'it''s\n  # \n\n", "f:3:8: not YAML: the quotation mark is not closed; close it"},
    {"domain: \"d\n", "f:1:9: not YAML: the quotation mark is not closed; close it"},
    {"D- {key: k, value: v\n",
     "f:3:3: a name is a word, not a list or a map; write name: value, and close each { and ["},
    {"domain: *d",
     "f:1:9: not YAML: the referenced anchor is not defined; put a text that begins with a special character "
     "in quotation marks"},
    {"domain: \"a\\q\"",
     "f:1:13: not YAML: unknown escape character: q; write \\\\ for a backslash, or take single quotation "
     "marks"},
    {"domain: d\ndescriptors:\n- key: k\n value: v",
     "f:4:2: not YAML: end of sequence not found; indent what stands in one list alike, each entry behind a "
     "-"},
};

std::string unfold(std::string yaml) {
  if (yaml.starts_with("D-")) yaml = "domain: d\ndescriptors:\n" + yaml.substr(1);
  if (const auto at = yaml.find(": L}"); at != std::string::npos)
    yaml.replace(at + 2, 1, "{unit: day, requests_per_unit: 1}");
  return yaml;
}

TEST(PolicyYaml, EveryRefusalOfTheReferenceNamesPlaceFaultAndMend) {
  for (const auto& [yaml, message] : kRefused) EXPECT_EQ(refusal(unfold(yaml)), message) << yaml;
}

// What our own fields, or our own strictness, add.
constexpr const char* kOurs[][2] = {
    {"domain: d\n---\ndomain: e", "f:3:1: a second document; a file holds one, so give it a file of its own"},
    {"domain: d\ndomain: e",
     "f:2:1: \"domain\" stands here a second time (first in line 1); remove or rename one"},
    {"D- {key: k, metadata: x}",
     "f:3:22: metadata is a map, found a single value; write metadata: {name: value}"},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 010}}",
     "f:3:55: requests_per_unit is a whole number from 0 to 4294967295, without quotation marks, found "
     "\"010\""},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 1, burst: 0}}",
     "f:3:65: burst is a whole number from 1 to 9223372036854775807, without quotation marks, found \"0\""},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 0, burst: 2}}",
     "f:3:58: burst belongs to unit and requests_per_unit above 0; in quotas write 10/s burst 50"},
    {"D- {key: k, rate_limit: {quotas: [1/s], burst: 2}}",
     "f:3:40: burst belongs to unit and requests_per_unit above 0; in quotas write 10/s burst 50"},
    {"D- {key: k, rate_limit: {unlimited: true, burst: 2}}",
     "f:3:42: unlimited has neither burst nor quotas; remove them or unlimited"},
    {"D- {key: k, rate_limit: {quotas: []}}",
     "f:3:33: quotas is a list of at least one, found none; write quotas: [100/s, 5000/h]"},
    {"D- {key: k, rate_limit: {quotas: 1/s}}",
     "f:3:33: quotas is a list of at least one, found a single value; write quotas: [100/s, 5000/h]"},
    {"D- {key: k, rate_limit: {quotas: [1/fortnight]}}",
     "f:3:34: quota '1/fortnight': unknown period 'fortnight': use ns, us, ms, s, min, h, day or week, as in "
     "10/s or 100/30s"},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 1, quotas: [1/s,1/s,1/s,1/s,1/s,1/s,1/s,1/s]}}",
     "f:3:58: 9 quotas; at most 8 in a rate limit"},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 1, cost: 0}}",
     "f:3:64: cost is a whole number from 1 to 9223372036854775807, without quotation marks, found \"0\""},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 1, enforce_percent: 101}}",
     "f:3:75: enforce_percent is a whole number from 0 to 100, without quotation marks, found \"101\""},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 1, on_store_failure: alow}}",
     "f:3:76: on_store_failure is allow, deny or local, not \"alow\" (did you mean \"allow\"?)"},
    {"domain: d\nhash_tag: domian",
     "f:2:11: hash_tag is key or domain, not \"domian\" (did you mean \"domain\"?)"},
    {"domain: d\nconsistency: strong", "f:2:14: consistency is strict or leased, not \"strong\""},
    {"D- {key: k, burst: 5}", "f:3:12: burst has no effect in a descriptor; it belongs in rate_limit"},
    {"D- {key: k, allow: x}",
     "f:3:19: allow is a list, found a single value; write allow: [10.0.0.0/8, bob]"},
    {"D- {key: k, deny: [10.0.0.1/8]}",
     "f:3:19: \"10.0.0.1/8\" has bits set behind its prefix; write the network's first address or a longer "
     "prefix"},
    {"D- {key: k, rate_limit: {unit: day, requests_per_unit: 1, unit_multiplier: 5}}",
     "f:3:58: unknown field \"unit_multiplier\"; write quotas: [20/5min] instead"},
};

TEST(PolicyYaml, EveryRefusalOfOurOwnFields) {
  for (const auto& [yaml, message] : kOurs) EXPECT_EQ(refusal(unfold(yaml)), message) << yaml;
}

TEST(PolicyYaml, AllProblemsAreToldAtOnce) {
  EXPECT_EQ(refusal(R"(domain: d
descriptors:
  - value: x
    shadow_mode: perhaps
    rate_limit: {unit: foo, requests_per_unit: x}
  - key: b
    descriptors: [{key: c, rate_limit: {unlimited: 3}}]
)"),
            "f:3:5: a descriptor has an empty key; write key: and a name\n"
            "f:4:18: shadow_mode is true or false, without quotation marks, found \"perhaps\"\n"
            "f:5:24: invalid rate limit unit \"foo\"; write second, minute, hour, day, week, month or year\n"
            "f:5:48: requests_per_unit is a whole number from 0 to 4294967295, without quotation marks, "
            "found \"x\"\n"
            "f:7:52: unlimited is true or false, without quotation marks, found \"3\"");
}

// Read there, and so read here; but told of.
TEST(PolicyYaml, WhatHasNoEffectIsWarnedOf) {
  EXPECT_EQ(warned(unfold(
                "D- {key: k, unit: day, rate_limit: {unit: day, requests_per_unit: 1, shadow_mode: true}}")),
            "f:3:12: unit has no effect in a descriptor; it belongs in rate_limit\n"
            "f:3:69: shadow_mode has no effect in rate_limit; it belongs in a descriptor");
  EXPECT_EQ(warned("domain: d\nkey: k"),
            "f:2:1: key has no effect in the top of the file; it belongs in a descriptor");
  EXPECT_EQ(warned(unfold("D- {key: k, rate_limit: {unlimited: true, requests_per_unit: 5}}")),
            "f:3:42: requests_per_unit has no effect beside unlimited; remove it");
  EXPECT_EQ(warned(unfold("D- {key: k, rate_limit: {unlimited: true, unit: foo}}")),
            "f:3:48: unit has no effect beside unlimited; remove it");
  EXPECT_EQ(warned(unfold("D- {key: k, rate_limit: {unit: day}}")),
            "f:3:31: requests_per_unit is missing, which is 0 and refuses all; write it");
  EXPECT_EQ(warned(unfold("D- {key: k, metadata: {any: [1.5, x]}}")), "");
  EXPECT_EQ(warned("domain: 'd'' \"' # \"'\n \n"), "") << "the quotation marks are closed";
  EXPECT_EQ(warned("domain: \"d\n\n\n\""), "");
}

TEST(PolicyYaml, SeveralFilesAndDomains) {
  const PolicyFile a{"a.yaml",
                     "domain: a\ndescriptors: [{key: k, rate_limit: {unit: day, requests_per_unit: 1}}]"};
  const PolicyFile b{"b.yaml",
                     "domain: b\ndescriptors: [{key: k, rate_limit: {unit: day, requests_per_unit: 2}}]"};
  const PolicyFile more{"more.yaml",
                        "domain: a\ndescriptors: [{key: l, rate_limit: {unit: day, requests_per_unit: 3}}]"};
  const auto two = read_policies({a, b});
  ASSERT_TRUE(two);
  EXPECT_EQ(two.set->text(), "a.k: 1/day\nb.k: 2/day\n");
  const auto twice = read_policies({a, b, more});
  EXPECT_EQ(
      problems_text(twice.problems),
      "more.yaml:1:9: duplicate domain \"a\", in a.yaml already; put both in one file or allow merging of "
      "domains");
  EXPECT_TRUE(twice.set->rules().empty());  // A set holds as a whole or not at all.
  const auto merged = read_policies({a, b, more}, {.merge_domains = true});
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged.set->text(), "a.k: 1/day\na.l: 3/day\nb.k: 2/day\n");
  EXPECT_EQ(problems_text(read_policies({a, {"c.yaml", a.text}}, {.merge_domains = true}).problems),
            "c.yaml:2:21: duplicate descriptor composite key \"a.k\" (first in a.yaml, line 2); remove or "
            "change one");
  EXPECT_TRUE(read_policies({}));
}

TEST(PolicyYaml, AnchorsAliasesAndMergeKeys) {
  const auto reading = read_policies({{"f", R"(domain: d
descriptors:
  - key: a
    rate_limit: &five {unit: day, requests_per_unit: 5}
  - {key: b, rate_limit: *five}
  - key: c
    rate_limit:
      <<: *five
      requests_per_unit: 6
  - key: e
    rate_limit: {<<: [{unit: hour}, *five]}
)"}});
  ASSERT_TRUE(reading) << problems_text(reading.problems);
  EXPECT_EQ(reading.set->text(), "d.a: 5/day\nd.b: 5/day\nd.c: 6/day\nd.e: 5/h\n");
  EXPECT_EQ(refusal("domain: d\n<<: 3"), "f:2:5: << takes a map or a list of maps");
  EXPECT_EQ(refusal("domain: d\ndescriptors: &a [*a]"),
            "f:2:18: an alias (*name) inside of what it names: write the value out here");
  std::string bomb = "domain: d\ndescriptors: &a0 [{key: k}]\n";
  for (int i = 1; i < 30; ++i) {
    const auto name = "a" + std::to_string(i - 1);
    bomb += "x" + std::to_string(i) + ": &a" + std::to_string(i) + " [*" + name + ", *" + name + "]\n";
  }
  EXPECT_NE(refusal(bomb).find("aliases unfold to more than 200000 nodes; write fewer of them"),
            std::string::npos);
}

TEST(PolicyYaml, DepthAndSize) {
  const auto nested = [](int depth) {
    std::string yaml = "domain: d\n";
    for (int i = 0; i < depth; ++i) {
      const std::string indent(static_cast<std::size_t>(2 * i), ' ');
      yaml += indent + "descriptors:\n" + indent + "- key: k\n";
    }
    return yaml + std::string(static_cast<std::size_t>(2 * depth), ' ') +
           "rate_limit: {unit: day, requests_per_unit: 1}\n";
  };
  const auto deep = read_policies({{"f", nested(199)}});
  ASSERT_TRUE(deep) << problems_text(deep.problems);
  EXPECT_EQ(deep.set->rules().size(), 1u);
  EXPECT_NE(refusal(nested(200)).find("nested more than 400 deep"), std::string::npos);
  EXPECT_EQ(refusal(std::string((16 << 20) + 1, '#')),
            "f: larger than 16777216 bytes, the most that is read");
  std::string faults = "domain: d\ndescriptors:\n";
  for (int i = 0; i < 500; ++i) faults += "- {}\n";
  EXPECT_EQ(read_policies({{"f", faults}, {"g", faults}}).problems.size(), kPolicyProblemsMax);
}

TEST(PolicyYaml, CutAndDamaged) {
  const std::string good = kAllFields;
  for (std::size_t n = 0; n < good.size(); ++n) read_policies({{"f", good.substr(0, n)}});
  std::mt19937 random(1);
  for (int i = 0; i < 2'000; ++i) {
    std::string text = good;
    for (int k = 0; k < 3; ++k) text[random() % text.size()] = " :-[]{}*&<\n\"x0"[random() % 14];
    const auto reading = read_policies({{"f", text}});
    EXPECT_TRUE(reading || reading.set->rules().empty());
  }
}

TEST(PolicyFiles, GathersAFolder) {
  const auto folder =
      std::filesystem::path(::testing::TempDir()) / ("policies-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder / "below");
  for (const char* name : {"b.yaml", "a.yml", ".hidden.yaml", "c.txt", "below/d.yaml"})
    std::ofstream(folder / name) << "domain: " << name << "\n";
  std::vector<Problem> problems;
  auto files = gather_policies(folder, problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].name, (folder / "a.yml").string());
  EXPECT_EQ(files[1].text, "domain: b.yaml\n");
  EXPECT_EQ(gather_policies(folder / "c.txt", problems).size(), 1u);
  EXPECT_TRUE(problems.empty());
  std::filesystem::create_symlink("/nowhere", folder / "z.yaml");
  gather_policies(folder, problems);
  EXPECT_EQ(problems_text(problems),
            (folder / "z.yaml").string() + ": cannot be read: No such file or directory; is the path right?");
  std::filesystem::remove_all(folder);
}

TEST(PolicyFiles, AFolderIsBounded) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / ("many-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  for (std::size_t i = 0; i < kPolicyFilesMax; ++i) std::ofstream(folder / (std::to_string(i) + ".yaml"));
  std::vector<Problem> problems;
  EXPECT_EQ(gather_policies(folder, problems).size(), kPolicyFilesMax);
  EXPECT_TRUE(problems.empty());
  std::ofstream(folder / "more.yaml");
  gather_policies(folder, problems);
  EXPECT_EQ(problems_text(problems), folder.string() + ": holds more than 10000 files");
  std::filesystem::remove_all(folder);
}

TEST(PolicyFiles, TellsPoliciesFromLimits) {
  EXPECT_TRUE(is_policy("domain: d"));
  EXPECT_TRUE(is_policy("descriptors: []"));
  EXPECT_FALSE(is_policy("limits: {}"));
  EXPECT_FALSE(is_policy("- domain"));
  EXPECT_FALSE(is_policy("{"));
}

}  // namespace
}  // namespace sluice::policy
