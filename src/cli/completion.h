// completion.h: a completion script, made from the tree of subcommands and options.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace sluice::cli {

/// Subcommands after `sluice`, options after a subcommand, file names after what takes one and anywhere else.
std::string bash_completion(const CLI::App& program);

}  // namespace sluice::cli
