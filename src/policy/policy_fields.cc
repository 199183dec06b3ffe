#include "policy/policy_fields.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/hex.h"

namespace sluice::policy {

namespace {

constexpr std::uint8_t bit(Level level) { return static_cast<std::uint8_t>(1U << static_cast<int>(level)); }
constexpr std::uint8_t kRoot = bit(Level::root);
constexpr std::uint8_t kDescriptor = bit(Level::descriptor);
constexpr std::uint8_t kRateLimit = bit(Level::rate_limit);
constexpr std::uint8_t kReplaces = bit(Level::replaces);

constexpr std::array kFields = std::to_array<PolicyField>({
    {"domain", kRoot, false},
    {"descriptors", kRoot | kDescriptor, false},
    {"key", kDescriptor, false},
    {"value", kDescriptor, false},
    {"rate_limit", kDescriptor, false},
    {"shadow_mode", kDescriptor, false},
    {"quota_mode", kDescriptor, false},
    {"detailed_metric", kDescriptor, false},
    {"value_to_metric", kDescriptor, false},
    {"share_threshold", kDescriptor, false},
    {"metadata", kDescriptor, false},
    {"unit", kRateLimit, false},
    {"requests_per_unit", kRateLimit, false},
    {"unlimited", kRateLimit, false},
    {"name", kRateLimit | kReplaces, false},
    {"replaces", kRateLimit, false},
    {"allow", kDescriptor, true},
    {"deny", kDescriptor, true},
    {"burst", kRateLimit, true},
    {"quotas", kRateLimit, true},
    {"cost", kRateLimit, true},
    {"enforce_percent", kRateLimit, true},
    {"on_store_failure", kRateLimit | kRoot, true},
    {"consistency", kRateLimit | kRoot, true},
    {"hash_tag", kRoot, true},
});

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t digits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
}

}  // namespace

std::string_view level_name(Level level) {
  constexpr std::array<std::string_view, 4> names = {"the top of the file", "a descriptor", "rate_limit",
                                                     "replaces"};
  return names[static_cast<std::size_t>(level)];
}

std::string PolicyField::places() const {
  std::string text;
  for (const Level level : {Level::rate_limit, Level::descriptor, Level::replaces, Level::root})
    if (at(level)) text += (text.empty() ? "" : " or ") + std::string(level_name(level));
  return text;
}

const PolicyField* find_field(std::string_view name) {
  const auto it =
      std::find_if(kFields.begin(), kFields.end(), [&](const PolicyField& f) { return f.name == name; });
  return it == kFields.end() ? nullptr : &*it;
}

std::vector<std::string_view> field_names() {
  std::vector<std::string_view> names;
  for (const PolicyField& f : kFields) names.push_back(f.name);
  return names;
}

// [-+]? (digits | digits? . digits? with one at least) ([eE] [-+]? digits)?, .inf, .nan; or a whole number
// that no 64 bits hold.
bool looks_like_fraction(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::scalar || node.quoted || node.scalar.empty()) return false;
  std::string_view rest = node.scalar;
  if (rest.front() == '-' || rest.front() == '+') rest.remove_prefix(1);
  for (const std::string_view word : {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"})
    if (rest == word) return true;
  const std::size_t whole = digits(rest);
  rest.remove_prefix(whole);
  bool fraction = false;
  std::size_t behind = 0;
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    behind = digits(rest);
    rest.remove_prefix(behind);
    fraction = true;
  }
  if (whole + behind == 0) return false;
  if (!rest.empty() && (rest.front() == 'e' || rest.front() == 'E')) {
    rest.remove_prefix(1);
    if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) rest.remove_prefix(1);
    const std::size_t exponent = digits(rest);
    if (exponent == 0) return false;
    rest.remove_prefix(exponent);
    fraction = true;
  }
  constexpr std::size_t digits_of_64_bits = 19;
  return rest.empty() && (fraction || whole > digits_of_64_bits);
}

std::optional<bool> as_bool(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::scalar || node.quoted) return {};
  for (const std::string_view word :
       {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
    if (node.scalar == word) return true;
  for (const std::string_view word :
       {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
    if (node.scalar == word) return false;
  return {};
}

std::optional<std::int64_t> as_integer(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::scalar || node.quoted) return {};
  std::string_view text = node.scalar;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  for (const auto& [prefix, of] : {std::pair{"0x", 16}, {"0o", 8}, {"0b", 2}})
    if (text.starts_with(prefix)) base = of;
  if (base != 10) text.remove_prefix(2);
  if (text.empty() || text.front() == '_' || (base == 10 && text.size() > 1 && text.front() == '0'))
    return {};
  std::int64_t value = 0;
  for (const char c : text) {
    if (c == '_') continue;
    const int digit = hex(c);
    if (digit < 0 || digit >= base || __builtin_mul_overflow(value, base, &value) ||
        __builtin_add_overflow(value, digit, &value))
      return {};
  }
  return negative ? -value : value;
}

}  // namespace sluice::policy
