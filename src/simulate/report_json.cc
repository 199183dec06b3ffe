// The report for programs. Whole numbers are exact; those that may pass 2^53 (costs, bursts) are written as
// they are.
#include "simulate/report.h"
#include "simulate/text.h"

namespace sluice::simulate {
namespace {

std::string number(Int128 n) {
  std::string digits = with_commas(n);
  std::erase(digits, ',');
  return digits;
}
std::string number(std::uint64_t n) { return std::to_string(n); }
std::string number(const std::optional<std::int64_t>& n) { return n ? std::to_string(*n) : "null"; }

/// {"name":value,...} and [value,...], built from values that are JSON already.
class Fields {
 public:
  explicit Fields(char open) : out_(1, open) {}
  Fields& add(std::string_view name, const std::string& value) {
    comma();
    out_.append("\"").append(name).append("\":").append(value);
    return *this;
  }
  Fields& item(const std::string& value) {
    comma();
    out_ += value;
    return *this;
  }
  std::string close() { return std::move(out_) + (out_.front() == '{' ? '}' : ']'); }

 private:
  void comma() {
    if (out_.size() > 1) out_ += ',';
  }
  std::string out_;
};

std::string input_json(const Report& r) {
  Fields files('[');
  for (const auto& file : r.input.files) files.item(json_string(file));
  Fields f('{');
  f.add("files", files.close()).add("key", json_string(r.input.key));
  f.add("cost", r.input.cost_is_bytes ? "\"bytes\"" : "1").add("spread", r.input.spread ? "true" : "false");
  f.add("lines", number(r.input.lines)).add("damaged", number(r.input.damaged));
  f.add("first_damaged", r.input.first_damaged.empty() ? "null" : json_string(r.input.first_damaged));
  f.add("too_long", number(r.input.too_long)).add("without_key", number(r.input.keyless));
  f.add("out_of_order", number(r.totals.late))
      .add("out_of_order_by_s", number(std::uint64_t{r.totals.latest_by_s}));
  const bool any = r.totals.requests > 0;
  f.add("first", any ? json_string(iso_text(r.totals.first_s, r.input.zone)) : "null");
  f.add("last", any ? json_string(iso_text(r.totals.last_s, r.input.zone)) : "null");
  return f.close();
}

std::string found_json(const std::optional<Found>& found) {
  if (!found) return "null";
  Fields f('{');
  f.add("quota", json_string(found->quota.text())).add("burst", std::to_string(found->quota.capacity()));
  f.add("tokens", std::to_string(found->quota.tokens())).add("refused", number(found->refused));
  return f.close();
}

std::string key_json(const WorstKey& w, std::int32_t zone) {
  Fields f('{');
  f.add("key", json_string(w.key))
      .add("requests", number(w.requests))
      .add("refused", number(w.outcome.refused));
  f.add("first_refusal", json_string(iso_text(w.outcome.first_refusal_s, zone)));
  const bool never = w.outcome.longest_wait_ns == kNever.count();
  f.add("longest_wait_ns", never ? "null" : std::to_string(w.outcome.longest_wait_ns));
  f.add("smallest_burst", number(w.burst_needed));
  return f.close();
}

std::string trial_json(const Report& r, const Trial& trial) {
  Fields quotas('['), bursts('['), worst('[');
  for (const auto& quota : trial.quotas) quotas.item(json_string(quota.text()));
  for (const auto& need : trial.burst_needed) bursts.item(number(need));
  for (const auto& w : trial.worst) worst.item(key_json(w, r.input.zone));
  Fields f('{');
  f.add("name", json_string(trial.name)).add("quotas", quotas.close());
  f.add("allowed", number(r.totals.requests - trial.refused)).add("refused", number(trial.refused));
  f.add("never", number(trial.never)).add("refused_cost", number(trial.refused_cost));
  f.add("keys_refused", number(trial.keys_refused)).add("smallest_burst", bursts.close());
  if (r.target) {
    Fields target('{');
    target.add("percent", json_string(r.target_text)).add("requests", number(r.target_budget));
    target.add("by_burst", found_json(trial.burst_found)).add("by_rate", found_json(trial.rate_found));
    f.add("target", target.close());
  }
  f.add("worst", worst.close());
  return f.close();
}

std::string timeline_json(const Report& r) {
  Fields intervals('[');
  for (std::size_t i = 0; i < r.timeline.intervals().size(); ++i) {
    const auto& interval = r.timeline.intervals()[i];
    Fields refused('['), f('{');
    for (std::size_t c = 0; c < r.trials.size(); ++c) refused.item(number(interval.refused[c]));
    const auto begin = r.timeline.begin() + static_cast<std::int64_t>(i) * r.timeline.width();
    f.add("begin", json_string(iso_text(begin, r.input.zone))).add("requests", number(interval.requests));
    f.add("refused", refused.close());
    intervals.item(f.close());
  }
  Fields f('{');
  f.add("interval_s", std::to_string(r.timeline.width())).add("intervals", intervals.close());
  return f.close();
}

}  // namespace

std::string report_json(const Report& r) {
  Fields trials('['), f('{');
  for (const auto& trial : r.trials) trials.item(trial_json(r, trial));
  f.add("input", input_json(r)).add("requests", number(r.totals.requests)).add("cost", number(r.totals.cost));
  f.add("keys", number(r.totals.keys)).add("keys_forgotten", number(r.totals.keys_forgotten));
  f.add("trials", trials.close()).add("timeline", timeline_json(r));
  return f.close() + "\n";
}

}  // namespace sluice::simulate
