#include "redis/reply_parser.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "redis/testing.h"

namespace sluice::redis {
namespace {

// What a stream of bytes means: one line a reply, pushes behind ">", an error as it is said.
using Events = std::vector<std::string>;

class Reader {
 public:
  explicit Reader(ReplyParser::Limits limits) : parser_(limits) {}

  // Each piece is put into a buffer of its own, so a view into an older one would be caught by a sanitizer.
  void feed(std::string_view piece) {
    const std::string buffer = rest_ + std::string(piece);
    std::string_view in = buffer;
    for (;;) {
      const auto event = parser_.feed(in);
      if (event == ReplyParser::Event::reply) events.push_back(show(parser_.reply()));
      if (event == ReplyParser::Event::push) events.push_back(">" + show(parser_.reply()));
      if (event == ReplyParser::Event::error && (events.empty() || events.back() != parser_.error()))
        events.emplace_back(parser_.error());
      if (event == ReplyParser::Event::error || event == ReplyParser::Event::need_more) break;
    }
    rest_ = in;
  }
  Events events;

 private:
  ReplyParser parser_;
  std::string rest_;
};

Events read(const std::vector<std::string_view>& pieces, ReplyParser::Limits limits) {
  Reader reader(limits);
  for (const auto piece : pieces) reader.feed(piece);
  return reader.events;
}

// Whole, byte by byte, and cut in two at every place: the events are the same.
void expect(const std::string& bytes, const Events& expected, ReplyParser::Limits limits = {}) {
  EXPECT_EQ(read({bytes}, limits), expected) << bytes;
  std::vector<std::string_view> single;
  for (std::size_t i = 0; i < bytes.size(); ++i) single.push_back(std::string_view(bytes).substr(i, 1));
  EXPECT_EQ(read(single, limits), expected) << "byte by byte: " << bytes;
  for (std::size_t cut = 1; cut < bytes.size(); ++cut)
    ASSERT_EQ(read({std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)}, limits),
              expected)
        << "cut at " << cut << ": " << bytes;
}

TEST(ReplyParser, Resp2) {
  expect("+OK\r\n", {"'OK'"});
  expect("+\r\n", {"''"});
  expect("-ERR unknown command\r\n", {"ERR unknown command"});
  expect(":0\r\n:-7\r\n:+12\r\n:1234567890123\r\n", {"0", "-7", "12", "1234567890123"});
  expect("$0\r\n\r\n$2\r\nhi\r\n$12\r\n\r\n*1\r\n:5\r\n-x\r\n", {"''", "'hi'", "'\r\n*1\r\n:5\r\n-x'"});
  expect("$-1\r\n*-1\r\n*0\r\n", {"(nil)", "(nil)", "[]"});
  expect("*3\r\n:1\r\n$1\r\na\r\n*2\r\n+b\r\n*0\r\n:9\r\n", {"[1 'a' ['b' []]]", "9"});
  expect("*2\r\n-ERR one of two\r\n:1\r\n", {"[ERR one of two 1]"});
  expect(std::string("$3\r\n\0\xff\n\r\n", 9), {std::string("'\0\xff\n'", 5)});
}

TEST(ReplyParser, TheEdgesOf64Bits) {
  expect(":9223372036854775807\r\n:-9223372036854775808\r\n",
         {"9223372036854775807", "-9223372036854775808"});
  expect(":9223372036854775808\r\n", {"Protocol error: invalid integer in a reply"});
  expect(":-9223372036854775809\r\n", {"Protocol error: invalid integer in a reply"});
  expect(":92233720368547758070\r\n", {"Protocol error: invalid integer in a reply"});
}

TEST(ReplyParser, Resp3) {
  expect("_\r\n#t\r\n#f\r\n,1.5\r\n,inf\r\n(12345678901234567890123\r\n",
         {"(nil)", "true", "false", "'1.5'", "'inf'", "'12345678901234567890123'"});
  expect("!6\r\nERR no\r\n=6\r\ntxt:hi\r\n=4\r\nmkd:\r\n", {"ERR no", "'hi'", "''"});
  expect("%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n+c\r\n~1\r\n:2\r\n", {"['a' 1 'b' ['c' [2]]]"});
  expect("%0\r\n~0\r\n", {"[]", "[]"});
}

TEST(ReplyParser, PushesAreToldApart) {
  expect(">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n:1\r\n", {">['invalidate' ['k']]", "1"});
  expect(":1\r\n>1\r\n+x\r\n:2\r\n", {"1", ">['x']", "2"});
  expect("*1\r\n>1\r\n+x\r\n", {"Protocol error: a push that is empty or within a reply"});
  expect(">0\r\n", {"Protocol error: a push that is empty or within a reply"});
}

TEST(ReplyParser, AttributesAreDroppedWhereverTheyStand) {
  expect("|1\r\n+ttl\r\n:3600\r\n$1\r\nv\r\n", {"'v'"});
  expect("*3\r\n:1\r\n|1\r\n+ttl\r\n*2\r\n:1\r\n:2\r\n$1\r\nv\r\n:3\r\n", {"[1 'v' 3]"});
  expect("|1\r\n|1\r\n+a\r\n+b\r\n+c\r\n+d\r\n|0\r\n*0\r\n", {"[]"});
  expect("*1\r\n|2\r\n+a\r\n*0\r\n+b\r\n$-1\r\n*1\r\n$2\r\nhi\r\n+next\r\n", {"[['hi']]", "'next'"});
  expect("|1\r\n+a\r\n+b\r\n>1\r\n+p\r\n", {">['p']"});
}

TEST(ReplyParser, Errors) {
  expect("$a\r\n", {"Protocol error: invalid bulk length in a reply"});
  expect("$-2\r\n", {"Protocol error: invalid bulk length in a reply"});
  expect("=-1\r\n", {"Protocol error: invalid bulk length in a reply"});
  expect("$2\r\nhixx", {"Protocol error: no CR LF behind a bulk string of a reply"});
  expect("=2\r\nhi\r\n", {"Protocol error: invalid verbatim string in a reply"});
  expect("=4\r\nabcd\r\n", {"Protocol error: invalid verbatim string in a reply"});
  expect("*x\r\n", {"Protocol error: invalid array length in a reply"});
  expect("*-2\r\n", {"Protocol error: invalid array length in a reply"});
  expect("%-1\r\n", {"Protocol error: invalid array length in a reply"});
  expect(":\r\n", {"Protocol error: invalid integer in a reply"});
  expect(":1\n", {"Protocol error: invalid integer in a reply"});
  expect(":1 \r\n", {"Protocol error: invalid integer in a reply"});
  expect("+OK\n", {"Protocol error: a line of a reply does not end in CR LF"});
  expect("+\n", {"Protocol error: a line of a reply does not end in CR LF"});
  expect("_x\r\n", {"Protocol error: invalid null in a reply"});
  expect("#x\r\n", {"Protocol error: invalid boolean in a reply"});
  expect("$?\r\n", {"Protocol error: streamed strings are not supported"});
  expect("*?\r\n", {"Protocol error: streamed arrays are not supported"});
  expect(";4\r\n", {"Protocol error: streamed values are not supported"});
  expect("*1\r\n.\r\n", {"Protocol error: streamed values are not supported"});
  expect(":1\r\nHTTP/1.1 400 Bad Request\r\n",
         {"1", "Protocol error: a reply begins with 0x48: is this the port of a Redis server?"});
  expect("\r\n", {"Protocol error: a reply begins with 0x0d: is this the port of a Redis server?"});
  expect("\x15\x03\x01", {"Protocol error: a reply begins as TLS does: is this a port for rediss://?"});
}

TEST(ReplyParser, LimitsAreExact) {
  const ReplyParser::Limits depth{.depth_max = 2};
  expect("*1\r\n*1\r\n:1\r\n", {"[[1]]"}, depth);
  expect("*1\r\n*1\r\n*0\r\n", {"[[[]]]"}, depth);  // Nothing is in it.
  expect("*1\r\n*1\r\n*1\r\n", {"Protocol error: a reply is nested too deep"}, depth);
  expect("*1\r\n*1\r\n|1\r\n", {"Protocol error: a reply is nested too deep"}, depth);

  const ReplyParser::Limits elements{.elements_max = 5};
  const Events many = {"Protocol error: a reply has more elements than the limit"};
  expect("*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n*1\r\n:1\r\n", {"[1 2 3 4]", "[1]"}, elements);
  expect("*5\r\n", many, elements);
  expect("%2\r\n:1\r\n:2\r\n:3\r\n:4\r\n", {"[1 2 3 4]"}, elements);
  expect("%3\r\n", many, elements);
  expect("*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n", many, elements);
  expect("|1\r\n:1\r\n:2\r\n*1\r\n:1\r\n", {"[1]"}, elements);
  expect("|1\r\n:1\r\n:2\r\n|1\r\n", many, elements);
  expect("|0\r\n|0\r\n|0\r\n|0\r\n:1\r\n|0\r\n|0\r\n|0\r\n|0\r\n|0\r\n", {"1", many[0]}, elements);
  expect("*9223372036854775807\r\n", many);
  expect("%9223372036854775807\r\n", many);

  const ReplyParser::Limits bytes{.bytes_max = 12};
  const Events large = {"Protocol error: a reply is longer than the limit"};
  expect("$6\r\nabcdef\r\n$5\r\nabcde\r\n", {"'abcdef'", "'abcde'"}, bytes);
  expect("$7\r\n", large, bytes);
  expect("$9223372036854775807\r\n", large, bytes);
  expect("+abcdefghi\r\n+abcdefghi\r\n", {"'abcdefghi'", "'abcdefghi'"}, bytes);
  expect("+abcdefghij\r\n", large, bytes);
  expect("+abcdefghijklmnopq", large, bytes);
  expect("*4\r\n:1\r\n:2\r\n:3\r\n", large, bytes);
}

// A server, or what sits between, may send slowly; that must not cost more than the bytes. Each of these took
// minutes if what had been read were read again at every byte.
TEST(ReplyParser, AByteAtATimeCostsNoMoreThanItsBytes) {
  const std::size_t n = 200'000;
  std::string elements = "*" + std::to_string(n) + "\r\n";
  for (std::size_t i = 0; i < n; ++i) elements += "+a\r\n";
  for (const std::string& bytes : {elements, "+" + std::string(1'000'000, 'a') + "\r\n",
                                   "$1000000\r\n" + std::string(1'000'000, 'a') + "\r\n"}) {
    ReplyParser parser;
    const auto start = std::chrono::steady_clock::now();
    std::size_t events = 0;
    for (std::size_t have = 1; have <= bytes.size(); ++have) {
      std::string_view in(bytes.data(), have);
      const auto event = parser.feed(in);
      ASSERT_NE(event, ReplyParser::Event::error) << parser.error();
      if (event == ReplyParser::Event::reply) ++events;
    }
    EXPECT_EQ(events, 1U);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  }
}

TEST(ReplyParser, NothingIsReservedOnAHeadersWord) {
  ReplyParser parser;
  std::string_view in = "*200000\r\n:1\r\n";
  EXPECT_EQ(parser.feed(in), ReplyParser::Event::need_more);
  EXPECT_EQ(parser.reply().size(), 2U);
}

}  // namespace
}  // namespace sluice::redis
