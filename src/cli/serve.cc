#include <cstdio>
#include <cstdlib>

#include "cli/app.h"
#include "cli/commands.h"
#include "server/server.h"

namespace sluice::cli {

int fail(std::string_view message) {
  std::fprintf(stderr, "sluice: %.*s\n", static_cast<int>(message.size()), message.data());
  return kFailed;
}

int serve(const server::Sources& sources) {
  const auto loaded = server::load_config(sources);
  for (const auto& problem : loaded.problems) fail(problem);
  if (!loaded.problems.empty()) return kFailed;
  auto manager = server::ServiceManager::from_environment([](const char* name) { return std::getenv(name); });
  if (!manager) return fail(manager.error().message);
  auto server = server::Server::start(loaded.config, server::doors(), std::move(*manager));
  if (!server) return fail(server.error().message);
  (*server)->settings_again([&sources] { return server::load_config(sources); });
  (*server)->run(true, [&] {  // Whoever reads `sluice: ready` may send signals.
    for (const auto& line : (*server)->start_lines()) std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  });
  return kDone;
}

}  // namespace sluice::cli
