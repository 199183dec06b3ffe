#include "cli/completion.h"

#include <CLI/App.hpp>

namespace sluice::cli {

namespace {

std::string flags_of(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options())
    for (const auto& name : option->get_lnames()) words += (words.empty() ? "--" : " --") + name;
  return words;
}

}  // namespace

std::string bash_completion(const CLI::App& program) {
  std::string names;
  std::string cases;
  for (const CLI::App* sub : program.get_subcommands([](const CLI::App*) { return true; })) {
    names += (names.empty() ? "" : " ") + sub->get_name();
    cases += "    " + sub->get_name() + ") words=\"" + flags_of(*sub) + "\" ;;\n";
  }
  return "# Completion of sluice for bash: source <(sluice completion bash)\n"
         "_sluice() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n"
         "  COMPREPLY=()\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W \"" +
         names + " " + flags_of(program) +
         "\" -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  case \"${COMP_WORDS[1]}\" in\n" +
         cases +
         "  esac\n"
         "  if [ \"${COMP_WORDS[1]} $COMP_CWORD\" = \"help 2\" ] && [[ \"$current\" != -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"" +
         names +
         "\" -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  case \"$current\" in\n"
         "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
         "    *) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _sluice sluice\n";
}

}  // namespace sluice::cli
