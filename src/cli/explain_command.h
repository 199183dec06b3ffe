// explain_command.h: the subcommand `sluice explain`.
#pragma once

namespace CLI {
class App;
}

namespace sluice::cli {

/// Adds the subcommand; parsing `program` runs it and sets `exit_code`: 0 a rule applies, 1 none does, 2
/// wrong usage or policies that are not valid. `exit_code` must outlive the parse.
void add_explain(CLI::App& program, int& exit_code);

}  // namespace sluice::cli
