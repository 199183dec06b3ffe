// extra_commands.h: subcommands that live in files of their own and bring their own options. A row of the
// table in extra_commands.cc each.
#pragma once

namespace CLI {
class App;
}

namespace sluice::cli {

/// Parsing `program` runs the subcommand and sets `exit_code`, which outlives the parse.
void add_extra_commands(CLI::App& program, int& exit_code);

}  // namespace sluice::cli
