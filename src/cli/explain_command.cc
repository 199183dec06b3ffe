#include "cli/explain_command.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "policy/explanation.h"
#include "policy/policy_yaml.h"

namespace sluice::cli {

namespace {

constexpr const char* kFooter = R"(
Examples:
  sluice explain --policies policies/ messaging message_type=marketing to_number=2061111111
  sluice explain --policies edge.yaml edge remote_address=50.0.0.5 --json
  sluice explain --policies policies/ shop user=bob path=/buy + user=bob     two descriptors of one request

Exit code: 0 a rule applies, 1 none does, 2 wrong usage or policies that are not valid.)";

struct Options {
  std::string policies;
  std::string domain;
  std::vector<std::string> words;
  bool merge_domains = false;
  bool json = false;
};

/// Views into the words; "+" begins another descriptor.
Result<std::vector<std::vector<policy::Entry>>> descriptors_of(const std::vector<std::string>& words) {
  std::vector<std::vector<policy::Entry>> all(1);
  for (const std::string& word : words) {
    if (word == "+") {
      all.emplace_back();
      continue;
    }
    const auto eq = word.find('=');
    if (eq == std::string::npos || eq == 0)
      return Error{Code::invalid_argument, "\"" + word + "\" is no entry; write key=value"};
    const std::string_view view = word;
    all.back().push_back({view.substr(0, eq), view.substr(eq + 1)});
  }
  return all;
}

int run(const Options& o) {
  const auto descriptors = descriptors_of(o.words);
  if (!descriptors) return fail(descriptors.error().message);
  const auto reading = policy::read_policies_at(o.policies, {.merge_domains = o.merge_domains});
  if (!reading) return fail("the policies are not valid:\n" + policy::problems_text(reading.problems));
  const auto all = policy::explain(*reading.set, o.domain, *descriptors);
  if (o.json) {
    const auto text = policy::explanation_json(
        o.domain, all, [](std::string& out, std::string_view value) { out += json_string(value); });
    std::printf("%s\n", text.c_str());
  } else {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all.size() > 1) std::printf("descriptor %zu\n", i + 1);
      std::fputs(policy::explanation_text(all[i]).c_str(), stdout);
    }
  }
  const bool applies = std::any_of(all.begin(), all.end(), [](const policy::Explained& e) {
    return e.outcome != policy::Match::Outcome::none;
  });
  return applies ? kDone : kRefused;
}

}  // namespace

void add_explain(CLI::App& program, int& exit_code) {
  const auto options = std::make_shared<Options>();  // Lives as long as the callback, which shares it.
  CLI::App* sub = program.add_subcommand(
      "explain", "Say which rule of the policies a request falls under, why, and which bucket decides.");
  sub->footer(kFooter);
  sub->add_option("--policies", options->policies, "A folder of policies, or one file.")
      ->required()
      ->type_name("PATH");
  sub->add_flag("--merge-domains", options->merge_domains, "Several files may name one domain.");
  sub->add_flag("--json", options->json, "Print JSON.");
  sub->add_option("DOMAIN", options->domain, "The request's domain.")->required()->type_name("");
  sub->add_option("ENTRY", options->words, "Its entries, key=value, in order; + begins another descriptor.")
      ->type_name("");
  sub->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace sluice::cli
