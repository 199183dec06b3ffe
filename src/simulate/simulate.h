// simulate.h: from access logs to a report: `sluice simulate` without its command line.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "simulate/key_of.h"
#include "simulate/report.h"

namespace sluice::simulate {

struct Options {
  Options(std::vector<std::string> logs, std::vector<Contender> trials, KeyOf key_of)
      : files(std::move(logs)), contenders(std::move(trials)), key(std::move(key_of)) {}

  std::vector<std::string>
      files;  ///< Replayed in the order of their first lines' times; "-": standard input.
  std::vector<Contender> contenders;  ///< One, or two to compare.
  KeyOf key;
  bool cost_is_bytes = false;
  bool spread = false;
  std::size_t top = 10;
  std::size_t max_keys = 1'000'000;
  std::optional<Share> target;  ///< Asks for the search. REQUIRES: each contender has one quota.
  std::string target_text;
  bool charts = false;  ///< Asks for Report::levels.
};

/// Told every half a megabyte of a file: bytes of all files read, and of how many (0: unknown); and once with
/// `searching` when the log is read and replays begin. Returns nothing; must not throw.
struct Progress {
  std::uint64_t done = 0, of = 0, lines = 0;
  bool searching = false;
};
using OnProgress = std::function<void(const Progress&)>;

/// The error names the file and line, and the mend.
Result<Report> simulate(Options options, const OnProgress& on_progress = {});

}  // namespace sluice::simulate
