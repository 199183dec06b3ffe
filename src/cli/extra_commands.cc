#include "cli/extra_commands.h"

#include "cli/explain_command.h"
#include "policy/limits_yaml.h"

#ifdef SLUICE_EVAL_COMMAND
#include "cli/eval_command.h"
#endif
#ifdef SLUICE_SIMULATE_COMMAND
#include "cli/simulate_command.h"
#endif

namespace sluice::cli {

namespace {

#ifdef SLUICE_SIMULATE_COMMAND
void add_simulate_here(CLI::App& program, int& exit_code) {
  add_simulate(program, exit_code, [](const std::string& path) -> Result<policy::LimitSet> {
    auto reading = policy::read_limits_file(path);
    if (!reading) return Error{Code::invalid_argument, reading.problems_text()};
    return std::move(reading.limits);
  });
}
#endif

using Add = void (*)(CLI::App&, int&);
constexpr Add kCommands[] = {
    add_explain,
#ifdef SLUICE_EVAL_COMMAND
    add_eval,
#endif
#ifdef SLUICE_SIMULATE_COMMAND
    add_simulate_here,
#endif
};

}  // namespace

void add_extra_commands(CLI::App& program, int& exit_code) {
  for (const Add add : kCommands) add(program, exit_code);
}

}  // namespace sluice::cli
