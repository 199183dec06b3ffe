#include "door/resp/values.h"

#include "core/number.h"

namespace sluice::door {
namespace {

constexpr std::int64_t kExponentMax = 40;  // Beyond it every value is too long or too fine.
constexpr int kDigitsMax = 32;             // 10^32 fits in 128 bits with room for the scale.

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<std::int64_t> whole_number(std::string_view text) {
  if (!text.empty() && text.size() <= 9) {  // Nearly all there is: digits that cannot overflow.
    std::int64_t digits = 0;
    std::size_t at = 0;
    for (; at < text.size() && is_digit(text[at]); ++at) digits = digits * 10 + (text[at] - '0');
    if (at == text.size()) return digits;
  }
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  return parse_number<std::int64_t>(text);
}

DecimalSeconds decimal_seconds(std::string_view text) {
  using Kind = DecimalSeconds::Kind;
  if (equals_ignoring_case(text, "inf") || equals_ignoring_case(text, "infinity")) return {Kind::too_long};
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);

  // The number is digits * 10^scale; leading zeros are dropped.
  __extension__ unsigned __int128 digits = 0;
  int significant = 0;
  std::int64_t scale = 0;
  bool any = false;
  bool point = false;
  std::size_t at = 0;
  for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && !point)); ++at) {
    if (text[at] == '.') {
      point = true;
      continue;
    }
    any = true;
    if (point) --scale;
    if (digits == 0 && text[at] == '0') continue;
    if (++significant <= kDigitsMax)
      digits = digits * 10 + static_cast<unsigned>(text[at] - '0');
    else if (text[at] != '0')
      return {point ? Kind::too_fine : Kind::too_long};
    else
      ++scale;  // A zero behind the digits that are kept.
  }
  if (!any) return {Kind::malformed};
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return {Kind::malformed};
    const auto exponent = whole_number(text.substr(at + 1));
    if (!exponent) return {Kind::malformed};
    // Far out, the exponent alone tells; nothing else is lost, since no digit was.
    if (digits != 0 && !negative && *exponent > kExponentMax) return {Kind::too_long};
    if (digits != 0 && !negative && *exponent < -kExponentMax - kDigitsMax) return {Kind::too_fine};
    scale += *exponent;
  }
  if (digits == 0) return {Kind::zero};
  if (negative) return {Kind::negative};

  for (scale += 9; scale < 0; ++scale) {  // In nanoseconds.
    if (digits % 10 != 0) return {Kind::too_fine};
    digits /= 10;
  }
  for (; scale > 0; --scale) {
    if (digits > static_cast<std::uint64_t>(Duration::max().count())) return {Kind::too_long};
    digits *= 10;
  }
  if (digits > static_cast<std::uint64_t>(Duration::max().count())) return {Kind::too_long};
  return {Kind::good, Duration{static_cast<std::int64_t>(digits)}};
}

}  // namespace sluice::door
