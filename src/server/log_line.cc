#include "server/log_line.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "core/hex.h"
#include "wire/json_utf8.h"
#include "wire/json_writer.h"

namespace sluice::server {

namespace {

constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "warning", "error", "off"};

/// At most kLogTextMax bytes, not cut within a character.
std::string_view cut(std::string_view text) {
  if (text.size() <= kLogTextMax) return text;
  std::size_t end = kLogTextMax;
  while (end > kLogTextMax - 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

/// The character of `n` bytes moves a terminal's cursor, or is the end of a line to some: C1 controls, the
/// separators U+2028 and U+2029, and what changes the direction of writing.
bool hidden(std::string_view text, std::size_t n) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (n == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  if (n != 3 || byte(0) != 0xE2) return false;
  return (byte(1) == 0x80 && (byte(2) == 0x8E || byte(2) == 0x8F || (byte(2) >= 0xA8 && byte(2) <= 0xAE))) ||
         (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9);
}

/// Calls plain(bytes) for a run that can stand as it is, code(code point) for a character to be named by its
/// number, and broken(byte) for a byte that is no UTF-8.
template <class Plain, class Code, class Broken>
void each_part(std::string_view text, Plain&& plain, Code&& code, Broken&& broken) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto n = wire::utf8_length(text.substr(i));
    const bool control = c < 0x20 || c == 0x7F;
    if (n != 0 && !control && !hidden(text.substr(i), n)) {
      i += n;
      continue;
    }
    plain(text.substr(begin, i - begin));
    if (n == 0) {
      broken(c);
    } else if (n == 1) {
      code(unsigned{c});
    } else {
      unsigned point = n == 2 ? c & 0x1F : c & 0x0F;
      for (std::size_t k = 1; k < n; ++k)
        point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3F);
      code(point);
    }
    i += n == 0 ? 1 : n;
    begin = i;
  }
  plain(text.substr(begin));
}

void hex(std::string& out, unsigned value, int digits) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kHexDigits[value >> shift & 15];
}

void four_digits(std::string& out, unsigned point) { hex(out += "\\u", point, 4); }

template <class Code, class Broken>
void quoted(std::string& out, std::string_view text, Code&& code, Broken&& broken) {
  out += '"';
  const auto plain = [&](std::string_view run) {
    for (const char c : run) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  };
  each_part(cut(text), plain, code, broken);
  out += '"';
}

/// A byte that is no UTF-8 becomes U+FFFD, as JSON can hold none.
void json_text(std::string& out, std::string_view text) {
  quoted(
      out, text, [&](unsigned point) { four_digits(out, point); }, [&](unsigned) { out += "\xEF\xBF\xBD"; });
}

void text_code(std::string& out, unsigned point) {
  if (point == '\n')
    out += "\\n";
  else if (point < 0x80)
    hex(out += "\\x", point, 2);
  else
    four_digits(out, point);
}

void text_words(std::string& out, std::string_view text) {
  each_part(
      cut(text), [&](std::string_view run) { out += run; }, [&](unsigned point) { text_code(out, point); },
      [&](unsigned byte) { hex(out += "\\x", byte, 2); });
}

/// In quotes unless it is one plain word.
void text_value(std::string& out, std::string_view text) {
  const bool word = !text.empty() && text.size() <= kLogTextMax &&
                    text.find_first_not_of(
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "-_.:/@#+[]") == text.npos;
  if (word) {
    out += text;
    return;
  }
  quoted(
      out, text, [&](unsigned point) { text_code(out, point); },
      [&](unsigned byte) { hex(out += "\\x", byte, 2); });
}

struct Value {
  std::string& out;
  const bool json;
  void operator()(std::string_view text) const { json ? json_text(out, text) : text_value(out, text); }
  void operator()(std::int64_t number) const { wire::json_integer(out, number); }
  void operator()(bool yes) const { out += yes ? "true" : "false"; }
  void operator()(Duration d) const {
    if (d == kNever)
      out += json ? "\"never\"" : "never";
    else
      wire::json_seconds(out, d);
  }
};

void append_time(std::string& out, std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch();
  const auto second = std::chrono::floor<std::chrono::seconds>(ms);
  const std::time_t since_1970 = second.count();
  std::tm utc{};
  ::gmtime_r(&since_1970, &utc);
  char text[32];
  const auto n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  out.append(text, n);
  std::snprintf(text, sizeof text, ".%03dZ", static_cast<int>((ms - second).count()));
  out += text;
}

}  // namespace

std::string log_line(LogFormat format, std::chrono::system_clock::time_point time, Level level,
                     std::string_view message, std::span<const LogField> fields) {
  const bool json = format == LogFormat::json;
  const auto name = kNames[static_cast<std::size_t>(level)];
  std::string line = json ? "{\"time\":\"" : "";
  append_time(line, time);
  if (json) {
    line.append("\",\"level\":\"").append(name).append("\",\"message\":");
    json_text(line, message);
  } else {
    line.append(" ").append(name).append(" ");
    text_words(line, message);
  }
  for (const LogField& field : fields) {
    if (json)
      line.append(",\"").append(field.name).append("\":");
    else
      line.append(" ").append(field.name).append("=");
    std::visit(Value{line, json}, field.value);
  }
  line += json ? "}\n" : "\n";
  return line;
}

}  // namespace sluice::server
