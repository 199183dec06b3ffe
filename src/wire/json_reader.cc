#include "wire/json_reader.h"

#include <charconv>

#include "core/hex.h"
#include "wire/json_utf8.h"

namespace sluice::wire {

namespace {

/// The number in four hexadecimal digits, -1 if they are not.
int hex4(std::string_view text) {
  if (text.size() < 4) return -1;
  int value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const int digit = hex(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

void append_utf8(std::string& out, unsigned c) {
  const auto put = [&](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  }
}

}  // namespace

std::string JsonString::text() const {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out.push_back(raw[i]);
      continue;
    }
    const char c = raw[++i];  // The reader has seen that escapes are whole.
    constexpr std::string_view kNames = "bfnrt", kBytes = "\b\f\n\r\t";
    if (c != 'u') {
      const auto name = kNames.find(c);
      out.push_back(name == std::string_view::npos ? c : kBytes[name]);
      continue;
    }
    auto code = static_cast<unsigned>(hex4(raw.substr(i + 1)));
    i += 4;
    if (code >= 0xD800 && code < 0xDC00) {
      code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<unsigned>(hex4(raw.substr(i + 3))) - 0xDC00);
      i += 6;
    }
    append_utf8(out, code);
  }
  return out;
}

void JsonReader::fail(std::string_view why) {
  if (failed()) return;
  error_ = why;
  error_at_ = at_;
}

std::string JsonReader::error() const {
  return std::string("at byte ").append(std::to_string(error_at_)).append(": ").append(error_);
}

/// The next byte that is no white space; 0 at the end and after an error.
char JsonReader::peek() {
  if (failed()) return 0;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
    ++at_;
  }
  return 0;
}

JsonReader::Kind JsonReader::kind() {
  switch (const char c = peek()) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'n':
      return Kind::null;
    default:
      return c == '-' || (c >= '0' && c <= '9') ? Kind::number : Kind::nothing;
  }
}

void JsonReader::open(char bracket, std::string_view why) {
  if (peek() != bracket) return fail(why);
  if (depth_ == kDepthMax) return fail("nested too deeply");
  ++at_;
  ++depth_;
  first_ = true;
}

void JsonReader::begin_object() { open('{', "an object is expected"); }
void JsonReader::begin_array() { open('[', "an array is expected"); }

bool JsonReader::next(char closing, std::string_view why) {
  const char c = peek();
  if (failed()) return false;
  const bool first = first_;
  first_ = false;
  if (c == closing) {
    ++at_;
    --depth_;
    return false;
  }
  if (first) return true;
  if (c != ',') return fail(why), false;
  ++at_;
  return true;
}

bool JsonReader::next_element() { return next(']', "a comma or ] is expected"); }

bool JsonReader::next_member(std::string_view& name) {
  name = {};
  if (!next('}', "a comma or } is expected")) return false;
  const std::string_view raw = string().raw;
  if (peek() != ':') fail("a colon is expected");
  if (failed()) return false;
  ++at_;
  name = raw;
  return true;
}

JsonString JsonReader::string() {
  if (peek() != '"') return fail("a string is expected"), JsonString();
  const std::size_t from = ++at_;
  bool escaped = false;
  while (!failed()) {
    if (at_ == text_.size()) {
      fail("a string is not closed");
      break;
    }
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '"') {
      ++at_;
      return {text_.substr(from, at_ - 1 - from), escaped};
    }
    if (c == '\\') {
      escaped = true;
      escape();
    } else if (c < 0x20) {
      fail("a control character in a string is to be escaped");
    } else if (c < 0x80) {
      ++at_;
    } else {
      const std::size_t n = utf8_length(text_.substr(at_));
      if (n == 0) fail("not UTF-8");
      at_ += n;
    }
  }
  return {};
}

/// Moves past one escape; a pair of surrogates is one.
void JsonReader::escape() {
  const auto rest = text_.substr(at_ + 1);
  if (rest.empty() || std::string_view("\"\\/bfnrtu").find(rest[0]) == std::string_view::npos)
    return fail("no such escape");
  if (rest[0] != 'u') {
    at_ += 2;
    return;
  }
  const int code = hex4(rest.substr(1));
  if (code < 0) return fail("\\u is to be followed by four hexadecimal digits");
  if (code < 0xD800 || code > 0xDFFF) {
    at_ += 6;
    return;
  }
  const bool paired = code < 0xDC00 && rest.size() >= 11 && rest[5] == '\\' && rest[6] == 'u';
  const int second = paired ? hex4(rest.substr(7)) : -1;
  if (second < 0xDC00 || second > 0xDFFF) return fail("half a surrogate pair");
  at_ += 12;
}

void JsonReader::digits() {
  const std::size_t from = at_;
  while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
  if (at_ == from) fail("a digit is expected");
}

std::string_view JsonReader::number() {
  if (kind() != Kind::number) return fail("a number is expected"), std::string_view();
  const std::size_t from = at_;
  const auto is = [&](char c) { return at_ < text_.size() && text_[at_] == c; };
  if (is('-')) ++at_;
  if (is('0'))
    ++at_;
  else
    digits();
  if (is('.')) {
    ++at_;
    digits();
  }
  if (is('e') || is('E')) {
    ++at_;
    if (is('+') || is('-')) ++at_;
    digits();
  }
  return failed() ? std::string_view() : text_.substr(from, at_ - from);
}

bool JsonReader::word(std::string_view w) {
  if (!text_.substr(at_).starts_with(w)) return false;
  at_ += w.size();
  return true;
}

bool JsonReader::boolean() {
  if (kind() != Kind::boolean) return fail("true or false is expected"), false;
  if (word("true")) return true;
  if (!word("false")) fail("no such word");
  return false;
}

void JsonReader::skip() {
  std::string_view name;
  switch (kind()) {
    case Kind::object:
      begin_object();
      while (next_member(name)) skip();
      return;
    case Kind::array:
      begin_array();
      while (next_element()) skip();
      return;
    case Kind::string:
      string();
      return;
    case Kind::number:
      number();
      return;
    case Kind::boolean:
      boolean();
      return;
    case Kind::null:
      if (!word("null")) fail("no such word");
      return;
    case Kind::nothing:
      return fail("a value is expected");
  }
}

bool JsonReader::end() {
  if (peek() != 0 || (!failed() && at_ < text_.size())) fail("there is more behind the value");
  return !failed();
}

bool json_whole(std::string_view number, std::int64_t& value) {
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  return error == std::errc() && end == number.data() + number.size();
}

}  // namespace sluice::wire
