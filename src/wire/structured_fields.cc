#include "wire/structured_fields.h"

#include <algorithm>
#include <charconv>

namespace sluice::wire {

void field_integer(std::string& out, std::int64_t value) {
  char digits[16];
  const auto number = std::clamp(value, -kFieldIntegerMax, kFieldIntegerMax);
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

void field_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c >= 0x20 && c < 0x7F ? c : '?');
  }
  out.push_back('"');
}

void field_parameter(std::string& out, std::string_view name, std::int64_t value) {
  out.append(";").append(name).append("=");
  field_integer(out, value);
}

}  // namespace sluice::wire
