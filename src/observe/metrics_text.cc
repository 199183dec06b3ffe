// prometheus-cpp's data model and its writer of the format, filled anew for every page; its registry, whose
// counters are found under a mutex, is not used.
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>

#include "core/decision_names.h"
#include "observe/metrics.h"

namespace sluice::observe {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

double seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

MetricFamily decisions(const Metrics& metrics) {
  MetricFamily family{
      "sluice_decisions_total",
      "Requests for tokens by limit and outcome. never: more than the bucket holds. #throttle: "
      "CL.THROTTLE and GCRA.",
      MetricType::Counter,
      {}};
  for (const auto& [limit, outcomes] : metrics.limits())
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      ClientMetric& metric = family.metric.emplace_back();
      metric.label = {{"limit", limit}, {"outcome", std::string(kOutcomeNames[i])}};
      metric.counter.value = static_cast<double>(outcomes[i]);
    }
  return family;
}

MetricFamily latencies(const Metrics& metrics) {
  MetricFamily family{
      "sluice_request_seconds",
      "From having read a request to having its reply ready to be sent, by door. Requests that were "
      "read together take as long as all of them.",
      MetricType::Histogram,
      {}};
  for (const auto& [door, latencies] : metrics.latencies()) {
    ClientMetric& metric = family.metric.emplace_back();
    metric.label = {{"door", door}};
    auto& histogram = metric.histogram;
    for (std::size_t i = 0; i < latencies.counts.size(); ++i) {
      histogram.sample_count += latencies.counts[i];
      histogram.bucket.push_back(
          {histogram.sample_count, i < kLatencyBounds.size()
                                       ? seconds(static_cast<std::uint64_t>(kLatencyBounds[i].count()))
                                       : std::numeric_limits<double>::infinity()});
    }
    histogram.sample_sum = seconds(latencies.sum_ns);
  }
  return family;
}

MetricFamily converted(const Family& from) {
  const bool counter = from.kind == Family::Kind::counter;
  MetricFamily family{from.name, from.help, counter ? MetricType::Counter : MetricType::Gauge, {}};
  for (const auto& sample : from.samples) {
    ClientMetric& metric = family.metric.emplace_back();
    for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
    (counter ? metric.counter.value : metric.gauge.value) = sample.value;
  }
  return family;
}

}  // namespace

std::string metrics_text(const Metrics& metrics, std::span<const Family> others,
                         std::span<const RuleName> in_force) {
  std::vector<MetricFamily> families;
  families.push_back(decisions(metrics));
  families.push_back(latencies(metrics));
  for (const Family& family : others) families.push_back(converted(family));
  families.push_back(converted({"sluice_shadowed_requests_total",
                                "Requests over a limit that shadow_all let pass.",
                                Family::Kind::counter,
                                {{{}, static_cast<double>(metrics.shadowed_requests())}}}));
  std::string page = prometheus::TextSerializer().Serialize(families);
  RuleSums rules;
  if (in_force.size() <= kRulesCountedMax)
    for (const RuleName& name : in_force) rules[name];
  metrics.add_to(rules);
  append_rules(rules, metrics.named(), page);
  return page;
}

}  // namespace sluice::observe
