// policy_fields.h: the names that a policy's YAML may hold, where each has an effect, and its single values
// as envoyproxy/ratelimit reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/yaml.h"

namespace sluice::policy {

/// The maps that a policy is made of.
enum class Level : std::uint8_t { root, descriptor, rate_limit, replaces };
std::string_view level_name(Level level);

struct PolicyField {
  std::string_view name;
  std::uint8_t levels;  ///< Bits of 1 << Level.
  bool ours;            ///< Unknown to envoyproxy/ratelimit.

  bool at(Level level) const { return (levels >> static_cast<int>(level) & 1) != 0; }
  std::string places() const;  ///< "rate_limit", "a descriptor", "rate_limit or the top".
};
/// Null if there is none of that name.
const PolicyField* find_field(std::string_view name);
std::vector<std::string_view> field_names();

/// YAML's idea of a plain scalar, as the reference's library has it.
bool looks_like_fraction(const YamlNode& node);
std::optional<bool> as_bool(const YamlNode& node);
/// A whole number written without quotes: digits, maybe with "_" between them, or 0x, 0o and 0b before them.
/// Not "010", which is eight to some and ten to others.
std::optional<std::int64_t> as_integer(const YamlNode& node);

}  // namespace sluice::policy
