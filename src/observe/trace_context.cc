#include "observe/trace_context.h"

#include <algorithm>
#include <span>

#include "core/hex.h"

namespace sluice::observe {

namespace {

constexpr std::size_t kLength = 55;

/// False: other than lower-case digits.
bool read_hex(std::string_view text, std::span<std::uint8_t> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char a = text[2 * i], b = text[2 * i + 1];
    if (hex(a) < 0 || hex(b) < 0 || (a >= 'A' && a <= 'F') || (b >= 'A' && b <= 'F')) return false;
    bytes[i] = static_cast<std::uint8_t>(hex(a) << 4 | hex(b));
  }
  return true;
}

bool zero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t b) { return b == 0; });
}

}  // namespace

TraceParent read_traceparent(std::string_view text) {
  if (text.size() < kLength || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  std::array<std::uint8_t, 1> version{}, flags{};
  TraceParent parent;
  if (!read_hex(text, version) || !read_hex(text.substr(3), parent.trace) ||
      !read_hex(text.substr(36), parent.span) || !read_hex(text.substr(53), flags))
    return {};
  if (version[0] == 0xFF || zero(parent.trace) || zero(parent.span)) return {};
  if (text.size() > kLength && (version[0] == 0 || text[kLength] != '-')) return {};
  parent.present = true;
  parent.sampled = (flags[0] & 1) != 0;
  return parent;
}

}  // namespace sluice::observe
