// Which text what is in force comes from.
#include "policy/source.h"

#include <gtest/gtest.h>

#include "policy/policy_yaml.h"

namespace sluice::policy {
namespace {

constexpr const char* kA =
    "domain: a\ndescriptors: [{key: k, rate_limit: {unit: second, requests_per_unit: 1}}]\n";
constexpr const char* kB =
    "domain: b\ndescriptors: [{key: k, rate_limit: {unit: second, requests_per_unit: 1}}]\n";

// printf abc | sha256sum
TEST(Source, TheVersionIsWhatSha256sumSays) {
  EXPECT_EQ(Source("f", "abc", 0).version, "ba7816bf8f01");
  EXPECT_EQ(Source("g", "abc", 1).version, Source("f", "abc", 0).version);
  EXPECT_NE(Source("f", "abd", 0).version, Source("f", "abc", 0).version);
  EXPECT_EQ(Source().version, "");
}

TEST(Source, EachRuleHasItsFile) {
  const auto reading = read_policies({{"z.yaml", kA}, {"a.yaml", kB}}, {.read_wall_ns = 7});
  ASSERT_TRUE(reading) << problems_text(reading.problems);
  const auto& sources = reading.set->sources();
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].name, "a.yaml");
  EXPECT_EQ(sources[0].text, kB);
  EXPECT_EQ(sources[1].read_wall_ns, 7);
  for (const Rule* rule : reading.set->rules()) {
    const Source* const source = reading.set->source_of(*rule);
    ASSERT_NE(source, nullptr);
    EXPECT_EQ(source->name, rule->file);
    EXPECT_NE(source->version, "");
  }
  const Entry entry{"k", "v"};
  const auto own = reading.set->override_rule(reading.set->find("a"), {&entry, 1}, 5, Unit::second);
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(reading.set->source_of(*own), nullptr);
}

}  // namespace
}  // namespace sluice::policy
