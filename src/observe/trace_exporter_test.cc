// The exporter before collectors of every temper: each is a socket that the test answers by hand. Nothing is
// asserted about how long a thing takes.
#include "observe/trace_exporter.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <mutex>

#include "net/socket.h"
#include "net/testing_listener.h"
#include "wire/protobuf_reader.h"

namespace sluice::observe {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TraceExporterTest : public ::testing::Test {
 protected:
  TraceExporterTest() : bound_(std::move(*net::bind_all(*net::Address::parse("127.0.0.1:0"), 1))) {}

  TraceExporter::Options options() {
    TraceExporter::Options o;
    o.address = bound_.address;
    o.host = "collector";
    o.fields = "X-Token: secret\r\n";
    o.resource = {.service = "shop", .version = "1", .instance = "a:1"};
    o.every = milliseconds(1);
    o.timeout = seconds(20);
    o.backoff_min = milliseconds(1);
    o.backoff_max = milliseconds(2);
    o.batch_max = 4;
    o.trouble = [this](std::string_view why) {
      const std::scoped_lock lock(mutex_);
      troubles_.emplace_back(why);
    };
    return o;
  }
  TraceExporter& begin(TraceExporter::Options o) {
    exporter_.emplace(queue_, std::move(o));
    exporter_->begin();
    return *exporter_;
  }
  void put(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
      if (queue_.has_room()) queue_.put({});
  }
  net::Fd accept() {
    for (int i = 0; i < 20'000; ++i) {
      net::Fd fd(::accept(bound_.sockets[0].get(), nullptr, nullptr));
      if (fd) return fd;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return {};
  }
  /// One request: its head and its body.
  static std::pair<std::string, std::string> hear(const net::Fd& fd) {
    std::string head;
    char c = 0;
    while (!head.ends_with("\r\n\r\n") && wait(fd) && ::recv(fd.get(), &c, 1, 0) == 1) head += c;
    const auto at = head.find("Content-Length: ");
    if (at == std::string::npos) return {head, ""};
    std::string body(std::stoul(head.substr(at + 16)), '\0');
    for (std::size_t got = 0; got < body.size();) {
      if (!wait(fd)) break;
      const auto n = ::recv(fd.get(), body.data() + got, body.size() - got, 0);
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    return {head, body};
  }
  static bool wait(const net::Fd& fd) {
    pollfd p{.fd = fd.get(), .events = POLLIN, .revents = 0};
    return ::poll(&p, 1, 20'000) == 1;
  }
  static void say(const net::Fd& fd, std::string_view status, std::string_view fields = {}) {
    const auto text =
        std::string("HTTP/1.1 ").append(status).append("\r\nContent-Length: 0\r\n").append(fields) + "\r\n";
    EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  template <class F>
  void eventually(F&& what) {
    for (int i = 0; i < 20'000 && !what(); ++i) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_TRUE(what());
  }
  std::vector<std::string> troubles() {
    const std::scoped_lock lock(mutex_);
    return troubles_;
  }

  net::Bound bound_;
  TraceQueue queue_{16};
  std::mutex mutex_;
  std::vector<std::string> troubles_;  // Guarded by mutex_.
  std::optional<TraceExporter> exporter_;
};

TEST_F(TraceExporterTest, SendsBatchesOverOneConnection) {
  put(6);
  auto& exporter = begin(options());
  const auto peer = accept();
  const auto [head, body] = hear(peer);
  EXPECT_TRUE(
      head.starts_with("POST /v1/traces HTTP/1.1\r\nHost: collector\r\n"
                       "Content-Type: application/x-protobuf\r\n"))
      << head;
  EXPECT_NE(head.find("X-Token: secret\r\n"), head.npos);
  EXPECT_NE(body.find("shop"), body.npos);
  say(peer, "200 OK");
  hear(peer);
  say(peer, "200 OK");
  eventually([&] { return exporter.stats().exported == 6; });
  EXPECT_EQ(exporter.stats().exports, 2u);
  EXPECT_EQ(queue_.held(), 0u);
  EXPECT_TRUE(troubles().empty());
}

TEST_F(TraceExporterTest, ComesAgainWithTheSameBatch) {
  put(2);
  auto& exporter = begin(options());
  const auto peer = accept();
  const auto first = hear(peer).second;
  say(peer, "503 Busy", "Retry-After: 0\r\n");
  EXPECT_EQ(hear(peer).second, first);
  say(peer, "429 Slow down");
  EXPECT_EQ(hear(peer).second, first);
  say(peer, "200 OK");
  eventually([&] { return exporter.stats().exported == 2; });
  EXPECT_EQ(exporter.stats().failures, 2u);
  eventually([&] { return troubles() == std::vector<std::string>{"it answers 503", ""}; });
}

TEST_F(TraceExporterTest, WaitsAsLongAsRetryAfterSays) {
  put(2);
  auto& exporter = begin(options());
  const auto peer = accept();
  hear(peer);
  say(peer, "429 Slow down", "Retry-After: 3600\r\n");
  eventually([&] { return exporter.stats().failures == 1; });
  put(100);
  EXPECT_EQ(queue_.held(), 16u);
  EXPECT_EQ(queue_.dropped(), 86u);
  EXPECT_EQ(exporter.stats().exports, 1u);
}

TEST_F(TraceExporterTest, DropsWhatIsRefusedForGood) {
  put(6);
  auto& exporter = begin(options());
  const auto peer = accept();
  hear(peer);
  say(peer, "400 Bad Request");
  hear(peer);
  say(peer, "200 OK");
  eventually([&] { return exporter.stats().exported == 2; });
  EXPECT_EQ(exporter.stats().refused, 4u);
  EXPECT_EQ(queue_.held(), 0u);
}

TEST_F(TraceExporterTest, GivesUpWhatIsNeverAnswered) {
  auto o = options();
  o.timeout = milliseconds(5);
  o.give_up = milliseconds(20);
  put(16);
  auto& exporter = begin(o);
  eventually([&] { return exporter.stats().late == 16; });  // The kernel accepts; nobody answers.
  EXPECT_EQ(queue_.held(), 0u);
  put(1);
  eventually([&] { return exporter.stats().late == 17; });
  EXPECT_EQ(exporter.stats().exported, 0u);
}

TEST_F(TraceExporterTest, ConnectsAgainWhereNobodyListenedOrTheConnectionIsCut) {
  put(2);
  auto& exporter = begin(options());
  {
    const auto peer = accept();
    hear(peer);
  }
  {
    const auto peer = accept();
    hear(peer);
    EXPECT_EQ(::send(peer.get(), "SSH-2.0\r\n\r\n", 11, MSG_NOSIGNAL), 11);
  }
  const auto peer = accept();
  hear(peer);
  say(peer, "200 OK");
  eventually([&] { return exporter.stats().exported == 2; });
  bound_.sockets.clear();  // Refused from now on.
  ::shutdown(peer.get(), SHUT_RDWR);
  put(2);
  const auto before = exporter.stats().failures.load();
  eventually([&] { return exporter.stats().failures >= before + 3; });
  EXPECT_EQ(queue_.held(), 2u);
}

TEST_F(TraceExporterTest, TellsOfSpansThatAreRejected) {
  put(1);
  auto& exporter = begin(options());
  const auto peer = accept();
  hear(peer);
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x0a\x07\x08\x03\x12\x03"
      "old";
  ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  eventually([&] { return exporter.stats().exported == 1; });
  eventually([&] { return troubles() == std::vector<std::string>{"it rejects spans: old"}; });
  EXPECT_EQ(exporter.stats().rejected_spans, 3u);
}

TEST_F(TraceExporterTest, BringsWhatIsThereAtTheEnd) {
  auto o = options();
  o.every = hours(1);
  o.end_max = seconds(20);
  auto& exporter = begin(o);
  put(3);
  std::thread collector([&] {
    const auto peer = accept();
    hear(peer);
    say(peer, "200 OK");
  });
  exporter.end();
  collector.join();
  EXPECT_EQ(exporter.stats().exported, 3u);
}

TEST_F(TraceExporterTest, EndsThoughNobodyAnswers) {
  auto o = options();
  o.end_max = milliseconds(10);
  put(3);
  auto& exporter = begin(o);
  const auto peer = accept();
  exporter.end();
  EXPECT_EQ(exporter.stats().exported, 0u);
}

}  // namespace
}  // namespace sluice::observe
