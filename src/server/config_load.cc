// config_load.cc: flags, file and environment, in that order of precedence.
#include <sys/stat.h>

#include "server/config.h"

namespace sluice::server {

namespace {

void from_environment(const Sources& sources, Loaded& loaded) {
  for (const Setting& s : settings()) {
    const auto variable = s.variable();
    const char* text = sources.environment ? sources.environment(variable.c_str()) : nullptr;
    if (text == nullptr) continue;
    if (auto status = s.set(loaded.config, text); !status)
      loaded.problems.push_back(variable + ": " + status.error().message);
  }
}

std::vector<std::string_view> known_keys(std::vector<std::string>& storage) {
  for (const Setting& s : settings()) storage.push_back(s.key());
  return {storage.begin(), storage.end()};
}

void from_file(const std::string& path, Loaded& loaded) {
  std::vector<policy::Problem> problems;
  policy::YamlNode root;
  auto text = policy::read_small_file(path);
  if (text)
    root = policy::read_yaml(*text, path, problems);
  else
    problems.push_back({path, {}, text.error().message});
  if (problems.empty() && root.kind != policy::YamlNode::Kind::map &&
      root.kind != policy::YamlNode::Kind::null)
    problems.push_back({path, root.place, "expected a map such as resp: 127.0.0.1:6380"});
  std::vector<std::string> storage;
  const auto known = known_keys(storage);
  for (std::size_t i = 0; i < root.keys.size(); ++i) {
    const auto& [key, place] = root.keys[i];
    const auto& value = root.list[i];
    const Setting* setting = nullptr;
    for (const Setting& s : settings())
      if (s.key() == key) setting = &s;
    if (setting == nullptr) {
      problems.push_back({path, place, "unknown setting \"" + key + "\"" + policy::nearest(key, known)});
    } else if (value.kind != policy::YamlNode::Kind::scalar) {
      problems.push_back({path, value.place,
                          key + " is a single value, found " + value.kind_name() +
                              (key == "limits" ? "; it names the file that holds the limits" : "")});
    } else if (auto status = setting->set(loaded.config, value.scalar); !status) {
      problems.push_back({path, value.place, key + ": " + status.error().message});
    }
  }
  for (const auto& p : problems) loaded.problems.push_back(p.text());
  loaded.file = path;
}

std::string file_to_read(const Sources& sources) {
  if (!sources.file.empty()) return sources.file;
  if (sources.environment)
    if (const char* named = sources.environment("SLUICE_CONFIG"); named != nullptr && *named != '\0')
      return named;
  struct stat info{};
  const bool there = !sources.file_if_any.empty() && ::stat(sources.file_if_any.c_str(), &info) == 0;
  return there ? sources.file_if_any : "";
}

}  // namespace

Loaded load_config(const Sources& sources) {
  Loaded loaded;
  from_environment(sources, loaded);
  if (const auto file = file_to_read(sources); !file.empty()) from_file(file, loaded);
  for (const auto& [setting, text] : sources.flags)
    if (auto status = setting->set(loaded.config, text); !status)
      loaded.problems.push_back("--" + std::string(setting->name) + ": " + status.error().message);
  return loaded;
}

}  // namespace sluice::server
