// log_key_command.h: the subcommand `sluice log-key`.
#pragma once

namespace CLI {
class App;
}

namespace sluice::cli {

/// Adds the subcommand; parsing `program` runs it and sets `exit_code`, which must outlive the parse.
void add_log_key(CLI::App& program, int& exit_code);

}  // namespace sluice::cli
