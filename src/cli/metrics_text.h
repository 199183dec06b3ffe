// metrics_text.h: what `sluice top` needs of the Prometheus text format.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace sluice::cli {

struct LimitCounts {
  double allowed = 0;
  double refused = 0;  ///< Refused now, and those that can never pass.
};

/// The samples of sluice_decisions_total{limit="…",outcome="…"}, by limit. Other lines are passed over.
std::map<std::string, LimitCounts> limit_counts(std::string_view text);

}  // namespace sluice::cli
