#include "cli/token_command.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "access/tokens_yaml.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/json.h"

namespace sluice::cli {

namespace {

constexpr const char* kFooter = R"(
Examples:
  sluice token new checkout --roles take
  sluice token new tenant7 --roles take,inspect --limits 'tenant7-*' --domains tenant7
  sluice token new ops --roles admin --json

The token is shown this once: give it to the client. The line belongs into the server's file of tokens (sluice serve
--tokens FILE) and holds no secret. Whoever has the token can show it; to withdraw it, take its line out of the file.

Exit code: 0 done, 2 wrong usage or an error.)";

struct Options {
  std::string action;
  std::string name;
  std::vector<std::string> roles, limits, domains;
  bool json = false;
};

/// A list in JSON, which is YAML too.
std::string list(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all.append(all.empty() ? "" : ", ").append(json_string(text));
  return "[" + all + "]";
}

Result<std::string> line_of(const Options& o, const std::string& digest) {
  std::string roles;
  for (const auto& role : o.roles) roles.append(roles.empty() ? "" : ", ").append(role);
  std::string line = "  " + o.name + ": {sha256: \"" + digest + "\", roles: [" + roles + "]";
  if (!o.limits.empty()) line += ", limits: " + list(o.limits);
  if (!o.domains.empty()) line += ", domains: " + list(o.domains);
  line += "}";
  // As the server will read it.
  if (const auto reading = access::read_tokens("tokens:\n" + line + "\n", "the new line"); !reading)
    return Error{Code::invalid_argument, policy::problems_text(reading.problems)};
  return line;
}

int run(const Options& o) {
  if (const auto problem = access::name_problem(o.name); !problem.empty()) return fail(problem);
  for (const auto& name : o.roles)
    if (!access::role_of(name))
      return fail("--roles: there is no role " + policy::quoted(name) +
                  policy::nearest(name, access::role_names()) +
                  "; there are take, inspect, change and admin");
  const auto token = access::make_token();
  if (!token) return fail(token.error().message);
  const auto digest = access::hex_of(access::sha256(*token));
  const auto line = line_of(o, digest);
  if (!line) return fail(line.error().message);
  if (o.json)
    std::printf("{\"name\":%s,\"token\":\"%s\",\"sha256\":\"%s\",\"roles\":%s,\"line\":%s}\n",
                json_string(o.name).c_str(), token->c_str(), digest.c_str(), list(o.roles).c_str(),
                json_string(*line).c_str());
  else
    std::printf(
        "The token, shown this once:\n\n%s\n\nIts line under tokens: in the server's file of tokens:\n\n%s\n",
        token->c_str(), line->c_str());
  return kDone;
}

}  // namespace

void add_token(CLI::App& program, int& exit_code) {
  const auto options = std::make_shared<Options>();  // Lives as long as the callback, which shares it.
  CLI::App* sub = program.add_subcommand(
      "token",
      "Make a token, by which a server knows who asks: print it once, and its line for the server's file.");
  sub->footer(kFooter);
  sub->add_option("ACTION", options->action, "new.")
      ->required()
      ->type_name("")
      ->check(CLI::IsMember({"new"}));
  sub->add_option("NAME", options->name, "Whose it is: letters, digits, \"_\", \"-\" and \".\".")
      ->required()
      ->type_name("");
  sub->add_option("--roles", options->roles,
                  "What it is for: take, inspect, change, admin; parted by commas.")
      ->required()
      ->delimiter(',')
      ->type_name("ROLES");
  sub->add_option("--limits", options->limits, "For these limits alone: names, or patterns with *.")
      ->delimiter(',')
      ->type_name("NAMES");
  sub->add_option("--domains", options->domains, "For these domains of policies alone, likewise.")
      ->delimiter(',')
      ->type_name("NAMES");
  sub->add_flag("--json", options->json, "Print JSON.");
  sub->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace sluice::cli
