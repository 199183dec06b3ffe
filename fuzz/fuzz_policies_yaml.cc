// fuzz_policies_yaml.cc: any bytes are a set of policies or a list of problems, never both, and nothing is
// thrown. Behind a zero byte stands a request, "key=value key=value": what match() finds, explain() finds.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "policy/explanation.h"
#include "policy/policy_yaml.h"

namespace {

using namespace sluice::policy;

std::vector<Entry> entries(std::string_view text) {
  std::vector<Entry> all;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    const auto eq = word.find('=');
    all.push_back({word.substr(0, eq), eq == std::string_view::npos ? "" : word.substr(eq + 1)});
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return all;
}

void require(bool holds) {
  if (!holds) std::abort();
}

void ask(const PolicySet& set, std::string_view domain, std::string_view request) {
  const std::vector<std::vector<Entry>> descriptors = {entries(request)};
  std::string keys = "before";
  const Match match = set.match(set.find(domain), descriptors[0], keys);
  require(keys.starts_with("before") && match.key_at + match.key_size <= keys.size());
  require((match.rule == nullptr) == (match.outcome == Match::Outcome::none));
  const auto explained = explain(set, domain, descriptors);
  require(explained[0].rule == match.rule || (match.rule == nullptr && explained[0].replaced));
  require(explained[0].key == match.key(keys));
  require(!explanation_text(explained[0]).empty());
  if (match.rule != nullptr) require(!explained[0].stat.empty() && match.key_size > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto zero = all.find('\0');
  const auto reading = read_policies({{"f", std::string(all.substr(0, zero))}});
  require(reading.set != nullptr && (reading || reading.set->rules().empty()));
  for (const Rule* rule : reading.set->rules()) {
    require(reading.set->rules()[rule->index] == rule && !rule->full_name.empty());
    require((rule->kind == Rule::Kind::quota) == rule->limit.has_value());
    require(!rule->limit || rule->limit->quotas.size() == rule->limit->families.size());
  }
  for (const auto domain : reading.set->domains())
    ask(*reading.set, domain, zero == std::string_view::npos ? "" : all.substr(zero + 1));
  return 0;
}
