#include "cli/why_command.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <memory>

#include "cli/app.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/seen_text.h"

namespace sluice::cli {

namespace {

constexpr const char* kFooter = R"(
Examples:
  sluice why login ann
  sluice why api 192.0.2.7 --server 10.0.0.7:8080 --json

Exit code: 0 a request for one token would pass now, 1 it would not, 2 wrong usage or an error.)";

struct Options {
  std::string limit, key;
  std::string server = "127.0.0.1:8080";
  WayOptions way;
  bool json = false;
};

int run(const Options& o) {
  const auto server = net::Address::parse(o.server);
  if (!server) return fail("--server: " + server.error().message);
  const auto way = Way::of(o.way);
  if (!way) return fail(way.error().message);
  const auto body =
      http_get(*server, "/v1/why?limit=" + percent_encoded(o.limit) + "&key=" + percent_encoded(o.key),
               std::chrono::seconds(5), *way);
  if (!body) return fail(body.error().message);
  if (o.json) {
    std::printf("%s\n", body->c_str());
  } else {
    const auto text = why_text(*body);
    if (!text) return fail(text.error().message);
    std::fputs(text->c_str(), stdout);
  }
  return body->find("\"allowed\":true") != std::string::npos ? kDone : kRefused;
}

}  // namespace

void add_why(CLI::App& program, int& exit_code) {
  const auto options = std::make_shared<Options>();  // Lives as long as the callback, which shares it.
  CLI::App* sub = program.add_subcommand(
      "why", "Say of a key what holds now, what would pass and when, and why it was refused lately.");
  sub->footer(kFooter);
  sub->add_option("LIMIT", options->limit, "The limit's name; of a policy's rule its full name.")
      ->required()
      ->type_name("");
  sub->add_option("KEY", options->key, "The key; of a rule its bucket's, as sluice top tells it.")
      ->required()
      ->type_name("");
  sub->add_option("--server", options->server, "The server's HTTP door: host:port or unix:/path.")
      ->capture_default_str()
      ->type_name("ADDR");
  add_way(*sub, options->way, false);
  sub->add_flag("--json", options->json, "Print JSON.");
  sub->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace sluice::cli
