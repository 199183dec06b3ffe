#include "cli/metrics_text.h"

#include <algorithm>
#include <cstdlib>

namespace sluice::cli {

namespace {

constexpr std::string_view kName = "sluice_decisions_total{";

/// Reads `name="value"` and what separates it from the next; false at the end of the labels or where it is
/// broken.
bool label(std::string_view& rest, std::string& name, std::string& value) {
  const auto equals = rest.find("=\"");
  if (equals == std::string_view::npos || rest.front() == '}') return false;
  name = rest.substr(0, equals);
  value.clear();
  std::size_t i = equals + 2;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) {
      ++i;
      value += rest[i] == 'n' ? '\n' : rest[i];
    } else {
      value += rest[i];
    }
  }
  if (i >= rest.size()) return false;
  rest.remove_prefix(i + 1);
  if (rest.starts_with(',')) rest.remove_prefix(1);
  return !rest.empty();
}

}  // namespace

std::map<std::string, LimitCounts> limit_counts(std::string_view text) {
  std::map<std::string, LimitCounts> counts;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(kName)) continue;
    line.remove_prefix(kName.size());
    std::string name, value, limit, outcome;
    while (label(line, name, value)) {
      if (name == "limit") limit = value;
      if (name == "outcome") outcome = value;
    }
    if (!line.starts_with('}')) continue;
    const double n = std::strtod(std::string(line.substr(1)).c_str(), nullptr);
    (outcome == "allowed" ? counts[limit].allowed : counts[limit].refused) += n;
  }
  return counts;
}

}  // namespace sluice::cli
