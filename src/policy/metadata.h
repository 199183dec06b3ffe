// metadata.h: what a policy wants told to the proxy about one of its rules: a value of YAML, as JSON knows
// them. Immutable once read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/yaml.h"

namespace sluice::policy {

struct Metadata {
  enum class Kind : std::uint8_t { null, boolean, number, text, list, map };

  Kind kind = Kind::null;
  bool boolean = false;
  double number = 0;
  std::string text;
  std::vector<std::string> names;  ///< map: of the values in `list`, at the same index.
  std::vector<Metadata> list;
};

/// Words without quotation marks are what YAML makes of them: true, 1.5, ~.
Metadata metadata_of(const YamlNode& node);

}  // namespace sluice::policy
