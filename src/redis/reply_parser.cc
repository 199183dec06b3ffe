#include "redis/reply_parser.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/hex.h"

namespace sluice::redis {
namespace {

constexpr std::size_t kKeptElements = 4096;  // Room that an idle connection may hold on to.
constexpr std::int64_t kDigitsMax = 19;      // Of any 64-bit number.

struct Number {
  enum class Kind : std::uint8_t { good, more, bad } kind;
  std::int64_t value;
  const char* next;  // Behind the "\r\n".
};

// The number behind a type's byte: decimal, with or without a sign. Right up to the edges of 64 bits.
Number any_number(const char* at, const char* end) {
  if (at == end) return {Number::Kind::more, 0, nullptr};
  const bool negative = *at == '-';
  if (negative || *at == '+') ++at;
  const char* const digits = at;
  std::uint64_t value = 0;  // 19 digits fit.
  while (at != end && static_cast<unsigned char>(*at - '0') <= 9) {
    if (at - digits == kDigitsMax) return {Number::Kind::bad, 0, nullptr};
    value = value * 10 + static_cast<unsigned char>(*at++ - '0');
  }
  if (at == end) return {Number::Kind::more, 0, nullptr};
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (at == digits || *at != '\r' || value > kMost + (negative ? 1 : 0))
    return {Number::Kind::bad, 0, nullptr};
  if (at + 1 == end) return {Number::Kind::more, 0, nullptr};
  if (at[1] != '\n') return {Number::Kind::bad, 0, nullptr};
  return {Number::Kind::good, static_cast<std::int64_t>(negative ? 0 - value : value), at + 2};
}

// One digit is what nearly all counts and many values have.
inline Number number(const char* at, const char* end) {
  if (end - at >= 3 && at[1] == '\r' && at[2] == '\n') {
    const auto digit = static_cast<unsigned char>(*at - '0');
    if (digit <= 9) return {Number::Kind::good, digit, at + 3};
  }
  return any_number(at, end);
}

}  // namespace

ReplyParser::Event ReplyParser::feed(std::string_view& in) {
  if (!error_.empty()) return Event::error;
  if (in.size() < need_) return Event::need_more;
  if (need_ == 1) reset();
  const char* const begin = in.data();
  const char* const end = begin + in.size();
  for (const char* at = begin + at_;;) {
    if (at == end) {
      need_ = in.size() + 1;
      return wait(at, begin);
    }
    switch (element(at, begin, end)) {
      case Step::open:
        break;
      case Step::more:
        return wait(at, begin);
      case Step::fail:
        return Event::error;
      case Step::value:
        if (!whole()) break;
        if (settled_ > 0) restore(begin);
        in.remove_prefix(static_cast<std::size_t>(at - begin));
        need_ = 1;
        return push_ ? Event::push : Event::reply;
    }
    if (static_cast<std::size_t>(at - begin) > limits_.bytes_max)
      return fail("Protocol error: a reply is longer than the limit"), Event::error;
  }
}

void ReplyParser::reset() {
  elements_.clear();
  if (elements_.capacity() > kKeptElements) elements_ = {};
  at_ = 0;
  depth_ = 0;
  claimed_ = 1;
  push_ = false;
  scanned_ = 0;
  settled_ = 0;
}

// Reads one element and moves `at` past it, or past the header of an array. On `more`, `at` stays and need_
// is set.
ReplyParser::Step ReplyParser::element(const char*& at, const char* begin, const char* end) {
  switch (*at) {
    case ':': {
      const Number n = number(at + 1, end);
      if (n.kind == Number::Kind::good) {
        elements_.push_back({.kind = Element::Kind::integer, .integer = n.value});
        at = n.next;
        return Step::value;
      }
      if (n.kind == Number::Kind::bad) return fail("Protocol error: invalid integer in a reply");
      need_ = static_cast<std::size_t>(end - begin) + 1;
      return Step::more;
    }
    case '$':
    case '=':
      return bulk(Element::Kind::text, at, begin, end);
    case '!':
      return bulk(Element::Kind::error, at, begin, end);
    case '*':
    case '%':
    case '~':
    case '>':
    case '|':
      return array(at, begin, end);
    case '+':
    case ',':
    case '(':
      return line(Element::Kind::text, at, begin, end);
    case '-':
      return line(Element::Kind::error, at, begin, end);
    case '_':
      return line(Element::Kind::null, at, begin, end);
    case '#':
      return line(Element::Kind::boolean, at, begin, end);
    default:
      return unexpected(*at);
  }
}

ReplyParser::Step ReplyParser::line(Element::Kind kind, const char*& at, const char* begin, const char* end) {
  const char* from = at + 1;
  if (begin + scanned_ > from) from = begin + scanned_;
  const auto* newline =
      static_cast<const char*>(std::memchr(from, '\n', static_cast<std::size_t>(end - from)));
  const char* const seen = newline == nullptr ? end : newline;
  if (static_cast<std::size_t>(seen - begin) >= limits_.bytes_max)
    return fail("Protocol error: a reply is longer than the limit");
  if (newline == nullptr) {
    scanned_ = static_cast<std::size_t>(end - begin);
    need_ = scanned_ + 1;
    return Step::more;
  }
  if (newline[-1] != '\r') return fail("Protocol error: a line of a reply does not end in CR LF");
  const std::string_view text(at + 1, static_cast<std::size_t>(newline - 1 - (at + 1)));
  switch (kind) {
    case Element::Kind::null:
      if (!text.empty()) return fail("Protocol error: invalid null in a reply");
      elements_.push_back({});
      break;
    case Element::Kind::boolean:
      if (text != "t" && text != "f") return fail("Protocol error: invalid boolean in a reply");
      elements_.push_back({.kind = kind, .integer = text == "t" ? 1 : 0});
      break;
    default:
      elements_.push_back({.kind = kind, .text = text});
  }
  at = newline + 1;
  return Step::value;
}

ReplyParser::Step ReplyParser::bulk(Element::Kind kind, const char*& at, const char* begin, const char* end) {
  const Number length = number(at + 1, end);
  if (length.kind == Number::Kind::more) {
    need_ = static_cast<std::size_t>(end - begin) + 1;
    return Step::more;
  }
  if (length.kind == Number::Kind::bad)
    return fail(at[1] == '?' ? "Protocol error: streamed strings are not supported"
                             : "Protocol error: invalid bulk length in a reply");
  if (length.value == -1 && *at == '$') {
    elements_.push_back({});
    at = length.next;
    return Step::value;
  }
  if (length.value < 0) return fail("Protocol error: invalid bulk length in a reply");
  const auto ends =
      static_cast<std::uint64_t>(length.next - begin) + static_cast<std::uint64_t>(length.value) + 2;
  if (ends > limits_.bytes_max) return fail("Protocol error: a reply is longer than the limit");
  if (static_cast<std::size_t>(end - begin) < ends) {
    need_ = ends;
    return Step::more;
  }
  std::string_view text(length.next, static_cast<std::size_t>(length.value));
  const char* const tail = text.data() + text.size();
  if (tail[0] != '\r' || tail[1] != '\n')
    return fail("Protocol error: no CR LF behind a bulk string of a reply");
  if (*at == '=') {
    if (text.size() < 4 || text[3] != ':') return fail("Protocol error: invalid verbatim string in a reply");
    text.remove_prefix(4);
  }
  elements_.push_back({.kind = kind, .text = text});
  at = tail + 2;
  return Step::value;
}

ReplyParser::Step ReplyParser::array(const char*& at, const char* begin, const char* end) {
  const char type = *at;
  const Number count = number(at + 1, end);
  if (count.kind == Number::Kind::more) {
    need_ = static_cast<std::size_t>(end - begin) + 1;
    return Step::more;
  }
  if (count.kind == Number::Kind::bad)
    return fail(at[1] == '?' ? "Protocol error: streamed arrays are not supported"
                             : "Protocol error: invalid array length in a reply");
  if (type == '>' && (depth_ > 0 || count.value < 1))
    return fail("Protocol error: a push that is empty or within a reply");
  if (count.value == -1 && type == '*') {
    elements_.push_back({});
    at = count.next;
    return Step::value;
  }
  if (count.value < 0) return fail("Protocol error: invalid array length in a reply");
  const bool pairs = type == '%' || type == '|';
  const std::int64_t extra = type == '|' ? 1 : 0;  // So that empty attributes have an end too.
  const auto room = static_cast<std::int64_t>(limits_.elements_max) - static_cast<std::int64_t>(claimed_);
  if (count.value > (room - extra) / (pairs ? 2 : 1) || extra > room)
    return fail("Protocol error: a reply has more elements than the limit");
  const std::int64_t left = pairs ? count.value * 2 : count.value;
  claimed_ += static_cast<std::size_t>(left + extra);
  at = count.next;
  if (type == '|') {
    if (left == 0) return Step::open;
  } else {
    if (type == '>') push_ = true;
    elements_.push_back({.kind = Element::Kind::array, .integer = left});
    if (left == 0) return Step::value;
  }
  if (depth_ == std::min(limits_.depth_max, kDepthMax))
    return fail("Protocol error: a reply is nested too deep");
  frames_[depth_++] = {left, elements_.size(), type == '|'};
  return Step::open;
}

// A value has ended, and with it maybe the arrays that it is the last of. True: and with them the reply.
bool ReplyParser::whole() {
  while (depth_ > 0) {
    Frame& frame = frames_[depth_ - 1];
    if (--frame.left > 0) return false;
    --depth_;
    if (!frame.attribute) continue;
    elements_.resize(frame.keep);  // The value that it is an attribute of follows.
    settled_ = std::min(settled_, frame.keep);
    return false;
  }
  return true;
}

ReplyParser::Event ReplyParser::wait(const char* at, const char* begin) {
  at_ = static_cast<std::size_t>(at - begin);
  settle(begin);
  return Event::need_more;
}

void ReplyParser::settle(const char* begin) {
  for (; settled_ < elements_.size(); ++settled_) {
    Element& e = elements_[settled_];
    if (e.kind == Element::Kind::text || e.kind == Element::Kind::error) e.integer = e.text.data() - begin;
  }
}

void ReplyParser::restore(const char* begin) {
  for (std::size_t i = 0; i < settled_; ++i) {
    Element& e = elements_[i];
    if (e.kind != Element::Kind::text && e.kind != Element::Kind::error) continue;
    e.text = {begin + e.integer, e.text.size()};
    e.integer = 0;
  }
}

ReplyParser::Step ReplyParser::fail(std::string_view why) {
  error_ = why;
  elements_.clear();
  return Step::fail;
}

ReplyParser::Step ReplyParser::unexpected(char got) {
  if (got == ';' || got == '.') return fail("Protocol error: streamed values are not supported");
  constexpr std::string_view kText =
      "Protocol error: a reply begins with 0x00: is this the port of a Redis server?";
  constexpr std::string_view kTls =
      "Protocol error: a reply begins as TLS does: is this a port for rediss://?";
  constexpr std::size_t kHex = kText.find("0x00") + 2;
  static_assert(kText.size() <= std::tuple_size_v<decltype(error_text_)>);
  const auto byte = static_cast<unsigned char>(got);
  if (byte == 0x15 || byte == 0x16) return fail(kTls);  // An alert, a handshake.
  std::copy(kText.begin(), kText.end(), error_text_.begin());
  error_text_[kHex] = kHexDigits[byte >> 4];
  error_text_[kHex + 1] = kHexDigits[byte & 15];
  return fail({error_text_.data(), kText.size()});
}

}  // namespace sluice::redis
