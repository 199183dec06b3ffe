// simulate_command.h: the subcommand `sluice simulate`.
#pragma once

#include <functional>
#include <string>

#include "policy/limit.h"

namespace CLI {
class App;
}

namespace sluice::cli {

/// Reads a file of named limits. Given by whoever links the reader; without one, --limits is refused with the
/// reason.
using LimitsReader = std::function<Result<policy::LimitSet>(const std::string& path)>;

/// Adds the subcommand; parsing `program` runs it and sets `exit_code`: 0 nobody would have been refused
/// (under the first quota, with --compare), 1 somebody, 2 an error. `exit_code` must outlive the parse.
void add_simulate(CLI::App& program, int& exit_code, LimitsReader read_limits = {});

}  // namespace sluice::cli
