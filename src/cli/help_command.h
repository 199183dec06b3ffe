// help_command.h: `sluice help`, which also writes the manual.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace sluice::cli {

/// `exit_codes` is the last paragraph of its help.
void add_help(CLI::App& program, int& exit_code, const std::string& exit_codes);

}  // namespace sluice::cli
