#include "cli/extra_commands.h"

#include "cli/eval_command.h"
#include "cli/explain_command.h"
#include "cli/log_key_command.h"
#include "cli/simulate_command.h"
#include "cli/token_command.h"
#include "cli/why_command.h"
#include "policy/limits_yaml.h"

namespace sluice::cli {

namespace {

void add_simulate_here(CLI::App& program, int& exit_code) {
  add_simulate(program, exit_code, [](const std::string& path) -> Result<policy::LimitSet> {
    auto reading = policy::read_limits_file(path);
    if (!reading) return Error{Code::invalid_argument, reading.problems_text()};
    return std::move(reading.limits);
  });
}

using Add = void (*)(CLI::App&, int&);
constexpr Add kCommands[] = {add_explain, add_eval, add_log_key, add_simulate_here, add_token, add_why};

}  // namespace

void add_extra_commands(CLI::App& program, int& exit_code) {
  for (const Add add : kCommands) add(program, exit_code);
}

}  // namespace sluice::cli
