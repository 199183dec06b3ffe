// `sluice log-key`: what a key is called in the log.
#include "cli/log_key_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/commands.h"
#include "observe/key_hash.h"
#include "server/config.h"

namespace sluice::cli {

namespace {

constexpr const char* kFooter =
    "\nExamples:\n"
    "  SLUICE_LOG_KEY_SECRET=... sluice log-key alice\n"
    "  grep $(sluice log-key --config /etc/sluice/sluice.yaml alice) /var/log/sluice.log\n"
    "\nThe secret is the server's setting log_key_secret, of the same file or variable. A policy's key is "
    "made of "
    "the\nrequest's entries: sluice explain tells it. Without the program:\n"
    "  printf %s alice | openssl dgst -sha256 -hmac SECRET     (the first 32 digits)\n";

struct Options {
  std::string config;
  std::vector<std::string> keys;
};

int run(const Options& o) {
  server::Sources sources;
  sources.file = o.config;
  sources.file_if_any = "sluice.yaml";
  sources.environment = [](const char* name) -> const char* { return std::getenv(name); };
  const auto loaded = server::load_config(sources);
  for (const auto& problem : loaded.problems) fail(problem);
  if (!loaded.problems.empty()) return kFailed;
  const auto& secret = loaded.config.log_key_secret;
  if (secret.empty())
    return fail("there is no log_key_secret: give the server's, by --config FILE or SLUICE_LOG_KEY_SECRET");
  for (const auto& key : o.keys) std::printf("%s\n", observe::key_hash(secret, key).c_str());
  return kDone;
}

}  // namespace

void add_log_key(CLI::App& program, int& exit_code) {
  const auto options = std::make_shared<Options>();  // Lives as long as the callback, which shares it.
  CLI::App* sub = program.add_subcommand("log-key", "Print how the log calls a key that it tells hashed.");
  sub->footer(kFooter);
  sub->add_option("--config", options->config, "The server's settings. Default: as of sluice serve.")
      ->type_name("FILE");
  sub->add_option("KEY", options->keys, "The keys; each gets a line.")->required()->type_name("");
  sub->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace sluice::cli
