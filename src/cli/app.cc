// app.cc: how the command line is written: subcommands, their options and help. What they do is in
// commands.h.
#include "cli/app.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/extra_commands.h"
#include "cli/help_command.h"
#include "core/number.h"
#include "policy/yaml.h"

namespace sluice::cli {

namespace {

constexpr const char* kExitCodes =
    "\nExit code: 0 allowed or done, 1 refused (check: not valid), 2 wrong usage or an error.";

/// CLI11 would read 010 as eight, cut what is too large to fit, and print a double's range in 300 digits.
const CLI::Validator kTokens(
    [](std::string& text) {
      const auto n = parse_number<std::int64_t>(text);
      if (n && *n >= 0 && text == std::to_string(*n)) return std::string();
      return '"' + text + "\" is not a whole number from 0 to 9223372036854775807";
    },
    "");
const CLI::Validator kRate(
    [](std::string& text) {
      const auto rate = parse_number<double>(text);
      if (rate && *rate >= 0 && *rate <= 1e9) return std::string();
      return '"' + text + "\" is not a number from 0 to 1000000000";
    },
    "");

struct Program {
  CLI::App app{"Sluice: an exact token bucket rate limiter.", "sluice"};
  int exit_code = kDone;

  server::Sources sources;
  std::deque<std::string> texts;  // Where flags of serve put their text; addresses stay.
  std::vector<std::string> files;
  bool json = false;
  bool merge_domains = false;
  AskOptions ask_options;
  TopOptions top_options;
  BenchOptions bench_options;
  std::string shell = "bash";

  CLI::App* command(const char* name, const char* what, const std::string& examples) {
    CLI::App* sub = app.add_subcommand(name, what);
    sub->footer("\nExamples:\n" + examples + kExitCodes);
    return sub;
  }
  void add_json(CLI::App* sub, bool& where) { sub->add_flag("--json", where, "Print JSON."); }

  void add_serve();
  void add_check();
  void add_asks();
  void add_ask(const char* name, const char* what, const std::string& examples);
  void add_top();
  void add_bench();
  void add_others();
};

void Program::add_serve() {
  CLI::App* sub = command(
      "serve", "Run the server.",
      "  sluice serve --limits limits.yaml\n"
      "  sluice serve --resp 0.0.0.0:6380 --http none --threads 4\n"
      "  sluice serve --resp unix:/run/sluice.sock --config /etc/sluice.yaml\n"
      "\nOf the sources the flag wins, then the file, then the environment: --max-keys N, max_keys: N\n"
      "in sluice.yaml, SLUICE_MAX_KEYS=N. SIGHUP reads the limits again, SIGTERM drains.\n");
  sub->add_option(
         "--config", sources.file,
         "Read settings from this file. Default: SLUICE_CONFIG, or sluice.yaml here if there is one.")
      ->type_name("FILE");
  std::vector<std::pair<CLI::Option*, std::pair<const server::Setting*, std::string*>>> flags;
  for (const auto& setting : server::settings()) {
    auto& text = texts.emplace_back();
    auto* option = sub->add_option("--" + std::string(setting.name), text, std::string(setting.help))
                       ->type_name(std::string(setting.value));
    const auto fallback = setting.get({});
    if (!fallback.empty()) option->default_str(fallback);
    flags.push_back({option, {&setting, &text}});
  }
  sub->callback([this, flags] {
    for (const auto& [option, target] : flags)
      if (option->count() > 0) sources.flags.emplace_back(target.first, *target.second);
    sources.file_if_any = "sluice.yaml";
    sources.environment = [](const char* name) -> const char* { return std::getenv(name); };
    exit_code = serve(sources);
  });
}

void Program::add_check() {
  CLI::App* sub = command(
      "check", "Say whether limits, policies and tokens are valid, and if not, where and what to mend.",
      "  sluice check limits.yaml\n  sluice check policies/\n  sluice check --json limits/*.yaml\n"
      "\nAll policies that are named are checked as one set.\n");
  sub->add_option("FILE", files, "Files of limits, policies or tokens, in YAML, or folders of them.")
      ->required()
      ->type_name("");
  sub->add_flag("--merge-domains", merge_domains, "Several files of policies may name one domain.");
  add_json(sub, json);
  sub->callback([this] { exit_code = check(files, merge_domains, json); });
}

void Program::add_ask(const char* name, const char* what, const std::string& examples) {
  CLI::App* sub = command(name, what, examples);
  const std::string command_name = name;
  AskOptions& o = ask_options;
  sub->add_option("LIMIT", o.limit, "A limit's name, as the server's limits have it.")
      ->required()
      ->type_name("");
  sub->add_option("KEY", o.key, "Whom the bucket counts.")->required()->type_name("");
  if (command_name != "reset")
    sub->add_option("--cost", o.tokens, "Tokens.")->capture_default_str()->type_name("N")->check(kTokens);
  if (command_name == "refund")
    sub->add_option("--id", o.id,
                    "Done once for this id, however often it is asked for (remembered for an hour).")
        ->type_name("TEXT");
  if (command_name == "take")
    sub->add_flag("--wait", o.wait, "If refused, wait and try again until allowed or it can never pass.");
  if (command_name == "reserve")
    sub->add_option("--max-wait", o.max_wait, "The longest acceptable wait; default: however long.")
        ->type_name("DURATION");
  sub->add_option("--server", o.server, "The server's RESP door: host:port or unix:/path.")
      ->capture_default_str()
      ->type_name("ADDR")
      ->envname("SLUICE_SERVER");
  add_way(*sub, o.way, true);
  sub->add_option("--timeout", o.timeout, "The longest wait for the server.")
      ->capture_default_str()
      ->type_name("DURATION");
  add_json(sub, o.json);
  sub->callback([this, command_name] {
    ask_options.command = command_name;
    exit_code = ask(ask_options);
  });
}

void Program::add_asks() {
  add_ask("take", "Take tokens from a key's bucket: may this go now?",
          "  sluice take login alice\n  sluice take upload alice --cost 1048576 --json\n"
          "  sluice take api nightly --wait && ./nightly.sh\n");
  add_ask("peek", "Say what take would answer, and take nothing.", "  sluice peek login alice\n");
  add_ask("refund", "Give tokens back, never above full.", "  sluice refund login alice --cost 2\n");
  add_ask("reset", "Make a key's bucket full again.", "  sluice reset login alice\n");
  add_ask("reserve", "Take tokens now that may be due only later, and say how long to wait for them.",
          "  sluice reserve api nightly --cost 50 --max-wait 30s\n");
}

void Program::add_top() {
  CLI::App* sub =
      command("top", "Watch the decisions by limit, or the heaviest keys, of a running server. q quits.",
              "  sluice top\n  sluice top --by refused --limit login\n  sluice top --server 10.0.0.7:8080 "
              "--once --json\n");
  TopOptions& o = top_options;
  sub->add_option("--server", o.server, "The server's HTTP door: host:port or unix:/path.")
      ->capture_default_str()
      ->type_name("ADDR");
  add_way(*sub, o.way, false);
  sub->add_option("--interval", o.interval, "Time between two looks.")
      ->capture_default_str()
      ->type_name("DURATION");
  sub->add_option("--by", o.by, "Keys instead of limits: those that are asked for most, or refused most.")
      ->check(CLI::IsMember({"asked", "refused"}))
      ->type_name("asked|refused");
  sub->add_option("--limit", o.limit, "With --by: the keys of this limit alone.")->type_name("NAME");
  sub->add_option("-n", o.n, "With --by: so many keys.")->check(CLI::Range(1, 1000))->capture_default_str();
  sub->add_flag("--once", o.once, "Look at one interval, print it and end.");
  add_json(sub, o.json);
  sub->callback([this] { exit_code = top(top_options); });
}

void Program::add_bench() {
  CLI::App* sub = command(
      "bench", "Load a running server and print throughput and latency.",
      "  sluice bench --pipeline 64 --duration 5s\n"
      "  sluice bench --rate 20000 --keys zipf:0.99 --key-count 100000\n"
      "  sluice bench --protocol http --limit api --json\n"
      "\nWith --rate a request's latency counts from the moment at which it was to be sent, however late "
      "the\n"
      "server made that, so a stall shows in full. Flat out (no --rate) it counts from when it was sent.\n");
  BenchOptions& o = bench_options;
  sub->add_option("--protocol", o.protocol, "resp or http.")
      ->capture_default_str()
      ->type_name("NAME")
      ->check(CLI::IsMember({"resp", "http"}));
  sub->add_option("--server", o.server, "Default: 127.0.0.1:6380 (resp), 127.0.0.1:8080 (http).")
      ->type_name("ADDR");
  add_way(*sub, o.way, true);
  sub->add_option("--limit", o.limit,
                  "A named limit. http needs one; resp asks CL.THROTTLE with --quota without one.")
      ->type_name("NAME");
  sub->add_option("--quota", o.quota, "Of CL.THROTTLE; its period is whole seconds.")
      ->capture_default_str()
      ->type_name("QUOTA");
  sub->add_option("--keys", o.keys, "uniform, zipf:S (S > 0), or file:PATH (one key a line, in turn).")
      ->capture_default_str()
      ->type_name("HOW");
  sub->add_option("--key-count", o.key_count, "Different keys of uniform and zipf.")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}));
  sub->add_option("--connections", o.connections, "Connections.")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000}));
  sub->add_option("--pipeline", o.pipeline, "Requests on the way on one connection, at most.")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000}));
  sub->add_option("--rate", o.rate, "Requests a second in all. 0: flat out.")
      ->capture_default_str()
      ->type_name("R")
      ->check(kRate);
  sub->add_option("--duration", o.duration, "How long.")->capture_default_str()->type_name("DURATION");
  sub->add_option("--seed", o.seed, "Of the random keys.")->capture_default_str()->type_name("N");
  add_json(sub, o.json);
  sub->callback([this] { exit_code = bench(bench_options); });
}

void Program::add_others() {
  add_extra_commands(app, exit_code);
  add_help(app, exit_code, kExitCodes);
  CLI::App* completion = command("completion", "Print a script for the shell that completes what is typed.",
                                 "  source <(sluice completion bash)\n"
                                 "  sluice completion bash > /etc/bash_completion.d/sluice\n");
  completion->add_option("SHELL", shell, "bash.")
      ->capture_default_str()
      ->type_name("")
      ->check(CLI::IsMember({"bash"}));
  completion->callback([this] { std::fputs(bash_completion(app).c_str(), stdout); });
  CLI::App* version = command("version", "Print the version.", "  sluice version\n  sluice version --json\n");
  add_json(version, json);
  version->callback([this] {
    std::printf(json ? "{\"version\":\"%s\",\"compiler\":\"%s\"}\n" : "sluice %s (%s)\n", SLUICE_VERSION,
                __VERSION__);
  });
}

}  // namespace

int run(int argc, char** argv) {
  Program program;
  CLI::App& app = program.app;
  app.set_version_flag("--version", "sluice " SLUICE_VERSION);
  app.footer(std::string("\n`sluice COMMAND --help` has examples.\n") + kExitCodes);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  program.add_serve();
  program.add_check();
  program.add_asks();
  program.add_top();
  program.add_bench();
  program.add_others();
  if (argc > 1 && argv[1][0] != '-') {  // CLI11 would only say that a subcommand is required.
    std::vector<std::string_view> names;
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(sub->get_name());
    if (std::find(names.begin(), names.end(), argv[1]) == names.end())
      return fail("no subcommand is called \"" + std::string(argv[1]) + "\"" +
                  policy::nearest(argv[1], names) + "; sluice --help lists them");
  }
  try {
    std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    hide_secrets(argc, argv);                          // Before the command runs, which may take long.
    std::reverse(arguments.begin(), arguments.end());  // As CLI11 takes them.
    app.parse(std::move(arguments));
  } catch (const CLI::Success& wanted) {  // --help, --version.
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kFailed;
  } catch (const std::exception& error) {
    return fail(error.what());
  }
  if (std::fflush(stdout) != 0) return kFailed;
  return program.exit_code;
}

}  // namespace sluice::cli
