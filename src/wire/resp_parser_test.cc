#include "wire/resp_parser.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice::wire {
namespace {

// What a stream of bytes means: one line a request, its arguments in [brackets], an error as it is said.
using Events = std::vector<std::string>;

class Reader {
 public:
  explicit Reader(RespParser::Limits limits, bool trusted = true) : parser_(limits) {
    parser_.trust(trusted);
  }

  // Each piece is put into a buffer of its own, so a view into an older one would be caught by a sanitizer.
  void feed(std::string_view piece) {
    std::string buffer = rest_ + std::string(piece);
    std::string_view in = buffer;
    for (;;) {
      const auto event = parser_.feed(in);
      if (event == RespParser::Event::command) {
        std::string line;
        for (const auto arg : parser_.args()) line.append("[").append(arg).append("]");
        events.push_back(line);
        continue;
      }
      if (event == RespParser::Event::error && (events.empty() || events.back() != parser_.error()))
        events.emplace_back(parser_.error());
      break;
    }
    rest_ = in;
  }
  Events events;

 private:
  RespParser parser_;
  std::string rest_;
};

Events read(std::vector<std::string_view> pieces, RespParser::Limits limits = {}, bool trusted = true) {
  Reader reader(limits, trusted);
  for (const auto piece : pieces) reader.feed(piece);
  return reader.events;
}

// Whole, byte by byte, and cut in two at every place: the events are the same.
void expect(const std::string& bytes, const Events& expected, RespParser::Limits limits = {},
            bool trusted = true) {
  EXPECT_EQ(read({bytes}, limits, trusted), expected) << bytes;
  std::vector<std::string_view> single;
  for (std::size_t i = 0; i < bytes.size(); ++i) single.push_back(std::string_view(bytes).substr(i, 1));
  EXPECT_EQ(read(single, limits, trusted), expected) << "byte by byte: " << bytes;
  for (std::size_t cut = 1; cut < bytes.size(); ++cut)
    ASSERT_EQ(
        read({std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)}, limits, trusted),
        expected)
        << "cut at " << cut << ": " << bytes;
}

TEST(RespParser, Arrays) {
  expect("*1\r\n$4\r\nPING\r\n", {"[PING]"});
  expect("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", {"[ECHO][]"});
  expect("*2\r\n$4\r\nECHO\r\n$4\r\n\r\n*1\r\n", {"[ECHO][\r\n*1]"});
  expect(std::string("*2\r\n$1\r\na\r\n$3\r\n\0\xff\n\r\n", 20), {"[a][" + std::string("\0\xff\n", 3) + "]"});
  expect("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n", {"[PING]", "[QUIT]"});
  expect("*1\r\n$0\r\n\r\n", {"[]"});
}

TEST(RespParser, EmptyRequestsAreSkipped) {
  expect("*0\r\n*-1\r\n\r\n\n  \r\nPING\r\n", {"[PING]"});
  expect("*0\r\n\r\n", {});
}

TEST(RespParser, Inline) {
  expect("PING\r\n", {"[PING]"});
  expect("PING\n", {"[PING]"});
  expect("  ECHO \t hi  \r\n", {"[ECHO][hi]"});
  expect("echo \"a b\" 'c d'\r\n", {"[echo][a b][c d]"});
  expect(R"(e "\x41\xfg\n\r\t\b\a\"\\\q" '\'\n')"
         "\r\n",
         {std::string("[e][Axfg\n\r\t\b\a\"\\q]['\\n]")});
  expect("e a\"b c\" \"\"\r\n", {"[e][ab c][]"});
  expect("\"\" x\r\n", {"[][x]"});
  expect("a\r\n*1\r\n$1\r\nb\r\nc\r\n", {"[a]", "[b]", "[c]"});
}

// Redis 7.0.15 was asked each of these; where it is silent or different, docs/resp.md says so.
TEST(RespParser, Errors) {
  expect("*a\r\n", {"Protocol error: invalid multibulk length"});
  expect("*+1\r\n", {"Protocol error: invalid multibulk length"});
  expect("*01\r\n", {"Protocol error: invalid multibulk length"});
  expect("*1\n$4\r\n", {"Protocol error: invalid multibulk length"});
  expect("*1025\r\n", {"Protocol error: invalid multibulk length"});
  expect("*9223372036854775807\r\n", {"Protocol error: invalid multibulk length"});
  expect("*1\r\n:1\r\n", {"Protocol error: expected '$', got ':'"});
  expect("*1\r\n\r\n", {"Protocol error: expected '$', got ' '"});
  expect("*1\r\n$a\r\n", {"Protocol error: invalid bulk length"});
  expect("*1\r\n$-1\r\n", {"Protocol error: invalid bulk length"});
  expect("*1\r\n$65537\r\n", {"Protocol error: invalid bulk length"});
  expect("*1\r\n$99999999999999999999999\r\n", {"Protocol error: invalid bulk length"});
  expect("*" + std::string(70, '1'), {"Protocol error: too big mbulk count string"});
  expect("*" + std::string(40, '1') + "\r\n", {"Protocol error: too big mbulk count string"});
  expect("*1\r\n$" + std::string(70, '1') + "\r\n", {"Protocol error: too big bulk count string"});
  expect("*1\r\n$4\r\nPINGxx", {"Protocol error: expected CRLF behind a bulk string"});
  expect("PING \"a\r\n", {"Protocol error: unbalanced quotes in request"});
  expect("PING \"a\"b\r\n", {"Protocol error: unbalanced quotes in request"});
  expect("PING\r\n*x\r\nPING\r\n", {"[PING]", "Protocol error: invalid multibulk length"});
}

TEST(RespParser, LimitsAreExact) {
  const RespParser::Limits small{.args_max = 2, .bulk_bytes_max = 3, .inline_bytes_max = 5};
  expect("*2\r\n$3\r\nabc\r\n$3\r\ndef\r\n", {"[abc][def]"}, small);
  expect("*3\r\n", {"Protocol error: invalid multibulk length"}, small);
  expect("*1\r\n$4\r\n", {"Protocol error: invalid bulk length"}, small);
  expect("abcde\r\nabcde\n", {"[abcde]", "[abcde]"}, small);
  expect("abcdef", {"Protocol error: too big inline request"}, small);
  expect("abcdef\r\n", {"Protocol error: too big inline request"}, small);
  expect("a b\n", {"[a][b]"}, small);
  expect("a b c\n", {"Protocol error: too many arguments"}, small);
}

TEST(RespParser, StrangersGetLess) {
  expect("*10\r\n", {}, {}, false);
  expect("*11\r\n", {"Protocol error: unauthenticated multibulk length"}, {}, false);
  expect("*1\r\n$16384\r\n", {}, {}, false);
  expect("*1\r\n$16385\r\n", {"Protocol error: unauthenticated bulk length"}, {}, false);
}

// A megabyte that arrives in pieces of ten bytes is not read again with each piece: ten times the size takes
// ten times the looks, and each look at an unfinished value is one comparison. Counted by the input's own
// bytes: a parser that looked into the value would find the trap in it.
TEST(RespParser, AnUnfinishedValueIsNotLookedAt) {
  RespParser parser({.bulk_bytes_max = 1 << 20});
  std::string bytes = "*2\r\n$1\r\na\r\n$1048576\r\n";
  const std::size_t head = bytes.size();
  bytes += std::string(1 << 20, 'x') + "\r\n";
  std::string_view in = std::string_view(bytes).substr(0, head);
  ASSERT_EQ(parser.feed(in), RespParser::Event::need_more);
  // What stands here now would be an error, had the parser scanned it again.
  const std::string trap(bytes.size() - 1, '*');
  in = trap;
  EXPECT_EQ(parser.feed(in), RespParser::Event::need_more);
  in = bytes;
  ASSERT_EQ(parser.feed(in), RespParser::Event::command);
  EXPECT_EQ(parser.args()[1].size(), std::size_t{1} << 20);
  EXPECT_TRUE(in.empty());
}

TEST(RespParser, ArgumentsAreViewsIntoTheInput) {
  RespParser parser({});
  const std::string bytes = "*1\r\n$4\r\nPING\r\nPING 'x'\r\n";
  std::string_view in = bytes;
  ASSERT_EQ(parser.feed(in), RespParser::Event::command);
  EXPECT_EQ(parser.args()[0].data(), bytes.data() + 8);
  EXPECT_FALSE(parser.transient());
  ASSERT_EQ(parser.feed(in), RespParser::Event::command);
  EXPECT_EQ(parser.args()[0].data(), bytes.data() + 14);
  EXPECT_TRUE(parser.transient());
}

TEST(RespParser, ALongPipelineInRandomCuts) {
  constexpr int kRequests = 20'000;
  std::string bytes;
  Events expected;
  for (int i = 0; i < kRequests; ++i) {
    const std::string n = std::to_string(i);
    bytes += i % 3 == 0 ? "ECHO " + n + "\r\n"
                        : "*2\r\n$4\r\nECHO\r\n$" + std::to_string(n.size()) + "\r\n" + n + "\r\n";
    expected.push_back(std::string("[ECHO][").append(n).append("]"));
  }
  for (const unsigned seed : {1U, 2U, 3U}) {
    std::mt19937 random(seed);
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t n = std::uniform_int_distribution<std::size_t>(1, 300)(random);
      pieces.push_back(std::string_view(bytes).substr(at, n));
      at += n;
    }
    ASSERT_EQ(read(pieces), expected) << "seed " << seed;
  }
}

// Random bytes of the protocol's own alphabet: however they are cut, the events are the same.
TEST(RespParser, NoiseReadsTheSameInEveryCut) {
  constexpr std::string_view kAlphabet = "*$\r\n0123-:ab \"'\\x";
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    std::string bytes;
    for (int i = 0; i < 60; ++i) bytes += kAlphabet[random() % kAlphabet.size()];
    const RespParser::Limits small{.args_max = 3, .bulk_bytes_max = 12, .inline_bytes_max = 20};
    expect(bytes, read({bytes}, small), small);
  }
}

}  // namespace
}  // namespace sluice::wire
