// resp_parser.h: Redis requests, bytes in, commands out. Grammar and limits: docs/resp.md.
//
//     RespParser parser({});
//     for (std::string_view in = bytes;;)
//       switch (parser.feed(in)) {
//         case RespParser::Event::need_more: return;                 // Keep `in`, come again with more
//         behind it. case RespParser::Event::command: run(parser.args()); break;  // `in` has moved past it.
//         case RespParser::Event::error: reply(parser.error()); return;  // Then close.
//       }
//
// A request is an array of bulk strings ("*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n", what every client library sends)
// or one inline line ("ECHO hi\r\n", what people type). Both protocol versions ask in these two forms alone;
// they differ in the replies. Empty requests (a bare newline, "*0\r\n") are skipped, as Redis does.
//
// Nothing is copied: the arguments are views into the input, except an inline line with quotes, which is
// decoded into a buffer of the parser's. Nothing is reserved on a header's word.
//
// Half a request costs no more than its bytes: the parser remembers how many bytes it must have before
// another look can get further, so a large value that arrives in small pieces is looked at once. A request
// whose headers arrive in pieces is scanned again from its front, header by header: at most args_max steps a
// feed.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::wire {

class RespParser {
 public:
  /// What lies above a limit is a protocol error.
  struct Limits {
    std::size_t args_max = 1024;              ///< Arguments of one request, its name among them.
    std::size_t bulk_bytes_max = 64 * 1024;   ///< Bytes of one argument.
    std::size_t inline_bytes_max = 8 * 1024;  ///< Bytes of an inline request, its newline not counted.
  };

  enum class Event : std::uint8_t {
    need_more,  ///< No whole request there. `in` may have moved past empty requests.
    command,    ///< One request; `in` has moved past it.
    error,      ///< The stream cannot be trusted any more: say so and close. Every later feed says it again.
  };

  explicit RespParser(Limits limits) : limits_(limits) {}

  /// Reads at most one request. After need_more, `in` must come again with more bytes behind it.
  Event feed(std::string_view& in);

  /// The command of the latest feed, at least one argument. Views into that feed's input, or, if transient(),
  /// into the parser: those are valid until the next feed.
  std::span<const std::string_view> args() const { return args_; }
  bool transient() const { return transient_; }
  /// What went wrong, in Redis's own words: "Protocol error: invalid bulk length". No newline in it.
  std::string_view error() const { return error_; }

  /// As Redis does for clients that have yet to give the password: until trusted, a request has at most 10
  /// arguments of at most 16,384 bytes. New parsers trust.
  void trust(bool trusted) { trusted_ = trusted; }

 private:
  Event start(std::string_view& in);
  Event array(std::string_view& in);
  Event line(std::string_view& in);
  bool split(std::string_view line);
  bool unquote(std::string_view line, std::size_t& at);
  Event fail(std::string_view why);
  Event expected_bulk(char got);
  Event wait_for(std::size_t bytes) { return need_ = bytes, Event::need_more; }

  const Limits limits_;
  bool trusted_ = true;
  bool transient_ = false;
  std::size_t need_ = 1;  // With fewer bytes than this, another look is in vain.
  std::vector<std::string_view> args_;
  std::string text_;  // Decoded inline arguments.
  std::string_view error_;
  std::array<char, 40> error_text_{};
};

}  // namespace sluice::wire
