#include "server/reload.h"

#include <algorithm>

#include "policy/limits_yaml.h"
#include "policy/policy_set.h"
#include "server/log.h"

namespace sluice::server {

namespace {

constexpr std::size_t kWarningsMax = 10;  // Of one reading, in the log; sluice check tells all.

void log_refused(const char* what, const std::vector<policy::Problem>& problems, const std::string& path) {
  const auto more = problems.size() - 1;
  log(Level::error,
      std::string(what) + " refused, the old ones stay in force: " + problems[0].text() +
          (more > 0 ? " (and " + std::to_string(more) + " more: sluice check " + path + ")" : ""));
}

}  // namespace

Reload::Reload(std::string path, std::string text, policy::Current& limits, Process& process)
    : path_(std::move(path)),
      limits_(limits),
      process_(process),
      text_(std::move(text)),
      watch_(path_, [this] { take(false); }) {}

bool Reload::take(bool even_if_same) {
  auto text = policy::read_small_file(path_);
  if (text && *text == text_ && !even_if_same) {
    refused_.clear();
    return true;
  }
  policy::LimitsReading reading;
  if (text)
    reading = policy::read_limits(*text, path_);
  else
    reading.problems.push_back({path_, {}, text.error().message});
  if (!reading) {
    const auto refused = text ? *text : text.error().message;
    if (refused == refused_ && !even_if_same) return false;
    refused_ = refused;
    process_.rejected.fetch_add(1, std::memory_order_relaxed);
    log_refused("limits", reading.problems, path_);
    return false;
  }
  text_ = std::move(*text);
  refused_.clear();
  const auto count = reading.limits.all().size();
  limits_.replace(std::make_shared<const policy::LimitSet>(std::move(reading.limits)));
  process_.reloads.fetch_add(1, std::memory_order_relaxed);
  log(Level::info, "limits reloaded from " + path_ + ": " + std::to_string(count));
  return true;
}

ReloadPolicies::ReloadPolicies(std::string path, policy::PolicyOptions options,
                               std::vector<policy::PolicyFile> files, policy::CurrentPolicies& policies,
                               Process& process)
    : path_(std::move(path)),
      options_(options),
      policies_(policies),
      process_(process),
      files_(std::move(files)),
      watch_(path_, [this] { take(false); }) {}

bool ReloadPolicies::take(bool even_if_same) {
  std::vector<policy::Problem> problems;
  auto files = policy::gather_policies(path_, problems);
  if (!problems.empty()) return refuse(problems, even_if_same);
  if (files == files_ && !even_if_same) {
    refused_.clear();
    return true;
  }
  // A folder that is empty all of a sudden was more likely lost than meant.
  if (files.empty() && !files_.empty())
    return refuse({{path_, {}, "holds no policies any more; to have none, leave a file with a domain alone"}},
                  even_if_same);
  auto reading = policy::read_policies(files, options_);
  if (!reading) return refuse(reading.problems, even_if_same);
  files_ = std::move(files);
  refused_.clear();
  const auto count = reading.set->rules().size();
  policies_.replace(std::move(reading.set));
  process_.reloads.fetch_add(1, std::memory_order_relaxed);
  log_warnings(reading.warnings);
  log(Level::info, "policies reloaded from " + path_ + ": " + std::to_string(count) + " rules");
  return true;
}

bool ReloadPolicies::refuse(const std::vector<policy::Problem>& problems, bool even_if_same) {
  auto text = policy::problems_text(problems);
  if (text == refused_ && !even_if_same) return false;
  refused_ = std::move(text);
  process_.rejected.fetch_add(1, std::memory_order_relaxed);
  log_refused("policies", problems, path_);
  return false;
}

void log_warnings(const std::vector<policy::Problem>& warnings) {
  for (std::size_t i = 0; i < std::min(warnings.size(), kWarningsMax); ++i)
    log(Level::warning, warnings[i].text());
}

}  // namespace sluice::server
