// What a hostile peer can do, and what it costs: every attack ends, by a GOAWAY or by itself, within a
// bounded number of frames and of bytes of output.
#include <gtest/gtest.h>

#include "wire/http2/echo_server.h"
#include "wire/http2/http2_server.h"
#include "wire/http2/testing.h"

namespace sluice::wire {
namespace {

enum Type : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRst,
  kSettings,
  kPush,
  kPing,
  kGoaway,
  kWindow,
  kContinuation
};
constexpr std::uint8_t kEndStream = 1, kEndHeaders = 4, kAck = 1;

const std::string kHello = std::string(kHttp2Preface) + http2_frame(kSettings, 0, 0, "");
/// :method POST, :scheme http, :path /, :authority "t", by HPACK's static table.
const std::string kHead("\x83\x86\x84\x41\x01t", 6);

/// Sends `frames` of what `frame` gives until the server has had enough; how many it took.
template <class Frame>
int endure(EchoServer& server, int frames, Frame frame, std::string* said = nullptr) {
  server.feed(kHello);
  std::string out;
  int n = 0;
  for (; n < frames && !server.http2.finished(); ++n) out += server.feed(frame(n));
  if (said != nullptr) *said = std::move(out);
  return n;
}

/// The error code of the GOAWAY at the end of what the server said; -1: there is none.
long goaway_of(std::string_view said) {
  long error = -1;
  while (said.size() >= 9) {
    const auto byte = [&](std::size_t i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(said[i]));
    };
    const std::size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (said.size() < 9 + length) break;
    if (byte(3) == kGoaway)
      error = static_cast<long>(byte(13) << 24 | byte(14) << 16 | byte(15) << 8 | byte(16));
    said.remove_prefix(9 + length);
  }
  return error;
}

TEST(Http2Hostile, RapidReset) {
  EchoServer server({.resets_burst = 100, .resets_per_second = 1});
  std::string said;
  const int n = endure(
      server, 100'000,
      [](int i) {
        const auto id = static_cast<std::uint32_t>(2 * i + 1);
        return http2_frame(kHeaders, kEndHeaders, id, kHead) +
               http2_frame(kRst, 0, id, std::string("\0\0\0\x8", 4));
      },
      &said);
  EXPECT_GE(n, 100);
  EXPECT_LE(n, 110);
  EXPECT_GE(goaway_of(said), 0);
  EXPECT_EQ(server.all.size(), 1U) << "one stream at a time, so one was ever made";
}

TEST(Http2Hostile, ResetsWithinTheRateAreServed) {  // A client whose deadlines pass now and then.
  EchoServer server({.resets_burst = 10, .resets_per_second = 1000});
  const int n = endure(server, 100, [&](int i) {
    const auto id = static_cast<std::uint32_t>(2 * i + 1);
    return i % 20 == 0 ? http2_frame(kHeaders, kEndHeaders, id, kHead) +
                             http2_frame(kRst, 0, id, std::string("\0\0\0\x8", 4))
                       : http2_frame(kHeaders, kEndHeaders | kEndStream, id, kHead);
  });
  EXPECT_EQ(n, 100);
}

TEST(Http2Hostile,
     RequestsThatMakeUsReset) {  // "MadeYouReset": an update of 0 resets the stream from our side.
  EchoServer server({.idle_frames_burst = 1000, .idle_frames_per_second = 1});
  std::string said;
  const int n = endure(
      server, 100'000,
      [](int i) {
        const auto id = static_cast<std::uint32_t>(2 * i + 1);
        return http2_frame(kHeaders, kEndHeaders, id, kHead) +
               http2_frame(kWindow, 0, id, std::string(4, '\0'));
      },
      &said);
  EXPECT_LE(n, 60);
  EXPECT_GE(goaway_of(said), 0);
}

TEST(Http2Hostile, ContinuationFlood) {
  EchoServer server;
  std::string said;
  const int n = endure(
      server, 100'000,
      [](int i) {
        return i == 0 ? http2_frame(kHeaders, 0, 1, kHead)
                      : http2_frame(kContinuation, 0, 1, std::string("\0\1a\1b", 5));
      },
      &said);
  EXPECT_LE(n, 12);
  EXPECT_GE(goaway_of(said), 0);
}

TEST(Http2Hostile, EmptyContinuations) {
  EchoServer server;
  const int n = endure(server, 100'000, [](int i) {
    return i == 0 ? http2_frame(kHeaders, 0, 1, kHead) : http2_frame(kContinuation, 0, 1, "");
  });
  EXPECT_LE(n, 12);
}

struct Noise {
  const char* name;
  std::string frame;
};
class Http2Noise : public testing::TestWithParam<Noise> {};

TEST_P(Http2Noise, IsEnduredForAWhile) {
  EchoServer server({.idle_frames_burst = 500, .idle_frames_per_second = 10});
  std::string said;
  const int n = endure(
      server, 100'000,
      [&](int i) {
        return (i == 0 ? http2_frame(kHeaders, kEndHeaders, 1, kHead) : std::string()) + GetParam().frame;
      },
      &said);
  EXPECT_GE(n, 498);
  EXPECT_LE(n, 502);
  EXPECT_EQ(goaway_of(said), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_LE(said.size(), 500U * 17 + 200);
}
INSTANTIATE_TEST_SUITE_P(Frames, Http2Noise,
                         testing::Values(Noise{"ping", http2_frame(kPing, 0, 0, "12345678")},
                                         Noise{"settings", http2_frame(kSettings, 0, 0, "")},
                                         Noise{"window",
                                               http2_frame(kWindow, 0, 0, std::string("\0\0\0\1", 4))},
                                         Noise{"data", http2_frame(kData, 0, 1, "")}),
                         [](const auto& test) { return test.param.name; });

TEST(Http2Hostile, FramesThatMeanNothingBringNoAnswer) {
  EchoServer server;
  std::string said;
  const int n = endure(
      server, 10'000,
      [](int) {
        return http2_frame(kPriority, 0, 3, std::string("\0\0\0\0\x10", 5)) + http2_frame(0xEE, 0, 0, "xyz");
      },
      &said);
  EXPECT_EQ(n, 10'000);
  EXPECT_EQ(said, "");
}

TEST(Http2Hostile, APingASecondIsNoNoise) {
  EchoServer server({.idle_frames_burst = 10, .idle_frames_per_second = 1});
  const int n = endure(server, 1000, [&](int) {
    server.now += std::chrono::seconds(1);
    return http2_frame(kPing, 0, 0, "12345678");
  });
  EXPECT_EQ(n, 1000);
}

TEST(Http2Hostile, WorkEarnsPings) {  // Clients measure the line by a PING about every answer.
  EchoServer server({.idle_frames_burst = 20, .idle_frames_per_second = 1});
  const int n = endure(server, 5000, [&](int i) {
    return http2_frame(kHeaders, kEndHeaders | kEndStream, static_cast<std::uint32_t>(2 * i + 1), kHead) +
           http2_frame(kPing, 0, 0, "12345678") + http2_frame(kWindow, 0, 0, std::string("\0\0\0\x10", 4));
  });
  EXPECT_EQ(n, 5000);
}

TEST(Http2Hostile, AHeaderBombIsNotGivenOn) {
  EchoServer server;
  server.feed(kHello);
  // One field of 4,000 bytes into the table (index 62), then named 16,000 times: 64 MB of fields in 20 kB.
  std::string head = kHead;
  head += std::string("\x40\x01x\x7f\xa1\x1e", 6) + std::string(4000, 'y');
  std::string bomb;
  for (int i = 0; i < 16'000; ++i) bomb += '\xbe';
  const auto before = server.all.size();
  server.feed(http2_frame(kHeaders, 0, 1, head) + http2_frame(kContinuation, kEndHeaders, 1, bomb));
  EXPECT_EQ(before, 0U);
  EXPECT_EQ(server.ended_count, 0);
  EXPECT_LE(server.all.at(0).fields, 8U);
  // The table is still right, and the connection lives.
  Http2TestClient client;
  const std::string said = server.feed(http2_frame(kHeaders, kEndHeaders | kEndStream, 3, kHead));
  EXPECT_EQ(server.ended_count, 1);
  EXPECT_FALSE(said.empty());
}

TEST(Http2Hostile, MoreStreamsThanAllowed) {
  EchoServer server({.streams_max = 10});
  const int n = endure(server, 1000, [](int i) {
    return http2_frame(kHeaders, kEndHeaders, static_cast<std::uint32_t>(2 * i + 1), kHead);
  });
  EXPECT_LE(server.all.size(), 10U);
  EXPECT_LT(n, 1000) << "each refusal is a reset of ours";
}

TEST(Http2Hostile, AWindowOfNothingHoldsOnlyWhatIsOpen) {
  EchoServer server({.streams_max = 10});
  // The peer's windows are 0: no body may be sent.
  server.feed(std::string(kHttp2Preface) + http2_frame(kSettings, 0, 0, std::string("\0\4\0\0\0\0", 6)));
  std::string said;
  for (int i = 0; i < 10; ++i)
    said += server.feed(
        http2_frame(kHeaders, kEndHeaders | kEndStream, static_cast<std::uint32_t>(2 * i + 1), kHead));
  EXPECT_EQ(server.ended_count, 10);
  EXPECT_EQ(server.closed_count, 0);
  EXPECT_EQ(server.all.size(), 10U);
  EXPECT_EQ(server.written(), "");
  // Opened at last, all is said.
  server.feed(http2_frame(kSettings, 0, 0, std::string("\0\4\0\0\xff\xff", 6)));
  EXPECT_EQ(server.closed_count, 10);
}

struct Wrong {
  const char* name;
  std::string bytes;  ///< After preface and SETTINGS, unless it begins the connection.
  bool first = false;
};
class Http2Wrong : public testing::TestWithParam<Wrong> {};

TEST_P(Http2Wrong, EndsTheConnection) {  // As RFC 9113 asks of each.
  EchoServer server;
  if (!GetParam().first) server.feed(kHello);
  const std::string said = server.feed(GetParam().bytes);
  EXPECT_GE(goaway_of(said), 1);
  EXPECT_TRUE(server.http2.finished());
  EXPECT_EQ(server.feed("anything"), "");
}
INSTANTIATE_TEST_SUITE_P(
    Frames, Http2Wrong,
    testing::Values(
        Wrong{"http1", "GET / HTTP/1.1\r\nHost: t\r\n\r\n", true},
        Wrong{"ping_of_7", http2_frame(kPing, 0, 0, "1234567")},
        Wrong{"ping_on_a_stream", http2_frame(kPing, 0, 1, "12345678")},
        Wrong{"settings_of_5", http2_frame(kSettings, 0, 0, "12345")},
        Wrong{"ack_with_settings", http2_frame(kSettings, kAck, 0, std::string("\0\4\0\0\0\0", 6))},
        Wrong{"data_on_stream_0", http2_frame(kData, 0, 0, "x")},
        Wrong{"data_on_an_idle_stream", http2_frame(kData, 0, 5, "x")},
        Wrong{"headers_on_an_even_stream", http2_frame(kHeaders, kEndHeaders, 2, kHead)},
        Wrong{"headers_on_a_stream_that_was_left_out",
              http2_frame(kHeaders, kEndHeaders, 5, kHead) + http2_frame(kHeaders, kEndHeaders, 3, kHead)},
        Wrong{"priority_on_stream_0", http2_frame(2, 0, 0, std::string("\0\0\0\1\x0f", 5))},
        Wrong{"continuation_of_nothing", http2_frame(kContinuation, kEndHeaders, 1, kHead)},
        Wrong{"push_from_a_client", http2_frame(kPush, kEndHeaders, 1, std::string(4, '\2') + kHead)},
        Wrong{"too_large_a_frame", http2_frame(kData, 0, 1, std::string(16385, 'x'))},
        Wrong{"bad_hpack", http2_frame(kHeaders, kEndHeaders, 1, "\xff\xff\xff\xff\xff")},
        Wrong{"window_above_2_31", http2_frame(kWindow, 0, 0, "\x7f\xff\xff\xff")}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace sluice::wire
