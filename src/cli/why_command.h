// why_command.h: the subcommand `sluice why`.
#pragma once

namespace CLI {
class App;
}

namespace sluice::cli {

/// Adds the subcommand; parsing `program` runs it and sets `exit_code`: 0 the key may go now, 1 it may not, 2
/// wrong usage or an error. `exit_code` must outlive the parse.
void add_why(CLI::App& program, int& exit_code);

}  // namespace sluice::cli
