#include "cli/manual.h"

#include <CLI/App.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <sstream>
#include <string_view>
#include <vector>

namespace sluice::cli {

namespace {

constexpr std::string_view kExamples = "Example";  // Or Examples:
constexpr std::string_view kExitCode = "Exit code: ";

/// What a footer says, by the sections of a manual page. Lines keep their ends.
struct Footer {
  std::string before;    // The examples: more of the description.
  std::string examples;  // Without their indent.
  std::string notes;     // Behind the examples.
  std::string exit_code;
};

Footer read_footer(const CLI::App& app) {
  Footer f;
  std::istringstream lines(app.get_footer());
  std::string* part = &f.before;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kExamples) && line.ends_with(":")) {
      part = &f.examples;
    } else if (line.starts_with(kExitCode)) {
      f.exit_code = line.substr(kExitCode.size());
    } else {
      if (part == &f.examples && !line.empty() && !line.starts_with("  ")) part = &f.notes;
      *part += (part == &f.examples && !line.empty() ? line.substr(2) : line) + "\n";
    }
  }
  for (std::string* text : {&f.before, &f.examples, &f.notes}) {
    text->erase(0, text->find_first_not_of('\n'));
    text->erase(text->find_last_not_of('\n') + 1);
  }
  return f;
}

/// "sluice take [OPTIONS] LIMIT KEY"
std::string usage(const CLI::App& program, const CLI::App* command) {
  const CLI::Formatter formatter;
  auto text = command != nullptr
                  ? formatter.make_usage(command, program.get_name() + " " + command->get_name())
                  : formatter.make_usage(&program, program.get_name());
  text.erase(0, text.find(": ") + 2);
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

std::vector<const CLI::Option*> options(const CLI::App& app, bool positional) {
  return app.get_options([=](const CLI::Option* o) { return o->get_positional() == positional; });
}

std::vector<const CLI::App*> commands(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App*) { return true; });
}

/// "--cost N", "-h, --help"; of a positional its name.
std::string spelled(const CLI::Option& o) {
  if (o.get_positional()) return o.get_name() + (o.get_expected_max() > 1 ? " ..." : "");
  std::string text;
  for (const auto& name : o.get_snames()) text += (text.empty() ? "-" : ", -") + name;
  for (const auto& name : o.get_lnames()) text += (text.empty() ? "--" : ", --") + name;
  auto value = o.get_type_name();
  value.erase(std::min(value.find(':'), value.size()));  // "UINT:INT in [0 - 9]"
  return o.get_expected_max() == 0 || value.empty() ? text : text + " " + value;
}

std::string sentence(std::string text) {
  if (!text.empty() && text.back() != '.' && text.back() != '?') text += '.';
  return text;
}

/// The words of the help, and what it puts before them.
std::string meaning(const CLI::Option& o) {
  std::string text = sentence(o.get_description());
  if (o.get_required() && !o.get_positional()) text += " Required.";
  if (!o.get_default_str().empty()) text += " Default: " + o.get_default_str() + ".";
  if (!o.get_envname().empty()) text += " Environment: " + o.get_envname() + ".";
  return text;
}

// --- roff ---

std::string roff(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    at_start = c == '\n';
  }
  return out;
}

std::string paragraph(std::string_view text) { return text.empty() ? "" : ".PP\n" + roff(text) + "\n"; }
std::string verbatim(std::string_view text) {
  return text.empty() ? "" : ".PP\n.nf\n" + roff(text) + "\n.fi\n";
}
std::string section(std::string_view name, const std::string& body) {
  return body.empty() ? "" : ".SH " + std::string(name) + "\n" + body;
}
std::string item(std::string_view term, std::string_view text) {
  return ".TP\n\\fB" + roff(term) + "\\fR\n" + roff(text) + "\n";
}

std::string items(const CLI::App& app, bool positional) {
  std::string text;
  for (const auto* o : options(app, positional)) text += item(spelled(*o), meaning(*o));
  return text;
}

/// As whatis wants it: one line, no full stop.
std::string in_brief(const CLI::App& app) {
  std::string text = app.get_description();
  if (text.starts_with("Sluice: ")) text.erase(0, 8);
  while (!text.empty() && (text.back() == '.' || text.back() == '\n')) text.pop_back();
  return text;
}

std::string see_also(const CLI::App& program, const CLI::App* command) {
  std::vector<std::string> names;
  if (command != nullptr) names.push_back(program.get_name());
  for (const auto* other : commands(program))
    if (other != command) names.push_back(program.get_name() + "-" + other->get_name());
  std::string text;
  for (const auto& name : names)
    text += ".BR " + roff(name) + (&name == &names.back() ? " (1)\n" : " (1),\n");
  return text;
}

// --- Markdown ---

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string table(const CLI::App& app) {
  std::string rows;
  for (const bool positional : {true, false})
    for (const auto* o : options(app, positional))
      if (o->get_name() != "--help") rows += "| `" + cell(spelled(*o)) + "` | " + cell(meaning(*o)) + " |\n";
  return rows.empty() ? "" : "\n| | |\n| --- | --- |\n" + rows;
}

}  // namespace

std::string man_page(const CLI::App& program, const CLI::App* command, const std::string& version) {
  const CLI::App& app = command != nullptr ? *command : program;
  const auto name = command != nullptr ? program.get_name() + "-" + app.get_name() : app.get_name();
  auto title = name;
  std::transform(title.begin(), title.end(), title.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  const auto footer = read_footer(app);
  std::string list;
  if (command == nullptr)
    for (const auto* sub : commands(program)) list += item(sub->get_name(), sentence(sub->get_description()));
  return ".TH \"" + roff(title) + "\" 1 \"\" \"" + program.get_name() + " " + roff(version) +
         "\" \"User Commands\"\n" + section("NAME", roff(name) + " \\- " + roff(in_brief(app)) + "\n") +
         section("SYNOPSIS", "\\fB" + roff(usage(program, command)) + "\\fR\n") +
         section("DESCRIPTION", roff(sentence(app.get_description())) + "\n" + verbatim(footer.before)) +
         section("COMMANDS", list) + section("ARGUMENTS", items(app, true)) +
         section("OPTIONS", items(app, false)) + section("EXAMPLES", verbatim(footer.examples)) +
         section("NOTES", paragraph(footer.notes)) + section("EXIT STATUS", paragraph(footer.exit_code)) +
         section("SEE ALSO", see_also(program, command));
}

std::string commands_markdown(const CLI::App& program) {
  std::string text =
      "# Commands\n\nWritten by `sluice help --markdown`, from what `sluice COMMAND --help` and the manual "
      "pages say.\n";
  for (const auto* sub : commands(program)) {
    const auto footer = read_footer(*sub);
    text += "\n## " + sub->get_name() + "\n\n" + sentence(sub->get_description()) + "\n\n    " +
            usage(program, sub) + "\n";
    if (sub->get_name() == "serve")
      text +=
          "\nIts options are the settings of [operations.md](operations.md#settings), and `--config FILE`.\n";
    else
      text += table(*sub);
    for (const auto* block : {&footer.before, &footer.examples, &footer.notes})
      if (!block->empty()) text += "\n```text\n" + *block + "\n```\n";
    text += "\nExit code: " + footer.exit_code + "\n";
  }
  return text;
}

}  // namespace sluice::cli
