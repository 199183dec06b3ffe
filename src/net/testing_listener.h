// testing_listener.h: a listener with line doors on a loop of its own thread, and a blocking peer, for tests.
// Nothing is asserted about how long a thing takes; a read that brings nothing for 20 s fails the test.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <thread>

#include "net/line_door.h"
#include "net/listener.h"
#include "net/socket.h"
#include "net/testing.h"

namespace sluice::net {

class Peer {
 public:
  explicit Peer(const Address& address) {
    auto fd = connect_to(address, std::chrono::seconds(20));
    EXPECT_TRUE(fd) << (fd ? "" : fd.error().message);
    if (fd) fd_ = std::move(*fd);
  }
  void say(std::string_view text) {
    while (!text.empty()) {
      const auto n = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  /// Exactly n bytes, or what came before the end.
  std::string hear(std::size_t n) {
    std::string text(n, '\0');
    std::size_t got = 0;
    while (got < n) {
      const auto k = ::recv(fd_.get(), text.data() + got, n - got, 0);
      if (k <= 0) break;
      got += static_cast<std::size_t>(k);
    }
    text.resize(got);
    return text;
  }
  std::string ask(std::string_view line) {
    say(std::string(line) + "\n");
    return hear_line();
  }
  std::string hear_line() {
    std::string line;
    for (;;) {
      const auto c = hear(1);
      if (c.empty()) return line + "<end>";
      if (c == "\n") return line;
      line += c;
    }
  }
  bool at_end() { return hear(1).empty(); }
  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
};

class Net : public ::testing::Test {
 protected:
  Net() : factory_([this](std::function<void()> work) { loop_.post(std::move(work)); }) {}

  void start(Listener::Options options = {}, const char* address = "127.0.0.1:0", std::int64_t max = 1000) {
    auto bound = bind_all(*Address::parse(address), 1);
    ASSERT_TRUE(bound) << bound.error().message;
    bound_ = std::move(*bound);
    admission_ = std::make_unique<Admission>(max, per_address_, buffer_bytes_);
    options.tcp = bound_.address.kind == Address::Kind::tcp;
    listener_ =
        std::make_unique<Listener>(loop_, std::move(bound_.sockets[0]), factory_, *admission_, options);
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    loop_.stop();
    thread_.join();
  }
  Peer peer() { return Peer(bound_.address); }
  template <class F>
  void on_loop(F&& f) {
    run_on(loop_, f);
  }
  /// Waits until `what` holds: events come by another thread.
  template <class F>
  void eventually(F&& what) {
    for (int i = 0; i < 20'000 && !what(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(what());
  }
  const NetStats& stats() const { return listener_->stats(); }

  Loop loop_;
  LineFactory factory_;
  Bound bound_;
  std::int64_t per_address_ = 0;  // Set before start(), as is the next.
  std::int64_t buffer_bytes_ = INT64_MAX;
  std::unique_ptr<Admission> admission_;
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
};

}  // namespace sluice::net
