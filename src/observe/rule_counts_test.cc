#include "observe/rule_counts.h"

#include <gtest/gtest.h>

#include <thread>

#include "observe/metrics.h"

namespace sluice::observe {
namespace {

CountedRule rule(std::uint64_t set, std::uint32_t index, std::string_view name) {
  return {.set = set, .rules = 3, .index = index, .domain = "shop", .name = name};
}

TEST(RuleCounts, AReloadKeepsWhatHasTheSameName) {
  RuleCounts counts;
  counts.hit(rule(1, 0, "shop.user"), {3, 2, 1, 1, 0, 0});
  counts.hit(rule(1, 2, "shop.tenant"), {1, 1, 0, 0, 0, 0});
  counts.hit(rule(2, 1, "shop.user"), {4, 0, 0, 4, 4, 0});  // The same rule at another place.
  counts.hit(rule(2, 0, "shop.path"), {7, 7, 0, 0, 0, 0});  // Another one at its old place.
  counts.hit(rule(1, 0, "shop.user"), {1, 1, 0, 0, 0, 0});  // A batch that still goes by the old set.
  RuleSums sums;
  counts.add_to(sums);
  EXPECT_EQ(sums, (RuleSums{{{"shop", "shop.user"}, {8, 3, 1, 5, 4, 0}},
                            {{"shop", "shop.tenant"}, {1, 1, 0, 0, 0, 0}},
                            {{"shop", "shop.path"}, {7, 7, 0, 0, 0, 0}}}));
}

TEST(RuleCounts, NamesAreBoundedAndNoHitIsLost) {
  RuleCounts counts;
  for (std::size_t i = 0; i < kRulesCountedMax + 100; ++i)
    counts.hit(rule(i + 1, 0, "shop.rule" + std::to_string(i)), {1, 0, 0, 1, 0, 0});  // A reload for each.
  counts.hit(rule(1, 0, "shop.rule0"), {1, 1, 0, 0, 0, 0});
  RuleSums sums;
  counts.add_to(sums);
  EXPECT_EQ(sums.size(), kRulesCountedMax + 1);
  EXPECT_EQ((sums[{"", kOtherNames}]), (RuleHits{100, 0, 0, 100, 0, 0}));
  EXPECT_EQ((sums[{"shop", "shop.rule0"}]), (RuleHits{2, 1, 0, 1, 0, 0}));
}

TEST(NamedCounts, NamesThatRequestsMakeUpAreBounded) {
  NamedCounts counts(2);
  for (const char* name : {"a", "b", "c", "a", "d", "c"}) counts.hit("shop", name, {1, 1, 0, 0, 0, 0});
  counts.hit("shop", std::string(kNameBytesMax + 1, 'x'), {1, 1, 0, 0, 0, 0});
  counts.hit("other", "e", {1, 1, 0, 0, 0, 0});
  const auto names = counts.names();
  EXPECT_EQ(names.domains.at("shop"), (NamedCounts::ByName{{"a", {2, 2, 0, 0, 0, 0}},
                                                           {"b", {1, 1, 0, 0, 0, 0}},
                                                           {std::string(kOtherNames), {4, 4, 0, 0, 0, 0}}}));
  EXPECT_EQ(names.domains.at("other").at(std::string(kOtherNames))[0], 1U);
  EXPECT_EQ(names.refused, 5U);
}

TEST(NamedCounts, SoAreUnknownDomains) {
  NamedCounts counts(2);
  for (const char* name : {"a", "b", "c", "a", "d"}) counts.unknown_domain(name);
  counts.unknown_domain(std::string(1 << 16, 'x'));
  EXPECT_EQ(counts.names().unknown_domains,
            (std::map<std::string, std::uint64_t, std::less<>>{{"a", 2}, {"b", 1}, {"#other", 3}}));
}

TEST(RuleCounts, ThePageTellsRulesInForceFromTheStart) {
  Metrics metrics(1);
  DoorMetrics& first = metrics.door("grpc");
  DoorMetrics& second = metrics.door("http");
  first.hit(rule(1, 0, "shop.user"), {3, 2, 1, 1, 0, 0});
  second.hit(rule(1, 0, "shop.user"), {2, 1, 0, 1, 1, 0});
  first.hit("shop", "shop.we\"ird\\na\nme", RuleHits{1, 1, 0, 0, 0, 0});
  second.hit(rule(1, 0, "shop.user"), {0, 0, 0, 0, 0, 4});
  second.hit("shop", "shop.beyond", RuleHits{1, 0, 0, 1, 0, 0});
  second.unknown_domain("nowhere");
  first.shadowed();
  const RuleName in_force[] = {{"shop", "shop.user"}, {"shop", "shop.idle"}};
  const auto text = "\n" + metrics_text(metrics, {}, in_force);
  for (const char* line : {
           "# TYPE sluice_rule_hits_total counter",
           "sluice_rule_hits_total{domain=\"shop\",rule=\"shop.user\"} 5",
           "sluice_rule_within_limit_total{domain=\"shop\",rule=\"shop.user\"} 3",
           "sluice_rule_near_limit_total{domain=\"shop\",rule=\"shop.user\"} 1",
           "sluice_rule_over_limit_total{domain=\"shop\",rule=\"shop.user\"} 2",
           "sluice_rule_shadow_mode_total{domain=\"shop\",rule=\"shop.user\"} 1",
           "sluice_rule_negative_hits_total{domain=\"shop\",rule=\"shop.user\"} 4",
           "sluice_rule_hits_total{domain=\"shop\",rule=\"shop.idle\"} 0",
           "sluice_rule_hits_total{domain=\"shop\",rule=\"shop.we\\\"ird\\\\na\\nme\"} 1",
           "sluice_rule_over_limit_total{domain=\"shop\",rule=\"#other\"} 1",
           "sluice_rule_series_refused_total 1",
           "sluice_domain_not_found_total{domain=\"nowhere\"} 1",
           "sluice_shadowed_requests_total 1",
       })
    EXPECT_NE(text.find("\n" + std::string(line) + "\n"), std::string::npos) << line << "\nis not in\n"
                                                                             << text;
}

TEST(RuleCountsUnderThreads, AReaderSeesEveryCountGrow) {
  RuleCounts counts;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint32_t i = 0; i < 30'000; ++i)
      counts.hit(rule(i / 3000 + 1, i % 3, "shop.rule" + std::to_string(i % 300)), {1, 1, 0, 0, 0, 0});
    done = true;
  });
  std::uint64_t before = 0;
  do {
    RuleSums sums;
    counts.add_to(sums);
    std::uint64_t sum = 0;
    for (const auto& [name, hits] : sums) sum += hits[0];
    EXPECT_GE(sum, before);
    before = sum;
  } while (!done);
  writer.join();
}

}  // namespace
}  // namespace sluice::observe
