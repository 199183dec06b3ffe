// manual.h: the manual pages and docs/commands.md, written from the definitions that --help is written from.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace sluice::cli {

/// The page of `command`, or sluice(1) itself if it is null, as roff with man(7)'s macros.
std::string man_page(const CLI::App& program, const CLI::App* command, const std::string& version);
/// docs/commands.md.
std::string commands_markdown(const CLI::App& program);

}  // namespace sluice::cli
