// http_parser.h: HTTP/1.1 requests, bytes in, requests out (RFC 9112). Limits and errors: docs/http.md.
//
//     HttpParser parser({});
//     for (std::string_view in = bytes;;)
//       switch (parser.feed(in)) {
//         case HttpParser::Event::need_more: return;      // Keep `in`, come again with more behind it.
//         case HttpParser::Event::expects: write(kContinue); break;  // The client waits for that word.
//         case HttpParser::Event::request: answer(parser.request()); break;  // `in` has moved past it.
//         case HttpParser::Event::error: reply(parser.error()); return;      // Then close.
//       }
//
// Strict where laxness is how requests are smuggled past a proxy: a line ends in CR LF and nowhere holds a
// bare CR, LF or NUL; no folded lines, no space before a colon; one Content-Length of digits alone, or
// Transfer-Encoding: chunked, never both; HTTP/1.1 with exactly one Host. Empty lines before a request are
// skipped.
//
// The events are the same however the bytes are cut, and half a request costs no more than its bytes: what
// has been looked at is not looked at again. Nothing is copied but a chunked body, nothing is reserved on a
// header's word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::wire {

struct HttpField {
  std::string_view name;   ///< As sent; compare with same_name().
  std::string_view value;  ///< Without the space around it. Bytes above 0x7F are as sent.
};

/// ASCII case aside. REQUIRES: `lower` is in lower case.
bool same_name(std::string_view name, std::string_view lower);

struct HttpRequest {
  std::string_view method;
  std::string_view target;  ///< As sent: "/path?query", "http://host/path" or "*". Visible ASCII without '#'.
  std::string_view body;
  std::span<const HttpField> fields;
  bool keep_alive = true;  ///< False for HTTP/1.0 and for Connection: close.
  bool framed = false;     ///< Content-Length or Transfer-Encoding says how long the body is.
  bool chunked = false;    ///< Then `body` is the parser's, and otherwise a view into the input.

  /// The value of the first field of this name, null if there is none.
  const std::string_view* find(std::string_view lower_name) const;
};

struct HttpError {
  int status = 0;           ///< 400, 413, 414, 417, 431, 501 or 505.
  std::string_view detail;  ///< What was wrong and what would be right; static text.
};

class HttpParser {
 public:
  struct Limits {
    std::size_t line_bytes_max = 8 * 1024;     ///< The request line; above: 414.
    std::size_t head_bytes_max = 32 * 1024;    ///< Request line and fields; trailers alike; above: 431.
    std::size_t fields_max = 100;              ///< Above: 431.
    std::size_t body_bytes_max = 256 * 1024;   ///< Decoded; above: 413.
    std::size_t chunk_bytes_max = 128 * 1024;  ///< What chunked framing adds to a body; above: 413.
  };

  enum class Event : std::uint8_t {
    need_more,  ///< No whole request there. `in` may have moved past empty lines.
    expects,    ///< Expect: 100-continue, its body yet to be read. Once a request; then feed again.
    request,    ///< One request; `in` has moved past it.
    error,      ///< The stream cannot be trusted any more: say so and close. Every later feed says it again.
  };

  explicit HttpParser(Limits limits) : limits_(limits) {}

  /// Reads at most one request. After need_more and expects, `in` must come again, with more bytes behind it
  /// if there are any.
  Event feed(std::string_view& in);

  /// Of the latest feed. Valid until the next, and while that feed's input stays.
  const HttpRequest& request() const { return request_; }
  const HttpError& error() const { return error_; }

 private:
  enum class Stage : std::uint8_t { between, request_line, fields, body, chunk_size, chunk, trailers };
  using Next = std::optional<Event>;  // Nothing: go on, the input may hold more.
  enum class Line : std::uint8_t { whole, partial, failed };
  struct FieldAt {
    std::uint32_t name, name_size, value, value_size;  // Offsets: the input may move between two feeds.
  };

  bool between(std::string_view& in);
  Next step(std::string_view in);
  Next chunks(std::string_view in);
  Next chunk_size(std::string_view line);
  Line line(std::string_view in, std::size_t max, const HttpError& too_long);
  Next request_line(std::string_view in);
  Next field(std::string_view in);
  Next known_field(std::string_view name, std::string_view value);
  Next content_length(std::string_view value);
  Next connection(std::string_view value);
  Next head_done();
  Event deliver(std::string_view& in);
  Event fail(int status, std::string_view detail);

  const Limits limits_;
  Stage stage_ = Stage::between;
  bool http10_ = false, close_ = false, has_host_ = false, has_length_ = false, chunked_ = false,
       expects_ = false;
  std::size_t at_ = 0;       // All before this offset is understood.
  std::size_t scanned_ = 0;  // No newline between at_ and this.
  std::size_t need_ = 0;     // With fewer bytes than this, another look is in vain.
  std::size_t length_ = 0;   // Of the body, or of the chunk.
  std::size_t framing_ = 0;  // Bytes of chunk headers so far.
  std::size_t trailers_ = 0;
  std::size_t body_at_ = 0;
  std::string_view line_;
  FieldAt method_{}, target_{};
  std::vector<FieldAt> fields_at_;
  std::vector<HttpField> fields_;
  std::string body_;  // Decoded chunks.
  HttpRequest request_;
  HttpError error_;
};

}  // namespace sluice::wire
