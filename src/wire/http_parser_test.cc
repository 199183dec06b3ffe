#include "wire/http_parser.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::wire {
namespace {

using Event = HttpParser::Event;

constexpr HttpParser::Limits kSmall{.line_bytes_max = 64,
                                    .head_bytes_max = 256,
                                    .fields_max = 6,
                                    .body_bytes_max = 64,
                                    .chunk_bytes_max = 64};

/// All events of some bytes that arrive in two parts, as a person would write them.
std::string events(std::string_view bytes, std::size_t cut, bool drip = false) {
  HttpParser parser(kSmall);
  std::string said;
  std::string have;
  const auto feed = [&](std::string_view more) {
    have.append(more);
    const std::string copy = have;  // Elsewhere in memory at every feed.
    std::string_view in = copy;
    for (;;) {
      const auto event = parser.feed(in);
      if (event == Event::need_more) break;
      if (event == Event::error) {
        said = said.substr(0, said.rfind("!"));
        said.append("!").append(std::to_string(parser.error().status));
        break;
      }
      if (event == Event::expects) {
        said.append("continue ");
        continue;
      }
      const auto& r = parser.request();
      said.append(r.method).append(" ").append(r.target).append(" [");
      for (const auto& f : r.fields) said.append(f.name).append("=").append(f.value).append(";");
      said.append("] {").append(r.body).append("}").append(r.keep_alive ? "" : " close").append(" ");
    }
    have.erase(0, have.size() - in.size());
  };
  if (drip) {
    for (const char c : bytes) feed({&c, 1});
  } else {
    feed(bytes.substr(0, cut));
    feed(bytes.substr(cut));
  }
  return said;
}

/// The same events, wherever the bytes are cut.
void expect(std::string_view bytes, std::string_view said) {
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
    ASSERT_EQ(events(bytes, cut), said) << bytes << "\ncut at " << cut;
  EXPECT_EQ(events(bytes, 0, true), said) << bytes << "\nbyte by byte";
}

TEST(HttpParser, ReadsRequests) {
  expect("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / [Host=a;] {} ");
  expect("\r\n\r\nGET /x?y=%20 HTTP/1.1\r\nhost:a\r\nX: \t b c \t\r\nEmpty:\r\n\r\n",
         "GET /x?y=%20 [host=a;X=b c;Empty=;] {} ");
  expect("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: b\r\n\r\n",
         "POST /p [Host=a;Content-Length=3;] {abc} GET / [Host=b;] {} ");
  expect("GET / HTTP/1.0\r\n\r\n", "GET / [] {} close ");
  expect("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n",
         "GET / [Host=a;Connection=x, CLOSE;] {} close ");
  expect("GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/b [Host=a;] {} ");
  expect("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * [Host=a;] {} ");
  expect("GET / HTTP/1.9\r\nHost: \xC3\xA9\r\n\r\n", "GET / [Host=\xC3\xA9;] {} ");
}

TEST(HttpParser, ReadsChunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string shown = "POST / [Host=a;Transfer-Encoding=chunked;] ";
  expect(head + "0\r\n\r\n", shown + "{} ");
  expect(head + "3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n000\r\nTrailer: t\r\n\r\nGET / HTTP/1.0\r\n\r\n",
         shown + "{abc0123456789} GET / [] {} close ");
  expect(head + "3\r\nabcd\r\n", "!400");
  expect(head + "\r\n", "!400");
  expect(head + "-1\r\n", "!400");
  expect(head + "0x3\r\nabc\r\n", "!400");
  expect(head + "3 \r\nabc\r\n", "!400");
  expect(head + "3\nabc\r\n", "!400");
  expect(head + "41\r\n", "!413");
  expect(head + "FFFFFFFFFFFFFFFFFFFFFF\r\n", "!413");
  expect(head + "0\r\nTrailer : t\r\n\r\n", "!400");
  std::string tiny = head;
  for (int i = 0; i < 20; ++i) tiny += "1\r\na\r\n";  // 100 bytes of framing.
  expect(tiny, "!413");
}

TEST(HttpParser, SaysWhenTheClientWaitsForContinue) {
  expect("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
         "continue POST / [Host=a;Expect=100-Continue;Content-Length=1;] {x} ");
  expect("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
         "GET / [Host=a;Expect=100-continue;] {} ");
  expect("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
         "POST / [Expect=100-continue;Content-Length=1;] {x} close ");
  expect("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 65\r\n\r\n", "!413");
  expect("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", "!417");
}

TEST(HttpParser, RefusesWhatRequestsAreSmuggledBy) {
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  for (const char* fields : {
           "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
           "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
           "Content-Length: 1, 1\r\n\r\nx",
           "Content-Length: +1\r\n\r\nx",
           "Content-Length: -1\r\n\r\nx",
           "Content-Length: 0x1\r\n\r\nx",
           "Content-Length:\r\n\r\n",
           "Content-Length : 1\r\n\r\nx",
           "Transfer-Encoding : chunked\r\n\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
           "A: b\r\n c\r\n\r\n",
           "A: b\r\n\tc\r\n\r\n",
           " A: b\r\n\r\n",
           "A: b\n\r\n",
           "A: b\rC: d\r\n\r\n",
           "A: b\r\r\n\r\n",
           "A\r\n\r\n",
           ": b\r\n\r\n",
           "A b: c\r\n\r\n",
           "A\x7F: c\r\n\r\n",
           "A: \x01\r\n\r\n",
           "Host: b\r\n\r\n",
           "\n",
       })
    expect(post + fields, "!400");
  expect(post + std::string("A: b\0c\r\n\r\n", 10), "!400");
  expect(post + "Transfer-Encoding: gzip, chunked\r\n\r\n", "!501");
  expect(post + "Transfer-Encoding: chunked, identity\r\n\r\n", "!501");
  expect("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "!400");
  expect("GET / HTTP/1.1\r\n\r\n", "!400");
}

TEST(HttpParser, RefusesMalformedRequestLines) {
  for (const char* line :
       {"GET /", "GET  / HTTP/1.1", "GET /a b HTTP/1.1", "GET / HTTP/1", "GET / HTTP/1.10", "GET / http/1.1",
        "GET x HTTP/1.1", "GET * HTTP/1.1", "GET /#a HTTP/1.1", "GET /\xC3\xA9 HTTP/1.1",
        "GET /\x01 HTTP/1.1", "G(T / HTTP/1.1", "GET", "GET  HTTP/1.1", "GET / HTTP/1.1 ", "GET\t/ HTTP/1.1"})
    expect(std::string(line) + "\r\nHost: a\r\n\r\n", "!400");
  expect("GET / HTTP/1.1\nHost: a\n\n", "!400");
  expect("\nGET / HTTP/1.1\r\n", "!400");
  expect("\rGET / HTTP/1.1\r\n", "!400");
  expect("\x16\x03\x01", "!400");  // TLS.
  expect(std::string(1, '\0'), "!400");
  expect("GET / HTTP/2.0\r\n\r\n", "!505");
  expect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!505");
}

TEST(HttpParser, KeepsItsLimits) {
  const auto line = [](std::size_t bytes) {  // So long with its end.
    return "GET /" + std::string(bytes - 16, 'x') + " HTTP/1.1\r\n";
  };
  EXPECT_EQ(line(64).size(), 64u);
  EXPECT_TRUE(events(line(64) + "Host: a\r\n\r\n", 0).starts_with("GET "));
  expect(line(65) + "Host: a\r\n\r\n", "!414");
  expect(std::string(65, 'G'), "!414");

  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";  // 25 bytes.
  const auto field = [](std::size_t bytes) { return "A: " + std::string(bytes - 5, 'x') + "\r\n"; };
  EXPECT_TRUE(events(start + field(256 - 25 - 2) + "\r\n", 0).starts_with("GET "));
  expect(start + field(256 - 25 - 1) + "\r\n", "!431");
  expect(start + std::string(300, 'x'), "!431");
  EXPECT_TRUE(events(start + "A:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n", 0).starts_with("GET "));
  expect(start + "A:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n", "!431");
  const auto body = [](std::size_t bytes) {
    return "POST / HTTP/1.0\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n" +
           std::string(bytes, 'x');
  };
  EXPECT_TRUE(events(body(64), 0).starts_with("POST "));
  expect(body(65), "!413");
  expect("POST / HTTP/1.0\r\nContent-Length: 99999999999999999999999999\r\n\r\n", "!413");
}

TEST(HttpParser, SaysItsErrorAgain) {
  HttpParser parser({});
  std::string_view in = "nonsense\r\nGET / HTTP/1.0\r\n\r\n";
  EXPECT_EQ(parser.feed(in), Event::error);
  in = "GET / HTTP/1.0\r\n\r\n";
  EXPECT_EQ(parser.feed(in), Event::error);
}

TEST(HttpParser, FindsFieldsWhateverTheirCase) {
  HttpParser parser({});
  std::string_view in = "GET / HTTP/1.1\r\nhOST: a\r\nX-A: 1\r\nx-a: 2\r\n\r\n";
  ASSERT_EQ(parser.feed(in), Event::request);
  ASSERT_NE(parser.request().find("x-a"), nullptr);
  EXPECT_EQ(*parser.request().find("x-a"), "1");
  EXPECT_EQ(parser.request().find("x-b"), nullptr);
}

}  // namespace
}  // namespace sluice::wire
