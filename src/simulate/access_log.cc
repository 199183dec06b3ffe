#include "simulate/access_log.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace sluice::simulate {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Two digits as a number, -1 if they are none.
int two(const char* p) { return is_digit(p[0]) && is_digit(p[1]) ? (p[0] - '0') * 10 + (p[1] - '0') : -1; }

int month_of(const char* p) {
  static constexpr std::string_view kNames = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto at = kNames.find(std::string_view(p, 3));
  return at == std::string_view::npos || at % 3 != 0 ? 0 : static_cast<int>(at / 3) + 1;
}

int days_in(int year, int month) {
  static constexpr std::array<int, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[static_cast<std::size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

/// Days from 1970-01-01. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
std::int64_t days_from_civil(int year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const int era = year / 400;
  const int of_era = year - era * 400;
  const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return std::int64_t{era} * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/// `status bytes`, at the end of the line or with more behind a space.
bool parse_status_and_bytes(const char* p, const char* end, std::int64_t& bytes) {
  if (end - p < 5 || !is_digit(p[0]) || !is_digit(p[1]) || !is_digit(p[2]) || p[3] != ' ') return false;
  p += 4;
  if (*p == '-') {
    bytes = 0;
    return p + 1 == end || p[1] == ' ';
  }
  if (!is_digit(*p)) return false;
  std::int64_t value = 0;
  for (; p != end && is_digit(*p); ++p) {
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p - '0', &value))
      return false;
  }
  bytes = value;
  return p == end || *p == ' ';
}

}  // namespace

std::string_view path_of(std::string_view request) {
  const auto method_end = request.find(' ');
  if (method_end == std::string_view::npos) return "-";
  auto target = request.substr(method_end + 1);
  if (const auto version = target.rfind(" HTTP/"); version != std::string_view::npos)
    target = target.substr(0, version);
  while (target.ends_with(' ')) target.remove_suffix(1);
  while (target.starts_with(' ')) target.remove_prefix(1);
  if (!target.starts_with('/')) {
    if (const auto scheme = target.find("://"); scheme != std::string_view::npos) {
      const auto path = target.find('/', scheme + 3);
      target = path == std::string_view::npos ? "/" : target.substr(path);
    }
  }
  target = target.substr(0, target.find_first_of("?#"));
  return target.empty() ? "-" : target;
}

bool AccessLogParser::parse_time(const char* p, Entry& out) {
  if (std::memcmp(p, last_.data(), kTimeLength) != 0) {
    const int day = two(p), month = month_of(p + 3), century = two(p + 7), of_century = two(p + 9);
    const int hour = two(p + 12), minute = two(p + 15), second = two(p + 18), zone_h = two(p + 22),
              zone_m = two(p + 24);
    if (p[2] != '/' || p[6] != '/' || p[11] != ':' || p[14] != ':' || p[17] != ':' || p[20] != ' ')
      return false;
    if ((p[21] != '+' && p[21] != '-') || month == 0 || century < 0 || of_century < 0) return false;
    const int year = century * 100 + of_century;
    if (year < 1970 || year > 2105 || day < 1 || day > days_in(year, month)) return false;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return false;
    if (zone_h < 0 || zone_h > 15 || zone_m < 0 || zone_m > 59) return false;
    const int east = (p[21] == '-' ? -1 : 1) * (zone_h * 3600 + zone_m * 60);
    const std::int64_t utc =
        days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east;
    if (utc < 0 || utc > std::numeric_limits<std::uint32_t>::max()) return false;
    std::memcpy(last_.data(), p, kTimeLength);
    second_ = static_cast<std::uint32_t>(utc);
    zone_ = east;
  }
  out.second = second_;
  out.zone = zone_;
  return true;
}

bool AccessLogParser::parse(std::string_view line, Entry& out) {
  const char* const begin = line.data();
  const char* const end = begin + line.size();
  const auto find = [end](const char* from, char c) {
    return static_cast<const char*>(std::memchr(from, c, static_cast<std::size_t>(end - from)));
  };
  const auto view = [](const char* from, const char* to) {
    return std::string_view(from, static_cast<std::size_t>(to - from));
  };

  const char* const host_end = line.empty() ? nullptr : find(begin, ' ');
  if (host_end == nullptr || host_end == begin) return false;
  const char* const ident_end = find(host_end + 1, ' ');
  if (ident_end == nullptr) return false;

  // A user's name may hold a bracket: the one that opens a time is meant. Four tries bound the work.
  const char* bracket = ident_end;
  bool timed = false;
  for (int tries = 0; tries < 4 && !timed; ++tries) {
    bracket = find(bracket + 1, '[');
    if (bracket == nullptr || end - bracket < static_cast<std::ptrdiff_t>(kTimeLength) + 2) return false;
    timed = bracket[-1] == ' ' && bracket[kTimeLength + 1] == ']' && parse_time(bracket + 1, out);
  }
  if (!timed || bracket - 1 <= ident_end) return false;
  const char* const request = bracket + kTimeLength + 2;
  if (end - request < 3 || request[0] != ' ' || request[1] != '"') return false;

  // Old servers do not escape quotes inside the request, so its end is the first quote with a status behind
  // it.
  for (const char* quote = find(request + 2, '"'); quote != nullptr; quote = find(quote + 1, '"')) {
    if (quote + 1 == end) return false;
    if (quote[1] != ' ' || !parse_status_and_bytes(quote + 2, end, out.bytes)) continue;
    out.host = view(begin, host_end);
    out.user = view(ident_end + 1, bracket - 1);
    out.request = view(request + 2, quote);
    return true;
  }
  return false;
}

}  // namespace sluice::simulate
