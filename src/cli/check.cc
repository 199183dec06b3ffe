#include <cstdio>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "policy/limits_yaml.h"

namespace sluice::cli {

namespace {

std::string as_json(const std::string& file, const policy::LimitsReading& reading) {
  std::string text = "{\"file\":" + json_string(file) + ",\"valid\":" + (reading ? "true" : "false");
  text += ",\"limits\":" + std::to_string(reading.limits.all().size()) + ",\"problems\":[";
  bool first = true;
  for (const auto& p : reading.problems) {
    text += (first ? "" : ",") + std::string("{\"line\":") + std::to_string(p.place.line) +
            ",\"column\":" + std::to_string(p.place.column) + ",\"message\":" + json_string(p.message) + "}";
    first = false;
  }
  return text + "]}";
}

}  // namespace

int check(const std::vector<std::string>& files, bool json) {
  bool valid = true;
  std::string list;
  for (const auto& file : files) {
    const auto reading = policy::read_limits_file(file);
    valid &= static_cast<bool>(reading);
    if (json) {
      list += (list.empty() ? "" : ",") + as_json(file, reading);
    } else if (reading) {
      std::printf("%s: valid, limits: %zu\n", file.c_str(), reading.limits.all().size());
    } else {
      std::printf("%s\n", reading.problems_text().c_str());
    }
  }
  if (json) std::printf("{\"valid\":%s,\"files\":[%s]}\n", valid ? "true" : "false", list.c_str());
  return valid ? kDone : kRefused;
}

}  // namespace sluice::cli
