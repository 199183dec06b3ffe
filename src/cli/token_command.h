// token_command.h: `sluice token new`.
#pragma once

namespace CLI {
class App;
}

namespace sluice::cli {

void add_token(CLI::App& program, int& exit_code);

}  // namespace sluice::cli
