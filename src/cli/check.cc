#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "access/tokens_yaml.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "policy/limits_yaml.h"
#include "policy/policy_yaml.h"

namespace sluice::cli {

namespace {

using policy::Problem;

struct Checked {
  std::string file;
  const char* kind = "limits";  // Or "tokens"; or "policies", whose rules are counted.
  std::size_t count = 0;
  std::vector<Problem> problems, warnings;
};

std::string as_json(const std::vector<Problem>& problems) {
  std::string text;
  for (const auto& p : problems)
    text += (text.empty() ? "{\"line\":" : ",{\"line\":") + std::to_string(p.place.line) +
            ",\"column\":" + std::to_string(p.place.column) + ",\"message\":" + json_string(p.message) + "}";
  return "[" + text + "]";
}

const char* counted(const Checked& c) { return std::string_view(c.kind) == "policies" ? "rules" : c.kind; }

std::string as_json(const Checked& c) {
  const bool policies = std::string_view(c.kind) == "policies";
  return "{\"file\":" + json_string(c.file) + ",\"kind\":\"" + c.kind +
         "\",\"valid\":" + (c.problems.empty() ? "true" : "false") + ",\"" + counted(c) +
         "\":" + std::to_string(c.count) + ",\"problems\":" + as_json(c.problems) +
         (policies ? ",\"warnings\":" + as_json(c.warnings) : "") + "}";
}

void print(const Checked& c) {
  if (!c.problems.empty())
    std::printf("%s\n", policy::problems_text(c.problems).c_str());
  else
    std::printf("%s: valid, %s: %zu\n", c.file.c_str(), counted(c), c.count);
  for (const auto& w : c.warnings)
    std::printf("%s\n", Problem{w.file, w.place, "warning: " + w.message}.text().c_str());
}

Checked check_limits(const policy::PolicyFile& file) {
  auto reading = policy::read_limits(file.text, file.name);
  return {file.name, "limits", reading.limits.all().size(), std::move(reading.problems), {}};
}

Checked check_tokens(const policy::PolicyFile& file) {
  auto reading = access::read_tokens(file.text, file.name);
  return {file.name, "tokens", reading.tokens.all().size(), std::move(reading.problems), {}};
}

std::vector<Problem> of_file(const std::vector<Problem>& all, const std::string& file) {
  std::vector<Problem> some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some),
               [&](const Problem& p) { return p.file == file; });
  return some;
}

/// All policies named in one command are one set, as a server would read them.
void check_policies(const std::vector<policy::PolicyFile>& files, bool merge, std::vector<Checked>& all) {
  const auto reading = policy::read_policies(files, {.merge_domains = merge});
  for (const auto& file : files) {
    const auto it =
        std::find_if(all.begin(), all.end(), [&](const Checked& c) { return c.file == file.name; });
    it->problems = of_file(reading.problems, file.name);
    it->warnings = of_file(reading.warnings, file.name);
    const auto& rules = reading.set->rules();
    it->count = static_cast<std::size_t>(std::count_if(
        rules.begin(), rules.end(), [&](const policy::Rule* rule) { return rule->file == file.name; }));
  }
}

}  // namespace

int check(const std::vector<std::string>& paths, bool merge_domains, bool json) {
  std::vector<Checked> all;
  std::vector<policy::PolicyFile> policies;
  for (const auto& path : paths) {
    std::vector<Problem> unreadable;
    auto files = policy::gather_policies(path, unreadable);
    for (auto& problem : unreadable) all.push_back({problem.file, "limits", 0, {problem}, {}});
    if (files.empty() && unreadable.empty())
      all.push_back({path, "policies", 0, {{path, {}, "holds no file that ends in .yaml or .yml"}}, {}});
    for (auto& file : files) {
      const bool again =
          std::any_of(all.begin(), all.end(), [&](const Checked& c) { return c.file == file.name; });
      if (again) continue;
      if (!policy::is_policy(file.text)) {
        all.push_back(access::is_tokens(file.text) ? check_tokens(file) : check_limits(file));
        continue;
      }
      all.push_back({file.name, "policies", 0, {}, {}});
      policies.push_back(std::move(file));
    }
  }
  check_policies(policies, merge_domains, all);
  const bool valid = std::all_of(all.begin(), all.end(), [](const Checked& c) { return c.problems.empty(); });
  std::string list;
  for (const Checked& c : all) {
    if (json)
      list += (list.empty() ? "" : ",") + as_json(c);
    else
      print(c);
  }
  if (json) std::printf("{\"valid\":%s,\"files\":[%s]}\n", valid ? "true" : "false", list.c_str());
  return valid ? kDone : kRefused;
}

}  // namespace sluice::cli
