#include "wire/resp_parser.h"

#include <algorithm>
#include <cstring>

#include "core/hex.h"

namespace sluice::wire {
namespace {

constexpr std::size_t kHeaderBytesMax = 32;  // "*" or "$", a number, "\r\n". No valid one comes near it.
constexpr std::size_t kUntrustedArgsMax = 10;
constexpr std::int64_t kUntrustedBulkBytesMax = 16'384;
constexpr std::size_t kKeptArgs = 64;  // Room that an idle connection may hold on to.
constexpr std::size_t kKeptText = 1024;

struct Number {
  enum class Kind : std::uint8_t { good, more, bad, long_line } kind;
  std::int64_t value;
  const char* next;  // Behind the "\r\n".
};

// The number of a header, behind its first byte: decimal, no plus, no leading zero, as Redis reads it.
Number any_header(const char* at, const char* end) {
  const char* const begin = at;
  const bool negative = at != end && *at == '-';
  if (negative) ++at;
  std::int64_t value = 0;
  const char* const digits = at;
  while (at != end && static_cast<unsigned char>(*at - '0') <= 9) {
    if (at - digits >= 18) break;
    value = value * 10 + (*at++ - '0');
  }
  if (end - at < 2 && (at == end || *at == '\r')) return {Number::Kind::more, 0, nullptr};
  const bool well_formed =
      at != digits && (*digits != '0' || at - digits == 1) && *at == '\r' && at[1] == '\n';
  if (well_formed) return {Number::Kind::good, negative ? -value : value, at + 2};
  // Not a number. That is said at its line's end, or at once where a bare newline follows the digits. The
  // line's end is looked for in a fixed number of bytes, so that the error does not hang on how the bytes
  // were cut.
  const auto seen = std::min(static_cast<std::size_t>(end - begin), kHeaderBytesMax);
  if (*at == '\n' || std::memchr(begin, '\r', seen) != nullptr) return {Number::Kind::bad, 0, nullptr};
  return {seen == kHeaderBytesMax ? Number::Kind::long_line : Number::Kind::more, 0, nullptr};
}

// One and two digits are nearly all there is: counts, and the lengths of names, keys and numbers.
inline Number header(const char* at, const char* end) {
  const auto digit = [&](int i) { return static_cast<unsigned char>(at[i] - '0'); };
  if (end - at >= 4 && digit(0) <= 9) {
    if (at[1] == '\r' && at[2] == '\n') return {Number::Kind::good, digit(0), at + 3};
    if (digit(0) != 0 && digit(1) <= 9 && at[2] == '\r' && at[3] == '\n')
      return {Number::Kind::good, digit(0) * 10 + digit(1), at + 4};
  }
  return any_header(at, end);
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

}  // namespace

RespParser::Event RespParser::feed(std::string_view& in) {
  if (!error_.empty()) return Event::error;
  for (;;) {
    if (in.size() < need_) return Event::need_more;
    const auto event = start(in);
    if (event != Event::command) return event;
    need_ = 1;
    if (!args_.empty()) return event;
  }
}

RespParser::Event RespParser::start(std::string_view& in) {
  args_.clear();
  if (args_.capacity() > kKeptArgs) args_ = {};
  transient_ = false;
  return in.front() == '*' ? array(in) : line(in);
}

RespParser::Event RespParser::array(std::string_view& in) {
  const char* const begin = in.data();
  const char* const end = begin + in.size();
  const Number count = header(begin + 1, end);
  if (count.kind == Number::Kind::more) return wait_for(in.size() + 1);
  if (count.kind == Number::Kind::long_line) return fail("Protocol error: too big mbulk count string");
  if (count.kind == Number::Kind::bad) return fail("Protocol error: invalid multibulk length");
  if (count.value > static_cast<std::int64_t>(limits_.args_max))
    return fail("Protocol error: invalid multibulk length");
  if (!trusted_ && count.value > static_cast<std::int64_t>(kUntrustedArgsMax))
    return fail("Protocol error: unauthenticated multibulk length");

  const char* at = count.next;
  for (std::int64_t i = 0; i < count.value; ++i) {
    if (at == end) return wait_for(in.size() + 1);
    if (*at != '$') return expected_bulk(*at);
    const Number length = header(at + 1, end);
    if (length.kind == Number::Kind::more) return wait_for(in.size() + 1);
    if (length.kind == Number::Kind::long_line) return fail("Protocol error: too big bulk count string");
    if (length.kind == Number::Kind::bad || length.value < 0 ||
        length.value > static_cast<std::int64_t>(limits_.bulk_bytes_max))
      return fail("Protocol error: invalid bulk length");
    if (!trusted_ && length.value > kUntrustedBulkBytesMax)
      return fail("Protocol error: unauthenticated bulk length");
    at = length.next;
    if (end - at < length.value + 2)
      return wait_for(static_cast<std::size_t>(at - begin) + static_cast<std::size_t>(length.value) + 2);
    args_.emplace_back(at, static_cast<std::size_t>(length.value));
    at += length.value;
    if (at[0] != '\r' || at[1] != '\n') return fail("Protocol error: expected CRLF behind a bulk string");
    at += 2;
  }
  in.remove_prefix(static_cast<std::size_t>(at - begin));
  return Event::command;
}

RespParser::Event RespParser::line(std::string_view& in) {
  // What an earlier look has seen holds no newline: it asked for one byte more than it had.
  const auto newline = in.find('\n', need_ - 1);
  const auto length = newline == std::string_view::npos ? in.size() : newline;
  // A carriage return that may yet belong to the newline is not counted.
  const auto counted = length > 0 && in[length - 1] == '\r' ? length - 1 : length;
  if (counted > limits_.inline_bytes_max) return fail("Protocol error: too big inline request");
  if (newline == std::string_view::npos) return wait_for(in.size() + 1);
  if (!split(in.substr(0, counted))) return Event::error;
  in.remove_prefix(newline + 1);
  return Event::command;
}

// Redis's quoting: words apart by white space; within "..." the escapes \n \r \t \b \a \xHH and \ before any
// other byte for that byte; within '...' only \'. A closing quote must end its word.
bool RespParser::split(std::string_view line) {
  const std::size_t args_max = trusted_ ? limits_.args_max : kUntrustedArgsMax;
  text_.clear();
  if (text_.capacity() > kKeptText) text_ = {};
  for (std::size_t at = 0;;) {
    while (at < line.size() && is_space(line[at])) ++at;
    if (at == line.size()) return true;
    if (args_.size() == args_max) return fail("Protocol error: too many arguments"), false;
    std::size_t end = at;
    while (end < line.size() && !is_space(line[end]) && line[end] != '"' && line[end] != '\'') ++end;
    if (end == line.size() || is_space(line[end])) {
      args_.push_back(line.substr(at, end - at));
      at = end;
    } else if (!unquote(line, at)) {
      return fail("Protocol error: unbalanced quotes in request"), false;
    }
  }
}

bool RespParser::unquote(std::string_view line, std::size_t& at) {
  text_.reserve(line.size());  // Decoding never lengthens, so text_ does not move under the views.
  transient_ = true;
  const std::size_t begin = text_.size();
  char quote = 0;
  for (; at < line.size() && (quote != 0 || !is_space(line[at])); ++at) {
    const char c = line[at];
    const std::size_t left = line.size() - at - 1;
    if (quote == 0) {
      if (c == '"' || c == '\'')
        quote = c;
      else
        text_.push_back(c);
    } else if (c == quote) {
      quote = 0;
      if (left > 0 && !is_space(line[at + 1])) return false;
    } else if (c == '\\' && quote == '"' && left >= 3 && line[at + 1] == 'x' && hex(line[at + 2]) >= 0 &&
               hex(line[at + 3]) >= 0) {
      text_.push_back(static_cast<char>(hex(line[at + 2]) * 16 + hex(line[at + 3])));
      at += 3;
    } else if (c == '\\' && quote == '"' && left >= 1) {
      text_.push_back(escaped(line[++at]));
    } else if (c == '\\' && quote == '\'' && left >= 1 && line[at + 1] == '\'') {
      text_.push_back(line[++at]);
    } else {
      text_.push_back(c);
    }
  }
  args_.push_back(std::string_view(text_).substr(begin));
  return quote == 0;
}

RespParser::Event RespParser::fail(std::string_view why) {
  error_ = why;
  args_.clear();
  return Event::error;
}

RespParser::Event RespParser::expected_bulk(char got) {
  constexpr std::string_view kText = "Protocol error: expected '$', got ' '";
  static_assert(kText.size() <= std::tuple_size_v<decltype(error_text_)>);
  std::copy(kText.begin(), kText.end(), error_text_.begin());
  if (got != '\r' && got != '\n') error_text_[kText.size() - 2] = got;
  return fail({error_text_.data(), kText.size()});
}

}  // namespace sluice::wire
