// What a decent client meets.
#include "wire/http2/http2_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "wire/http2/echo_server.h"
#include "wire/http2/testing.h"

namespace sluice::wire {
namespace {

const FieldList kGet = {{":method", "POST"}, {":scheme", "http"}, {":authority", "t"}, {":path", "/a"}};

/// Both ends talk until neither has anything to say.
void talk(Http2TestClient& client, EchoServer& server) {
  for (;;) {
    const std::string asked = client.bytes();
    const std::string said = asked.empty() ? server.written() : server.feed(asked);
    if (asked.empty() && said.empty()) return;
    ASSERT_TRUE(client.hear(said));
  }
}

TEST(Http2Server, AnswersWithHeadBodyAndTrailers) {
  EchoServer server;
  Http2TestClient client;
  const auto id = client.request(kGet, "hello");
  talk(client, server);
  const auto& answer = client.answers[id];
  EXPECT_EQ(answer.field(":status"), "200");
  EXPECT_EQ(answer.body, "/a|hello");
  EXPECT_EQ(answer.trailers, (FieldList{{"x-fields", "yes"}}));
  EXPECT_TRUE(answer.closed);
  EXPECT_EQ(answer.error, 0U);
  EXPECT_EQ(server.closed_count, 1);
}

TEST(Http2Server, SaysItsLimits) {
  EchoServer server({.streams_max = 7, .head_bytes_max = 999, .stream_window = 70000});
  Http2TestClient client;
  talk(client, server);
  EXPECT_EQ(client.settings[NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS], 7U);
  EXPECT_EQ(client.settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE], 999U);
  EXPECT_EQ(client.settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], 70000U);
}

TEST(Http2Server, ManyAtOnceAndBodiesLargerThanEveryWindow) {
  EchoServer server({.stream_window = 1000, .connection_window = 70000});
  Http2TestClient client(500);
  std::map<std::int32_t, std::string> sent;
  for (int i = 0; i < 50; ++i) {
    std::string body(static_cast<std::size_t>(i) * 777, static_cast<char>('a' + i % 26));
    const auto id = client.request(kGet, body);
    sent[id] = std::move(body);
  }
  talk(client, server);
  for (const auto& [id, body] : sent) {
    EXPECT_EQ(client.answers[id].body, "/a|" + body) << id;
    EXPECT_TRUE(client.answers[id].closed);
  }
}

TEST(Http2Server, TheSameHoweverTheBytesAreCut) {
  std::string bytes;
  {
    Http2TestClient client;
    client.request(kGet, "one");
    client.request(kGet, std::string(300, 'x'));
    client.ping();
    bytes = client.bytes();
  }
  const auto answers = [&](std::size_t cut, std::size_t piece) {
    EchoServer server;
    std::string out = server.feed(bytes.substr(0, cut));
    for (std::size_t at = cut; at < bytes.size(); at += piece) out += server.feed(bytes.substr(at, piece));
    EXPECT_EQ(server.ended_count, 2);
    Http2TestClient listener;
    listener.request(kGet, "one");
    listener.request(kGet, std::string(300, 'x'));
    listener.ping();
    listener.bytes();
    EXPECT_TRUE(listener.hear(out));
    return listener.answers[1].body + " " + listener.answers[3].body + " " + std::to_string(listener.pongs);
  };
  const std::string whole = answers(0, bytes.size());
  EXPECT_EQ(whole, "/a|one /a|" + std::string(300, 'x') + " 1");
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) ASSERT_EQ(answers(cut, bytes.size()), whole) << cut;
  ASSERT_EQ(answers(0, 1), whole);
}

TEST(Http2Server, ABodyInPartsAsTheOwnerHasThem) {
  EchoServer server;
  server.hold_back = true;
  Http2TestClient client;
  const auto id = client.request(kGet, "");
  talk(client, server);
  EXPECT_EQ(client.answers[id].body, "/a|");
  EXPECT_FALSE(client.answers[id].closed);
  Http2Stream* const stream = server.http2.find(id);
  ASSERT_NE(stream, nullptr);
  stream->body += "more";
  server.http2.wake(*stream);
  talk(client, server);
  EXPECT_EQ(client.answers[id].body, "/a|more");
  server.http2.finish(*stream, {});
  talk(client, server);
  EXPECT_TRUE(client.answers[id].closed);
  EXPECT_EQ(server.http2.find(id), nullptr);
}

TEST(Http2Server, ACancelledRequestIsGivenBack) {
  EchoServer server;
  Http2TestClient client;
  const auto id = client.request(kGet, "half", false);
  talk(client, server);
  EXPECT_EQ(server.closed_count, 0);
  client.cancel(id);
  talk(client, server);
  EXPECT_EQ(server.closed_count, 1);
  EXPECT_EQ(server.ended_count, 0);
}

TEST(Http2Server, OpenStreamsAreGivenBackWhenTheConnectionGoes) {
  auto server = std::make_unique<EchoServer>();
  Http2TestClient client;
  client.request(kGet, "half", false);
  client.request(kGet, "half", false);
  talk(client, *server);
  ASSERT_EQ(server->begun, 2);
  // The destructor calls closed(), whose count dies with it; the leak checker would tell of what was not
  // given back.
  server.reset();
}

TEST(Http2Server, AHeadOfTheOwnersOwnLimitIsAnsweredAndTheConnectionLives) {
  EchoServer server({.head_bytes_max = 1000});
  Http2TestClient client;
  FieldList large = kGet;
  large.emplace_back("x-large", std::string(1200, 'x'));
  const auto refused = client.request(large, "body");
  large.back().second = std::string(2500, 'x');
  const auto reset = client.request(large, "body");
  const auto good = client.request(kGet, "body");
  talk(client, server);
  EXPECT_EQ(client.answers[refused].field(":status"), "431");
  EXPECT_TRUE(client.answers[reset].closed);
  EXPECT_NE(client.answers[reset].error, 0U);
  EXPECT_EQ(client.answers[good].body, "/a|body");
}

TEST(Http2Server, DrainLosesNoRequest) {
  EchoServer server;
  Http2TestClient client;
  const auto long_one = client.request(kGet, "long", false);
  talk(client, server);
  const auto under_way = client.request(kGet, "under way");
  const std::string on_the_wire = client.bytes();  // Sent, and not yet read by the server.
  server.http2.drain();
  ASSERT_TRUE(client.hear(server.written()));
  ASSERT_EQ(client.goaways.size(), 1U);
  EXPECT_EQ(client.goaways[0].first, 0x7FFFFFFF) << "no request is refused yet";
  ASSERT_TRUE(client.hear(server.feed(on_the_wire)));
  talk(client, server);
  EXPECT_EQ(client.answers[under_way].body, "/a|under way");
  ASSERT_EQ(client.goaways.size(), 2U) << "now that the client has answered the PING";
  EXPECT_EQ(client.goaways[1], (std::pair<std::int32_t, std::uint32_t>{under_way, 0}));
  EXPECT_FALSE(server.http2.finished());
  client.more(long_one, "er", true);
  talk(client, server);
  EXPECT_EQ(client.answers[long_one].body, "/a|longer");
  EXPECT_TRUE(server.http2.finished());
}

TEST(Http2Server, DrainOfAConnectionThatNeverSpokeEndsAtOnce) {
  EchoServer server;
  server.written();
  server.http2.drain();
  server.written();
  EXPECT_TRUE(server.http2.finished());
}

}  // namespace
}  // namespace sluice::wire
