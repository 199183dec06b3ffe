#include "server/reload.h"

#include <algorithm>
#include <utility>

#include "policy/policy_set.h"
#include "server/log.h"
#include "server/snapshot_file.h"

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

Reload::Reload(std::string path, std::string text, Of of)
    : path_(std::move(path)),
      of_(std::move(of)),
      text_(std::move(text)),
      watch_(path_, [this] { take(false); }) {}

bool Reload::take(bool even_if_same) {
  auto text = policy::read_small_file(path_);
  if (text && *text == text_ && !even_if_same) {
    refused_.clear();
    return true;
  }
  std::size_t count = 0;
  const auto problems =
      text ? of_.take_over(*text, count) : std::vector<policy::Problem>{{path_, {}, text.error().message}};
  if (!problems.empty()) {
    const auto refused = text ? *text : text.error().message;
    if (refused == refused_ && !even_if_same) return false;
    refused_ = refused;
    of_.rejected.fetch_add(1, std::memory_order_relaxed);
    log_refused(of_.what, problems, path_);
    return false;
  }
  text_ = std::move(*text);
  refused_.clear();
  of_.reloads.fetch_add(1, std::memory_order_relaxed);
  log(Level::info, std::string(of_.what) + " reloaded from " + path_ + ": " + std::to_string(count));
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
      watch_(path_, [this] { begin(false); }) {}

ReloadPolicies::~ReloadPolicies() {
  if (reader_.joinable()) reader_.join();
}

void ReloadPolicies::watch(net::Loop& loop) {
  loop_ = &loop;
  watch_.start(loop);
}

void ReloadPolicies::begin(bool even_if_same) {
  if (reader_.joinable()) {
    again_ = true;
    again_even_if_same_ |= even_if_same;
    return;
  }
  reader_ = std::thread([this, even_if_same] {
    auto found = std::make_shared<Found>(look(even_if_same));  // Shared, since what is posted must copy.
    loop_->post([this, found, even_if_same] { take(std::move(*found), even_if_same); });
  });
}

ReloadPolicies::Found ReloadPolicies::look(bool even_if_same) const {
  Found found;
  auto& problems = found.reading.problems;
  found.files = policy::gather_policies(path_, problems);
  if (!problems.empty()) return found;
  found.same = found.files == files_ && !even_if_same;
  if (found.same) return found;
  // A folder that is empty all of a sudden was more likely lost than meant.
  if (found.files.empty() && !files_.empty()) {
    problems.push_back(
        {path_, {}, "holds no policies any more; to have none, leave a file with a domain alone"});
  } else {
    auto options = options_;
    options.read_wall_ns = moment_now().wall_ns;
    found.reading = policy::read_policies(found.files, options);
  }
  return found;
}

void ReloadPolicies::take(Found found, bool even_if_same) {
  reader_.join();
  if (!found.reading) {
    refuse(found.reading.problems, even_if_same);
  } else if (found.same) {
    refused_.clear();
  } else {
    files_ = std::move(found.files);
    refused_.clear();
    const auto count = found.reading.set->rules().size();
    policies_.replace(std::move(found.reading.set));
    process_.reloads.fetch_add(1, std::memory_order_relaxed);
    log_warnings(found.reading.warnings);
    log(Level::info, "policies reloaded from " + path_ + ": " + std::to_string(count) + " rules");
  }
  if (std::exchange(again_, false)) {
    begin(std::exchange(again_even_if_same_, false));
  } else {
    for (const auto& done : std::exchange(done_, {})) done();
  }
}

void ReloadPolicies::refuse(const std::vector<policy::Problem>& problems, bool even_if_same) {
  auto text = policy::problems_text(problems);
  if (text == refused_ && !even_if_same) return;
  refused_ = std::move(text);
  process_.rejected.fetch_add(1, std::memory_order_relaxed);
  log_refused("policies", problems, path_);
}

void log_warnings(const std::vector<policy::Problem>& warnings) {
  for (std::size_t i = 0; i < std::min(warnings.size(), kWarningsMax); ++i)
    log(Level::warning, warnings[i].text());
}

}  // namespace sluice::server
