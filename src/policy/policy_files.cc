// policy_files.cc: gather_policies() of policy_yaml.h.
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "core/file_error.h"
#include "policy/policy_yaml.h"

namespace sluice::policy {

namespace {

bool is_ours(std::string_view name) {
  return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

std::vector<std::string> names_in(const std::string& folder, std::vector<Problem>& problems) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) {
    problems.push_back({folder, {}, "cannot be read: " + file_error(errno)});
    return names;
  }
  while (const dirent* entry = ::readdir(dir.get())) {
    if (!is_ours(entry->d_name)) continue;
    if (names.size() == kPolicyFilesMax) {
      problems.push_back({folder, {}, "holds more than " + std::to_string(kPolicyFilesMax) + " files"});
      break;
    }
    names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<std::string> policy_paths(const std::string& path, std::vector<Problem>* problems) {
  std::vector<Problem> ignored;
  std::vector<std::string> paths;
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return {path};
  for (const auto& name : names_in(path, problems == nullptr ? ignored : *problems))
    paths.push_back(path + (path.ends_with('/') ? "" : "/") + name);
  return paths;
}

std::vector<PolicyFile> gather_policies(const std::string& path, std::vector<Problem>& problems) {
  std::vector<PolicyFile> files;
  for (const auto& p : policy_paths(path, &problems)) {
    auto text = read_small_file(p, kPolicyBounds.bytes_max);
    if (text)
      files.push_back({p, std::move(*text)});
    else
      problems.push_back({p, {}, text.error().message});
  }
  return files;
}

PolicyReading read_policies_at(const std::string& path, const PolicyOptions& options,
                               std::vector<PolicyFile>* files) {
  std::vector<Problem> problems;
  auto gathered = gather_policies(path, problems);
  PolicyReading reading = read_policies(gathered, options);
  if (!problems.empty()) reading.set = std::make_shared<const PolicySet>();
  reading.problems.insert(reading.problems.begin(), problems.begin(), problems.end());
  if (files != nullptr) *files = std::move(gathered);
  return reading;
}

}  // namespace sluice::policy
