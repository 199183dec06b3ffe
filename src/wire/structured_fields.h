// structured_fields.h: values of HTTP fields as RFC 9651 has them, appended to a string. What the format
// cannot carry is brought into its range rather than sent malformed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::wire {

/// The largest integer that a structured field holds: 15 digits.
inline constexpr std::int64_t kFieldIntegerMax = 999'999'999'999'999;

/// An integer; beyond 15 digits the largest of them, with its sign.
void field_integer(std::string& out, std::int64_t value);
/// A string in quotes, \ and " escaped. Bytes that are not printable ASCII become '?'.
void field_string(std::string& out, std::string_view text);
/// ";name=" and an integer. REQUIRES: `name` is a key of RFC 9651, such as "q".
void field_parameter(std::string& out, std::string_view name, std::int64_t value);

}  // namespace sluice::wire
