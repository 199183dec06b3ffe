#include "cli/help_command.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string_view>
#include <vector>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/manual.h"
#include "policy/yaml.h"

namespace sluice::cli {

namespace {

struct Options {
  std::string command;  // Empty: the program.
  std::string folder;
  bool man = false;
  bool markdown = false;
};

std::vector<const CLI::App*> commands(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App*) { return true; });
}

int write_pages(const CLI::App& program, const std::string& folder) {
  auto all = commands(program);
  all.insert(all.begin(), nullptr);
  for (const CLI::App* command : all) {
    const auto path =
        folder + "/" + program.get_name() + (command != nullptr ? "-" + command->get_name() : "") + ".1";
    std::ofstream file(path);
    file << man_page(program, command, SLUICE_VERSION);
    if (!file.flush()) return fail("cannot write " + path + "; does the folder exist?");
  }
  return kDone;
}

int run(const CLI::App& program, const Options& o) {
  if (!o.folder.empty()) return write_pages(program, o.folder);
  const CLI::App* command = nullptr;
  std::vector<std::string_view> names;
  for (const CLI::App* sub : commands(program)) {
    names.push_back(sub->get_name());
    if (sub->get_name() == o.command) command = sub;
  }
  if (command == nullptr && !o.command.empty())
    return fail("no subcommand is called \"" + o.command + "\"" + policy::nearest(o.command, names) +
                "; sluice --help lists them");
  // App::help() would be that of the command that is running: this one.
  const auto text = o.markdown           ? commands_markdown(program)
                    : o.man              ? man_page(program, command, SLUICE_VERSION)
                    : command != nullptr ? command->help(program.get_name())
                                         : program.get_formatter()->make_help(&program, program.get_name(),
                                                                              CLI::AppFormatMode::Normal);
  std::fputs(text.c_str(), stdout);
  return kDone;
}

}  // namespace

void add_help(CLI::App& program, int& exit_code, const std::string& exit_codes) {
  CLI::App* help =
      program.add_subcommand("help", "Print the help of the program or of a command, or the manual.");
  help->footer(
      "\nExamples:\n"
      "  sluice help take\n"
      "  sluice help --man serve | man -l -\n"
      "  sluice help --man-pages /usr/local/share/man/man1\n" +
      exit_codes);
  const auto o = std::make_shared<Options>();
  help->add_option("COMMAND", o->command, "A command; without one the program.")->type_name("");
  help->add_flag("--man", o->man, "As a manual page.");
  help->add_option("--man-pages", o->folder, "Write all manual pages into this folder.")->type_name("DIR");
  help->add_flag("--markdown", o->markdown, "All commands, as docs/commands.md.");
  help->callback([&program, &exit_code, o] { exit_code = run(program, *o); });
}

}  // namespace sluice::cli
