// reply_parser.h: replies of Redis and Valkey, bytes in, elements out. RESP2 and RESP3.
//
//     ReplyParser parser;
//     for (std::string_view in = bytes;;)
//       switch (parser.feed(in)) {
//         case ReplyParser::Event::need_more: return;          // Keep `in`, come again with more behind it.
//         case ReplyParser::Event::reply: next_caller(parser.reply()); break;  // `in` has moved past it.
//         case ReplyParser::Event::push: break;                // Nobody asked for it: take it or leave it.
//         case ReplyParser::Event::error: return close(parser.error());
//       }
//
//     +OK  -ERR no  :12  $2 hi  *2 ...                        RESP2; $-1 and *-1 are null
//     _  #t  ,1.5  (123  !6 ERR no  =6 txt:hi  %1 ...  ~2 ...  >2 ...  |1 ...          RESP3 besides
//
// A verbatim string is given without its format ("txt:"), so that one text is the same in both versions.
// Attributes (|) are read and dropped wherever they stand. What is streamed ("$?", "*?", ";", "."), which no
// server sends, is a protocol error.
//
// Nothing is copied: texts are views into the input. Nothing is reserved on a header's word, and nothing is
// allocated once replies of this size have been seen. A reply that arrives in many pieces costs no more than
// its bytes: reading goes on where it stopped, and what is read is not looked at again.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "redis/node.h"

namespace sluice::redis {

class ReplyParser {
 public:
  /// What lies above a limit is a protocol error.
  struct Limits {
    std::size_t depth_max = 16;  ///< Arrays in arrays; at most kDepthMax.
    std::size_t elements_max = std::size_t{1} << 18;
    std::size_t bytes_max = std::size_t{16} << 20;  ///< Of one reply, headers and all.
  };
  static constexpr std::size_t kDepthMax = 32;

  enum class Event : std::uint8_t {
    need_more,  ///< No whole reply there.
    reply,      ///< One reply; `in` has moved past it.
    push,       ///< RESP3's message out of turn; `in` has moved past it. Its first element is an array.
    error,      ///< The stream cannot be trusted any more. Every later feed says it again.
  };

  ReplyParser() : ReplyParser(Limits{}) {}
  explicit ReplyParser(Limits limits) : limits_(limits) {}

  /// Reads at most one reply. After need_more, `in` must come again, from the same byte on, with more bytes
  /// behind it; it may lie elsewhere by then.
  Event feed(std::string_view& in);

  /// The reply or the push of the latest feed: views into that feed's input.
  Reply reply() const { return elements_; }
  /// What went wrong and what to look at. One line.
  std::string_view error() const { return error_; }

 private:
  struct Frame {  // An array that is not whole.
    std::int64_t left;
    std::size_t keep;  // Of an attribute: how many elements stood before it.
    bool attribute;
  };
  enum class Step : std::uint8_t { value, open, more, fail };

  Step element(const char*& at, const char* begin, const char* end);
  Step line(Element::Kind kind, const char*& at, const char* begin, const char* end);
  Step bulk(Element::Kind kind, const char*& at, const char* begin, const char* end);
  Step array(const char*& at, const char* begin, const char* end);
  bool whole();
  Event wait(const char* at, const char* begin);
  void settle(const char* begin);
  void restore(const char* begin);
  Step fail(std::string_view why);
  Step unexpected(char got);
  void reset();

  const Limits limits_;
  std::vector<Element> elements_;
  std::array<Frame, kDepthMax> frames_;
  std::size_t depth_ = 0;
  std::size_t claimed_ = 0;  // Elements that headers have announced, with attributes' among them.
  bool push_ = false;

  // Of a reply that is not whole, in bytes from its front.
  std::size_t at_ = 0;       // The element to go on with.
  std::size_t need_ = 1;     // With fewer bytes than this, another look is in vain. 1: nothing is begun.
  std::size_t scanned_ = 0;  // No line ends before here.
  std::size_t settled_ = 0;  // Elements whose texts are kept as offsets, for the input may move.

  std::string_view error_;
  std::array<char, 128> error_text_;
};

}  // namespace sluice::redis
