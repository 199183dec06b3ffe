#include "simulate/text.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <vector>

#include "sluice/time.h"

namespace sluice::simulate {
namespace {

/// Bytes of the well-formed UTF-8 character at the front, 0 if there is none (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool bad = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F);
    return tail(1) && tail(2) && !bad ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool bad = (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F);
    return tail(1) && tail(2) && tail(3) && !bad ? 4 : 0;
  }
  return 0;
}

/// C0, DEL, C1, and the characters that turn the direction of a line around.
bool is_control(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (character.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  return character.size() == 3 && byte(0) == 0xE2 &&
         ((byte(1) == 0x80 &&
           ((byte(2) >= 0x8E && byte(2) <= 0x8F) || (byte(2) >= 0xA8 && byte(2) <= 0xAE))) ||
          (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9));
}

std::string format(const char* pattern, auto... values) {
  std::array<char, 96> room;
  const int n = std::snprintf(room.data(), room.size(), pattern, values...);
  return {room.data(), static_cast<std::size_t>(n)};
}

std::chrono::year_month_day date_of(std::int64_t local) {
  return std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(local)));
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    std::size_t n = utf8_length(bytes);
    if (n == 0 || is_control(bytes.substr(0, n))) {
      n = std::max<std::size_t>(n, 1);
      for (std::size_t i = 0; i < n; ++i)
        out += format("\\x%02X", static_cast<unsigned>(static_cast<unsigned char>(bytes[i])));
    } else {
      out += bytes.substr(0, n);
    }
    bytes.remove_prefix(n);
  }
  return out;
}

std::size_t columns_of(std::string_view utf8) {
  std::size_t n = 0;
  for (const char c : utf8) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return n;
}

std::string shortened(std::string_view utf8, std::size_t columns) {
  if (columns_of(utf8) <= columns || columns == 0) return std::string(utf8);
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < utf8.size(); ++i)
    if ((static_cast<unsigned char>(utf8[i]) & 0xC0) != 0x80) starts.push_back(i);
  const std::size_t tail = (columns - 1) / 3, head = columns - 1 - tail;
  const auto tail_from = tail == 0 ? utf8.size() : starts[starts.size() - tail];
  return std::string(utf8.substr(0, starts[head])) + "…" + std::string(utf8.substr(tail_from));
}

std::string json_string(std::string_view bytes) {
  std::string out = "\"";
  for (const char c : printable(bytes)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string html_escaped(std::string_view bytes) {
  std::string out;
  for (const char c : printable(bytes)) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += c;
  }
  return out;
}

std::string with_commas(Int128 n) {
  if (n == 0) return "0";
  std::string reversed;
  for (int digits = 0; n != 0; n /= 10, ++digits) {
    if (digits != 0 && digits % 3 == 0) reversed += ',';
    reversed += static_cast<char>('0' + static_cast<int>(n % 10));
  }
  return {reversed.rbegin(), reversed.rend()};
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0 || part == 0) return "0 %";
  if (part == whole) return "100 %";
  const auto hundredths = static_cast<std::uint64_t>(
      (static_cast<Int128>(part) * 10000 + static_cast<Int128>(whole / 2)) / static_cast<Int128>(whole));
  if (hundredths == 0) return "<0.01 %";
  if (hundredths >= 10000) return ">99.99 %";
  return format("%llu.%02llu %%", static_cast<unsigned long long>(hundredths / 100),
                static_cast<unsigned long long>(hundredths % 100));
}

std::string wait_text(std::int64_t ns) {
  if (ns == kNever.count()) return "never";
  const auto up = [&](std::int64_t unit) {
    return static_cast<long long>(ns / unit + (ns % unit != 0 ? 1 : 0));
  };
  if (ns == 0) return "0 s";
  if (ns < 1'000'000) return format("%lld µs", up(1'000));
  if (ns < 1'000'000'000) return format("%lld ms", up(1'000'000));
  const long long s = up(1'000'000'000);
  const auto pair = [](long long a, const char* a_unit, long long b, const char* b_unit) {
    return b == 0 ? format("%lld %s", a, a_unit) : format("%lld %s %lld %s", a, a_unit, b, b_unit);
  };
  if (s < 60) return format("%lld s", s);
  if (s < 3600) return pair(s / 60, "min", s % 60, "s");
  const long long minutes = (s + 59) / 60;
  if (minutes < 1440) return pair(minutes / 60, "h", minutes % 60, "min");
  const long long hours = (minutes + 59) / 60;
  return pair(hours / 24, hours / 24 == 1 ? "day" : "days", hours % 24, "h");
}

std::string clock_text(std::int64_t second, std::int32_t zone) {
  const auto s = static_cast<int>(((second + zone) % 86400 + 86400) % 86400);
  return format("%02d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
}

std::string date_text(std::int64_t second, std::int32_t zone) {
  const auto date = date_of(second + zone);
  return format("%04d-%02u-%02u", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()));
}

std::string zone_text(std::int32_t zone) {
  const int minutes = (zone < 0 ? -zone : zone) / 60;
  return format("%c%02d:%02d", zone < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

std::string iso_text(std::int64_t second, std::int32_t zone) {
  return date_text(second, zone) + "T" + clock_text(second, zone) + zone_text(zone);
}

}  // namespace sluice::simulate
