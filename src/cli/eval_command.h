// eval_command.h: the subcommand `sluice eval`.
#pragma once

namespace CLI {
class App;
}

namespace sluice::cli {

/// Adds the subcommand; parsing `program` runs it until the standard input ends and sets `exit_code`: 0, or 2
/// if an answer could not be written. `exit_code` must outlive the parse.
void add_eval(CLI::App& program, int& exit_code);

}  // namespace sluice::cli
