// Connections that we open, before real sockets. TLS is tried with real servers, in redis/client_test.cc.
#include "net/outgoing.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <future>
#include <thread>

#include "net/socket.h"
#include "net/testing.h"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Peer final : public OutgoingHandler {
 public:
  void connected() override { on_connected(); }
  std::size_t received(std::string_view text) override {
    got.append(text.substr(seen));
    const std::size_t used = on_received(text);
    seen = text.size() - used;
    return used;
  }
  void take_output(std::string& to) override {
    ++takes;
    to.clear();
    to.swap(out);
  }
  void closed(std::string_view why) override { end.set_value(std::string(why)); }

  std::function<void()> on_connected = [] {};
  std::function<std::size_t(std::string_view)> on_received = [](std::string_view in) { return in.size(); };
  std::string out, got;
  std::size_t seen = 0;  // Bytes that came before and were left lying.
  int takes = 0;
  std::promise<std::string> end;
};

class OutgoingTest : public ::testing::Test, protected LoopThread {
 protected:
  void TearDown() override {
    on_loop([this] { connection_.reset(); });
  }
  void connect(const Address& address, Duration timeout = seconds(20), std::size_t input_max = 1 << 20) {
    on_loop([&] {
      connection_ = std::make_unique<Outgoing>(
          loop_, peer_, Outgoing::Options{.address = address, .timeout = timeout, .input_max = input_max});
    });
  }
  Fd accept(const Bound& bound) {
    for (int i = 0; i < 20'000; ++i) {
      Fd fd(::accept(bound.sockets[0].get(), nullptr, nullptr));
      if (fd) return fd;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return {};
  }
  std::string end() {
    auto end = peer_.end.get_future();
    return end.wait_for(seconds(20)) == std::future_status::ready ? end.get() : "nothing";
  }
  static Bound bind(const std::string& text = "127.0.0.1:0") {
    return std::move(*bind_all(*Address::parse(text), 1));
  }
  static std::string hear(const Fd& fd, std::size_t n) {
    std::string text(n, '\0');
    text.resize(
        static_cast<std::size_t>(std::max<ssize_t>(0, ::recv(fd.get(), text.data(), n, MSG_WAITALL))));
    return text;
  }

  Peer peer_;
  std::unique_ptr<Outgoing> connection_;
};

TEST_F(OutgoingTest, ATurnsOutputIsOneWrite) {
  const Bound bound = bind();
  std::promise<void> connected;
  peer_.on_connected = [&] { connected.set_value(); };
  connect(bound.address);
  const Fd fd = accept(bound);
  connected.get_future().wait();
  on_loop([] {});
  on_loop([&] {
    peer_.takes = 0;
    for (int i = 0; i < 100; ++i) peer_.out += "line\n", connection_->output_waits();
  });
  EXPECT_EQ(hear(fd, 500).size(), 500U);
  on_loop([&] { EXPECT_EQ(peer_.takes, 1); });
  ASSERT_EQ(::send(fd.get(), "abc", 3, MSG_NOSIGNAL), 3);
  ::shutdown(fd.get(), SHUT_WR);
  EXPECT_EQ(end(), bound.address.text() + ": the server closed the connection");
  EXPECT_EQ(peer_.got, "abc");
}

TEST_F(OutgoingTest, NamesAndUnixSockets) {
  char folder[] = "/tmp/sluice-outgoing-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  for (const std::string& where : {std::string("localhost:0"), "unix:" + std::string(folder) + "/s"}) {
    const Bound bound = bind(where);
    Address address = bound.address;
    if (address.kind == Address::Kind::tcp) address.host = "localhost";
    peer_.on_connected = [&] { peer_.out = "hello"; };
    connect(address);
    const Fd fd = accept(bound);
    EXPECT_EQ(hear(fd, 5), "hello");
    on_loop([&] { connection_.reset(); });
    EXPECT_EQ(hear(fd, 1), "");
  }
  ::rmdir(folder);
}

TEST_F(OutgoingTest, WhatThePeerDoesNotReadIsWrittenLater) {
  const Bound bound = bind();
  std::string all;
  for (int i = 0; all.size() < 8'000'000; ++i) all += std::to_string(i) + ",";
  peer_.on_connected = [&] { peer_.out = all; };
  connect(bound.address);
  const Fd fd = accept(bound);
  std::this_thread::sleep_for(milliseconds(50));
  on_loop([&] { peer_.out += "more", connection_->output_waits(); });
  EXPECT_EQ(hear(fd, all.size() + 4), all + "more");
}

TEST_F(OutgoingTest, WhatTheHandlerLeavesComesAgain) {
  const Bound bound = bind();
  const std::string line = std::string(100'000, 'x') + "\n";
  std::promise<void> whole;
  peer_.on_received = [&](std::string_view in) -> std::size_t {
    if (!in.ends_with('\n')) return 0;
    EXPECT_EQ(in, line);
    whole.set_value();
    return in.size();
  };
  connect(bound.address);
  const Fd fd = accept(bound);
  for (std::size_t at = 0; at < line.size(); at += 7'000)
    ASSERT_GT(
        ::send(fd.get(), line.data() + at, std::min<std::size_t>(7'000, line.size() - at), MSG_NOSIGNAL), 0);
  ASSERT_EQ(whole.get_future().wait_for(seconds(20)), std::future_status::ready);
}

TEST_F(OutgoingTest, InputIsBounded) {
  const Bound bound = bind();
  peer_.on_received = [](std::string_view) { return std::size_t{0}; };
  connect(bound.address, seconds(20), 100'000);
  const Fd fd = accept(bound);
  const std::string much(300'000, 'x');
  ::send(fd.get(), much.data(), much.size(), MSG_NOSIGNAL);
  EXPECT_EQ(end(), bound.address.text() + ": a message is longer than the limit");
  EXPECT_LT(peer_.got.size(), 250'000U);
}

TEST_F(OutgoingTest, MayBeDestroyedInAnyOfTheHandlersCalls) {
  const Bound bound = bind();
  const auto destroy = [this] { connection_.reset(); };
  std::promise<void> connected;
  peer_.on_connected = [&] { destroy(), connected.set_value(); };
  connect(bound.address);
  connected.get_future().wait();
  EXPECT_EQ(hear(accept(bound), 1), "");

  peer_.on_connected = [] {};
  peer_.on_received = [&](std::string_view in) { return destroy(), in.size(); };
  connect(bound.address);
  const Fd fd = accept(bound);
  ::send(fd.get(), "x", 1, MSG_NOSIGNAL);
  EXPECT_EQ(hear(fd, 1), "");

  on_loop([&] {  // Before anything happened.
    connection_ = std::make_unique<Outgoing>(loop_, peer_, Outgoing::Options{.address = bound.address});
    destroy();
  });
  EXPECT_EQ(peer_.end.get_future().wait_for(milliseconds(50)), std::future_status::timeout);
}

TEST_F(OutgoingTest, WhyThereIsNoConnection) {
  Address address;
  {
    const Bound bound = bind();
    address = bound.address;
  }
  connect(address);
  EXPECT_EQ(end(), "cannot connect to " + address.text() + ": Connection refused");
}

TEST_F(OutgoingTest, ALongPathOfASocket) {
  connect({.kind = Address::Kind::unix_path, .path = "/tmp/" + std::string(200, 'x')});
  EXPECT_NE(end().find("too long for a unix socket"), std::string::npos);
}

}  // namespace
}  // namespace sluice::net
