#include "wire/resp_writer.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

namespace sluice::wire {
namespace {

constexpr std::size_t kNumberBytes = 24;  // A type, 20 digits and sign, "\r\n".
constexpr std::size_t kIntegersMax = 8;

char* put(char* to, char type, std::int64_t value) {
  *to++ = type;
  if (value >= 0 && value <= 9)
    *to++ = static_cast<char>('0' + value);
  else
    to = std::to_chars(to, to + 20, value).ptr;
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

}  // namespace

void RespWriter::number(char type, std::int64_t value) {
  std::array<char, kNumberBytes> text;
  const char* const end = put(text.data(), type, value);
  out_.append(text.data(), static_cast<std::size_t>(end - text.data()));
}

void RespWriter::integers(std::initializer_list<std::int64_t> values) {
  assert(values.size() <= kIntegersMax);
  std::array<char, (kIntegersMax + 1) * kNumberBytes> text;
  char* to = put(text.data(), '*', static_cast<std::int64_t>(values.size()));
  for (const auto value : values) to = put(to, ':', value);
  out_.append(text.data(), static_cast<std::size_t>(to - text.data()));
}

void RespWriter::one_line(char type, std::string_view text) {
  out_ += type;
  const std::size_t begin = out_.size();
  out_.append(text);
  for (auto at = out_.find_first_of("\r\n", begin); at != std::string::npos;
       at = out_.find_first_of("\r\n", at))
    out_[at] = ' ';
  out_.append("\r\n", 2);
}

void RespWriter::simple(std::string_view text) { one_line('+', text); }
void RespWriter::error(std::string_view text) { one_line('-', text); }

void RespWriter::bulk(std::string_view bytes) {
  constexpr std::size_t kShort = 64;
  std::array<char, kNumberBytes + kShort + 2> text;
  char* to = put(text.data(), '$', static_cast<std::int64_t>(bytes.size()));
  if (bytes.size() <= kShort) {  // One append instead of three.
    to = std::copy(bytes.begin(), bytes.end(), to);
    *to++ = '\r';
    *to++ = '\n';
    out_.append(text.data(), static_cast<std::size_t>(to - text.data()));
    return;
  }
  out_.append(text.data(), static_cast<std::size_t>(to - text.data()));
  out_.append(bytes);
  out_.append("\r\n", 2);
}

void RespWriter::null() { out_ += version_ == RespVersion::resp3 ? "_\r\n" : "$-1\r\n"; }

void RespWriter::boolean(bool value) {
  if (version_ == RespVersion::resp3)
    out_ += value ? "#t\r\n" : "#f\r\n";
  else
    integer(value ? 1 : 0);
}

void RespWriter::verbatim(std::string_view text) {
  if (version_ == RespVersion::resp2) return bulk(text);
  number('=', static_cast<std::int64_t>(text.size() + 4));
  out_ += "txt:";
  out_.append(text);
  out_ += "\r\n";
}

void RespWriter::seconds(Duration value) {
  std::array<char, 24> text;
  const std::string_view number_text(
      text.data(), static_cast<std::size_t>(write_seconds(text.data(), value) - text.data()));
  if (version_ == RespVersion::resp2) return bulk(number_text);
  out_ += ',';
  out_.append(number_text);
  out_ += "\r\n";
}

void RespWriter::map(std::size_t pairs) {
  if (version_ == RespVersion::resp3)
    number('%', static_cast<std::int64_t>(pairs));
  else
    array(2 * pairs);
}

void RespWriter::set(std::size_t values) {
  number(version_ == RespVersion::resp3 ? '~' : '*', static_cast<std::int64_t>(values));
}

char* write_seconds(char* to, Duration value) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  assert(value >= Duration{0});
  to = std::to_chars(to, to + 11, value.count() / kSecond).ptr;
  std::int64_t fraction = value.count() % kSecond;
  if (fraction == 0) return to;
  *to++ = '.';
  for (std::int64_t unit = kSecond / 10; fraction != 0; unit /= 10) {
    *to++ = static_cast<char>('0' + fraction / unit);
    fraction %= unit;
  }
  return to;
}

}  // namespace sluice::wire
