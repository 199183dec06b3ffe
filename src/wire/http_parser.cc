#include "wire/http_parser.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/hex.h"

namespace sluice::wire {

namespace {

constexpr std::nullopt_t kGoOn = std::nullopt;
constexpr std::size_t kBodyKept = 16 * 1024;  // A larger buffer is given back after its request.

enum : std::uint8_t { kToken = 1, kValue = 2, kTarget = 4 };

constexpr std::array<std::uint8_t, 256> kClass = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool visible = c > 0x20 && c < 0x7F;
    if (visible &&
        std::string_view("\"(),/:;<=>?@[\\]{}").find(static_cast<char>(c)) == std::string_view::npos)
      table[c] |= kToken;
    if (visible || c == ' ' || c == '\t' || c >= 0x80) table[c] |= kValue;
    if (visible && c != '#') table[c] |= kTarget;
  }
  return table;
}();

bool all(std::string_view text, std::uint8_t of_class) {
  std::uint8_t common = 0xFF;
  for (const char c : text) common &= kClass[static_cast<unsigned char>(c)];
  return (common & of_class) != 0;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool good_target(std::string_view target, std::string_view method) {
  if (target.empty() || !all(target, kTarget)) return false;
  if (target.front() == '/') return true;
  if (target == "*") return method == "OPTIONS";
  return same_name(target.substr(0, 7), "http://") || same_name(target.substr(0, 8), "https://");
}

constexpr HttpError kLineTooLong{414, "the request line is longer than this server reads"};
constexpr HttpError kHeadTooLong{431, "the header fields together are longer than this server reads"};
constexpr HttpError kChunksTooLong{413, "the chunks of the body are too many or too small"};

}  // namespace

bool same_name(std::string_view name, std::string_view lower_name) {
  if (name.size() != lower_name.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i)
    if (lower(name[i]) != lower_name[i]) return false;
  return true;
}

const std::string_view* HttpRequest::find(std::string_view lower_name) const {
  for (const auto& f : fields)
    if (same_name(f.name, lower_name)) return &f.value;
  return nullptr;
}

HttpParser::Event HttpParser::fail(int status, std::string_view detail) {
  error_ = {status, detail};
  return Event::error;
}

HttpParser::Event HttpParser::feed(std::string_view& in) {
  if (error_.status != 0) return Event::error;
  if (stage_ == Stage::between && !between(in)) return error_.status != 0 ? Event::error : Event::need_more;
  for (;;) {
    if (in.size() < need_) return Event::need_more;
    if (const Next event = step(in)) return *event == Event::request ? deliver(in) : *event;
  }
}

/// Skips empty lines. True: a request begins here.
bool HttpParser::between(std::string_view& in) {
  while (in.size() >= 2 && in[0] == '\r' && in[1] == '\n') in.remove_prefix(2);
  if (in.empty() || in == "\r") return false;
  // Garbage is known by its first byte: TLS, for one, is told at once.
  if ((kClass[static_cast<unsigned char>(in[0])] & kToken) == 0) {
    fail(400, "this is no HTTP request");
    return false;
  }
  stage_ = Stage::request_line;
  http10_ = close_ = has_host_ = has_length_ = chunked_ = expects_ = false;
  at_ = scanned_ = need_ = length_ = framing_ = trailers_ = 0;
  fields_at_.clear();
  if (!body_.empty()) body_.clear();
  if (body_.capacity() > kBodyKept) body_ = {};
  return true;
}

HttpParser::Next HttpParser::step(std::string_view in) {
  switch (stage_) {
    case Stage::between:
      break;
    case Stage::request_line:
    case Stage::fields: {
      const bool first = stage_ == Stage::request_line;
      const std::size_t left = limits_.head_bytes_max - std::min(at_, limits_.head_bytes_max);
      const auto got = first ? line(in, limits_.line_bytes_max, kLineTooLong) : line(in, left, kHeadTooLong);
      if (got != Line::whole) return got == Line::partial ? Event::need_more : Event::error;
      if (first) return request_line(in);
      return line_.empty() ? head_done() : field(in);
    }
    case Stage::body:
      need_ = at_ + length_;
      return in.size() < need_ ? Event::need_more : Event::request;
    case Stage::chunk_size:
    case Stage::chunk:
    case Stage::trailers:
      return chunks(in);
  }
  return Event::error;
}

/// The next line into line_, without its end.
HttpParser::Line HttpParser::line(std::string_view in, std::size_t max, const HttpError& too_long) {
  const std::size_t from = std::max(at_, scanned_);
  const void* const newline =
      from < in.size() ? std::memchr(in.data() + from, '\n', in.size() - from) : nullptr;
  const std::size_t end = newline == nullptr
                              ? in.size()
                              : static_cast<std::size_t>(static_cast<const char*>(newline) - in.data()) + 1;
  if (end - at_ > max) return error_ = too_long, Line::failed;
  if (newline == nullptr) return scanned_ = in.size(), Line::partial;
  if (end - at_ < 2 || in[end - 2] != '\r') {
    fail(400, "a line ended in LF alone; lines end in CR LF");
    return Line::failed;
  }
  line_ = in.substr(at_, end - 2 - at_);
  at_ = end;
  return Line::whole;
}

HttpParser::Next HttpParser::request_line(std::string_view in) {
  const auto first = line_.find(' ');
  const auto last = line_.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return fail(400, "the request line is to be: METHOD SP target SP HTTP/1.1");
  const auto method = line_.substr(0, first);
  const auto target = line_.substr(first + 1, last - first - 1);
  const auto version = line_.substr(last + 1);
  if (!all(method, kToken)) return fail(400, "the method holds a byte that no method has");
  const bool shaped = version.size() == 8 && version.starts_with("HTTP/") && digits(version.substr(5, 1)) &&
                      version[6] == '.' && digits(version.substr(7));
  if (!shaped) return fail(400, "the request line is to end in HTTP/1.1");
  if (version[5] != '1') return fail(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  if (!good_target(target, method))
    return fail(400, "the target is to be a path, percent-encoded where it is not plain ASCII");
  http10_ = version[7] == '0';
  close_ = http10_;
  const auto place = [&](std::string_view part) {
    return FieldAt{static_cast<std::uint32_t>(part.data() - in.data()),
                   static_cast<std::uint32_t>(part.size()), 0, 0};
  };
  method_ = place(method);
  target_ = place(target);
  stage_ = Stage::fields;
  return kGoOn;
}

HttpParser::Next HttpParser::field(std::string_view in) {
  if (fields_at_.size() == limits_.fields_max)
    return fail(431, "there are more header fields than this server reads");
  const auto colon = line_.find(':');
  if (line_[0] == ' ' || line_[0] == '\t')
    return fail(400, "header fields may not be folded over several lines");
  const auto name = line_.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() || !all(name, kToken))
    return fail(400, "a header field is to be: name, colon, value; no space before the colon");
  const auto raw = line_.substr(colon + 1);
  if (!raw.empty() && !all(raw, kValue)) return fail(400, "a header field's value holds a control character");
  const auto value = trim(raw);
  fields_at_.push_back(
      {static_cast<std::uint32_t>(name.data() - in.data()), static_cast<std::uint32_t>(name.size()),
       static_cast<std::uint32_t>(value.data() - in.data()), static_cast<std::uint32_t>(value.size())});
  return known_field(name, value);
}

// What decides where this request ends and whether another follows.
HttpParser::Next HttpParser::known_field(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 4:
      if (!same_name(name, "host")) break;
      if (has_host_) return fail(400, "there is more than one Host");
      has_host_ = true;
      break;
    case 6:
      if (!same_name(name, "expect")) break;
      if (!same_name(value, "100-continue"))
        return fail(417, "the only expectation that is met is 100-continue");
      expects_ = true;
      break;
    case 10:
      if (same_name(name, "connection")) return connection(value);
      break;
    case 14:
      if (same_name(name, "content-length")) return content_length(value);
      break;
    case 17:
      if (!same_name(name, "transfer-encoding")) break;
      if (chunked_) return fail(400, "there is more than one Transfer-Encoding");
      if (!same_name(value, "chunked")) return fail(501, "the only transfer coding that is read is chunked");
      chunked_ = true;
      break;
    default:
      break;
  }
  return kGoOn;
}

HttpParser::Next HttpParser::connection(std::string_view value) {
  while (!value.empty()) {
    const auto comma = value.find(',');
    if (same_name(trim(value.substr(0, comma)), "close")) close_ = true;
    value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
  }
  return kGoOn;
}

HttpParser::Next HttpParser::content_length(std::string_view value) {
  if (has_length_) return fail(400, "there is more than one Content-Length");
  if (!digits(value)) return fail(400, "Content-Length is to be a whole number");
  has_length_ = true;
  length_ = 0;
  for (const char c : value)  // Past the limit the exact number does not matter.
    length_ = std::min(length_ * 10 + static_cast<std::size_t>(c - '0'), limits_.body_bytes_max + 1);
  return kGoOn;
}

HttpParser::Next HttpParser::head_done() {
  if (chunked_ && has_length_) return fail(400, "Content-Length and Transfer-Encoding exclude each other");
  if (chunked_ && http10_) return fail(400, "HTTP/1.0 has no Transfer-Encoding");
  if (!has_host_ && !http10_) return fail(400, "the field Host is missing");
  if (length_ > limits_.body_bytes_max) return fail(413, "the body is longer than this server reads");
  if (http10_ || (length_ == 0 && !chunked_)) expects_ = false;
  stage_ = chunked_ ? Stage::chunk_size : Stage::body;
  body_at_ = at_;
  if (expects_) return Event::expects;
  return kGoOn;
}

HttpParser::Next HttpParser::chunks(std::string_view in) {
  if (stage_ == Stage::chunk) {
    need_ = at_ + length_ + 2;
    if (in.size() < need_) return Event::need_more;
    if (in.substr(at_ + length_, 2) != "\r\n") return fail(400, "a chunk is not followed by CR LF");
    body_.append(in, at_, length_);
    at_ += length_ + 2;
    framing_ += 2;
    stage_ = Stage::chunk_size;
    return kGoOn;
  }
  const std::size_t before = at_;
  if (stage_ == Stage::chunk_size) {
    const std::size_t left = limits_.chunk_bytes_max - std::min(framing_, limits_.chunk_bytes_max);
    const auto got = line(in, left, kChunksTooLong);
    if (got != Line::whole) return got == Line::partial ? Event::need_more : Event::error;
    framing_ += at_ - before;
    return chunk_size(line_);
  }
  const auto got = line(in, limits_.head_bytes_max - trailers_, kHeadTooLong);
  if (got != Line::whole) return got == Line::partial ? Event::need_more : Event::error;
  trailers_ += at_ - before;
  if (line_.empty()) return Event::request;
  const auto colon = line_.find(':');  // Trailers are checked and dropped.
  if (colon == std::string_view::npos || colon == 0 || !all(line_.substr(0, colon), kToken) ||
      !all(line_, kValue))
    return fail(400, "a trailer field is malformed");
  return kGoOn;
}

HttpParser::Next HttpParser::chunk_size(std::string_view line) {
  length_ = 0;
  std::size_t i = 0;
  for (; i < line.size(); ++i) {
    const int digit = hex(line[i]);
    if (digit < 0) break;
    length_ = std::min(length_ * 16 + static_cast<std::size_t>(digit), limits_.body_bytes_max + 1);
  }
  if (i == 0) return fail(400, "a chunk's size is to be a hexadecimal number");
  const auto extension = line.substr(i);
  if (!extension.empty() && (trim(extension).substr(0, 1) != ";" || !all(extension, kValue)))
    return fail(400, "a chunk's size is followed by something else than an extension");
  if (length_ > limits_.body_bytes_max - body_.size())
    return fail(413, "the body is longer than this server reads");
  stage_ = length_ == 0 ? Stage::trailers : Stage::chunk;
  return kGoOn;
}

HttpParser::Event HttpParser::deliver(std::string_view& in) {
  fields_.clear();
  for (const auto& f : fields_at_)
    fields_.push_back({in.substr(f.name, f.name_size), in.substr(f.value, f.value_size)});
  request_ = {.method = in.substr(method_.name, method_.name_size),
              .target = in.substr(target_.name, target_.name_size),
              .body = chunked_ ? std::string_view(body_) : in.substr(body_at_, length_),
              .fields = fields_,
              .keep_alive = !close_,
              .framed = has_length_ || chunked_,
              .chunked = chunked_};
  in.remove_prefix(chunked_ ? at_ : at_ + length_);
  stage_ = Stage::between;
  need_ = 0;
  return Event::request;
}

}  // namespace sluice::wire
