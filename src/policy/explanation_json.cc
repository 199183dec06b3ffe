// explanation_json.cc: explanation_json() of explanation.h.
#include "policy/explanation.h"

namespace sluice::policy {

namespace {

class Writer {
 public:
  explicit Writer(JsonString json_string) : json_string_(json_string) {}

  void all(std::string_view domain, std::span<const Explained> descriptors) {
    begin('{');
    text("domain", domain);
    name("descriptors");
    begin('[');
    for (const Explained& e : descriptors) one(e);
    end(']');
    end('}');
  }
  std::string take() { return std::move(out_); }

 private:
  void one(const Explained& e) {
    begin('{');
    name("entries");
    begin('[');
    for (std::size_t i = 0; i < e.entries.size(); ++i) entry(e, i);
    end(']');
    text("verdict", outcome_name(e.outcome));
    text("reason", e.reason);
    if (e.rule != nullptr) {
      name("rule");
      rule(e, *e.rule);
      text("stat", e.stat);
    }
    end('}');
  }
  void entry(const Explained& e, std::size_t i) {
    begin('{');
    text("key", e.entries[i].first);
    text("value", e.entries[i].second);
    if (i < e.steps.size()) {
      text("match", how_name(e.steps[i].how));
      text("descriptor", e.steps[i].descriptor);
    }
    end('}');
  }
  void rule(const Explained& e, const Rule& rule) {
    begin('{');
    text("full_name", rule.full_name);
    text("name", rule.name);
    text("file", rule.file);
    raw("line", std::to_string(rule.line));
    text("version", e.version);
    text("limit", rule.text());
    if (rule.unit != Unit::unknown) {  // Else it has quotas alone.
      raw("requests_per_unit", std::to_string(rule.requests_per_unit));
      text("unit", unit_name(rule.unit));
    }
    raw("shadow_mode", rule.mode == Mode::shadow ? "true" : "false");
    if (rule.limit && e.outcome == Match::Outcome::ask) {
      name("buckets");
      begin('[');
      for (std::size_t i = 0; i < rule.limit->quotas.size(); ++i) {
        begin('{');
        text("family", rule.limit->families[i].name);
        text("key", e.key);
        text("quota", rule.limit->quotas[i].text());
        end('}');
      }
      end(']');
    }
    end('}');
  }

  void comma() {
    if (!out_.empty() && out_.back() != '{' && out_.back() != '[' && out_.back() != ':') out_ += ',';
  }
  void begin(char c) {
    comma();
    out_ += c;
  }
  void end(char c) { out_ += c; }
  void name(std::string_view name) {
    comma();
    json_string_(out_, name);
    out_ += ':';
  }
  void text(std::string_view field, std::string_view value) {
    name(field);
    json_string_(out_, value);
  }
  void raw(std::string_view field, std::string_view value) {
    name(field);
    out_ += value;
  }

  const JsonString json_string_;
  std::string out_;
};

}  // namespace

std::string explanation_json(std::string_view domain, std::span<const Explained> descriptors,
                             JsonString json_string) {
  Writer writer(json_string);
  writer.all(domain, descriptors);
  return writer.take();
}

}  // namespace sluice::policy
