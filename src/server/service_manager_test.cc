#include "server/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <map>

namespace sluice::server {
namespace {

using Variables = std::map<std::string, std::string>;

Result<ServiceManager> manager(const Variables& variables) {
  return ServiceManager::from_environment([&](const char* name) -> const char* {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  });
}

std::string own_pid() { return std::to_string(::getpid()); }

/// A manager's end: an abstract socket of a name that the kernel chose.
struct Notified {
  Notified() : fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t));
    socklen_t length = sizeof address;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
    name = "@" + std::string(address.sun_path + 1, length - offsetof(sockaddr_un, sun_path) - 1);
  }
  std::string next() const {
    char bytes[500];
    const auto n = ::recv(fd.get(), bytes, sizeof bytes, 0);
    return n < 0 ? "" : std::string(bytes, static_cast<std::size_t>(n));
  }
  net::Fd fd;
  std::string name;
};

TEST(ServiceManager, ThereIsNone) {
  auto none = manager({});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->take_sockets().empty());
  EXPECT_EQ(none->watchdog(), Duration{0});
  none->ready();
}

TEST(ServiceManager, ItIsToldInDatagrams) {
  const Notified end;
  auto m = manager({{"NOTIFY_SOCKET", end.name}});
  ASSERT_TRUE(m);
  m->ready();
  EXPECT_EQ(end.next(), "READY=1\nSTATUS=Serving");
  m->reloading();
  EXPECT_TRUE(end.next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  m->stopping();
  EXPECT_EQ(end.next(), "STOPPING=1\nSTATUS=Draining");
  m->alive();
  EXPECT_EQ(end.next(), "WATCHDOG=1");
  EXPECT_EQ(end.next(), "");
}

TEST(ServiceManager, ItIsAwayOrStrange) {
  for (const auto& socket : {std::string("/nowhere/notify"), "@" + std::string(300, 'x'),
                             std::string("vsock:2:1"), std::string("@"), std::string()}) {
    auto m = manager({{"NOTIFY_SOCKET", socket}});
    ASSERT_TRUE(m) << socket;
    m->ready();
  }
}

TEST(ServiceManager, ASlowOneHoldsUpNothing) {
  const Notified end;
  auto m = manager({{"NOTIFY_SOCKET", end.name}});
  ASSERT_TRUE(m);
  for (int i = 0; i < 5'000; ++i) m->alive();  // Nobody reads: beyond the queue they are dropped.
}

TEST(ServiceManager, TheWatchdogIsForOneProcess) {
  using std::chrono::seconds;
  EXPECT_EQ(manager({{"WATCHDOG_USEC", "3000000"}})->watchdog(), seconds(3));
  EXPECT_EQ(manager({{"WATCHDOG_USEC", "3000000"}, {"WATCHDOG_PID", own_pid()}})->watchdog(), seconds(3));
  EXPECT_EQ(manager({{"WATCHDOG_USEC", "3000000"}, {"WATCHDOG_PID", "1"}})->watchdog(), seconds(0));
  for (const char* wrong : {"", "0", "-1", "x", "9223372036854775807"})
    EXPECT_EQ(manager({{"WATCHDOG_USEC", wrong}})->watchdog(), seconds(0)) << wrong;
}

TEST(ServiceManager, SocketsOfAnotherProcessAreLeftAlone) {
  EXPECT_TRUE(manager({{"LISTEN_PID", "1"}, {"LISTEN_FDS", "3"}})->take_sockets().empty());
  EXPECT_TRUE(manager({{"LISTEN_FDS", "3"}})->take_sockets().empty());
  EXPECT_TRUE(manager({{"LISTEN_PID", own_pid()}})->take_sockets().empty());
}

TEST(ServiceManager, WhatContradictsItselfIsAnError) {
  for (const char* count : {"", "x", "-1", "65"}) {
    const auto m = manager({{"LISTEN_PID", own_pid()}, {"LISTEN_FDS", count}});
    ASSERT_FALSE(m) << count;
    EXPECT_NE(m.error().message.find("LISTEN_FDS"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::server
