// report.h: what a simulation found, as values; and the three ways to show it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "simulate/levels.h"
#include "simulate/search.h"
#include "simulate/simulation.h"

namespace sluice::simulate {

/// What was read.
struct Input {
  std::vector<std::string> files;
  std::string key;  ///< As --key says it.
  bool cost_is_bytes = false;
  bool spread = false;
  std::uint64_t lines = 0;
  std::uint64_t damaged = 0;   ///< Not in the format.
  std::uint64_t too_long = 0;  ///< Above LineReader::kLineMax.
  std::uint64_t keyless = 0;   ///< In the format, but nobody to count for.
  std::string first_damaged;   ///< "FILE:LINE" of one; empty if none.
  std::string largest_jump;    ///< "FILE:LINE" behind which the log's time leapt furthest ahead.
  std::uint32_t largest_jump_s = 0;
  std::int32_t zone = 0;  ///< Seconds east of UTC of the first line; reports tell times in it.
};

struct WorstKey {
  std::string key;
  std::uint64_t requests = 0;
  KeyOutcome outcome;
  std::optional<std::int64_t> burst_needed;  ///< Of the first quota.
};

/// One row for a key of the charts: its curve under each contender.
struct LevelChart {
  std::string key;
  std::vector<LevelCurve> curves;
};

struct Trial {
  std::string name;
  std::vector<Quota> quotas;
  std::uint64_t refused = 0, never = 0, keys_refused = 0;
  Int128 refused_cost = 0;
  std::vector<std::optional<std::int64_t>> burst_needed;  ///< One a quota.
  std::vector<WorstKey> worst;
  std::optional<Found> burst_found;  ///< Where a share was asked for.
  std::optional<Found> rate_found;   ///< None too if no rate does it.
};

struct Report {
  Input input;
  Simulation::Totals totals;
  Timeline timeline;
  std::vector<Trial> trials;        ///< One, or two to compare.
  std::optional<Share> target;      ///< The share asked for, and
  std::string target_text;          ///< as it was written, without the sign.
  std::uint64_t target_budget = 0;  ///< the requests that it is.
  LevelGrid grid;                   ///< Of the charts.
  std::vector<LevelChart> levels;   ///< Where charts were asked for.
};

/// For the terminal; `colour`: with ANSI colours. Untrusted bytes (keys, names of files) are made harmless.
std::string report_text(const Report& report, bool colour);
/// One JSON object. docs/simulate.md describes it.
std::string report_json(const Report& report);
/// One self-contained page: nothing is loaded from anywhere.
std::string report_html(const Report& report);

}  // namespace sluice::simulate
