// What one client can take from others, and what a loop that is behind does.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "net/testing_listener.h"

namespace sluice::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// ---- Pressure

constexpr Duration kAfter = milliseconds(100);

struct Measured : Pressure {
  explicit Measured(std::initializer_list<int> waited_ms) {
    limit(kAfter);
    for (const int ms : waited_ms) probed(milliseconds(ms));
  }
};

TEST(PressureTest, ThreeLateProbesInARowAreBehindAndHalfIsTheEndOfIt) {
  EXPECT_FALSE(Measured({}).behind());
  EXPECT_FALSE(Measured({5000, 5000}).behind()) << "not scheduled for a while";
  EXPECT_FALSE(Measured({101, 101, 100, 101, 101}).behind());
  EXPECT_TRUE(Measured({101, 101, 101}).behind());
  EXPECT_TRUE(Measured({101, 101, 101, 99, 50}).behind());
  EXPECT_FALSE(Measured({101, 101, 101, 49}).behind());
  EXPECT_FALSE(Measured({101, 101, 101, 49, 101, 101}).behind());
  EXPECT_EQ(Measured({101, 101, 101, 101, 49, 101, 101, 101}).times(), 2u);
}

TEST(PressureTest, ZeroIsNeverBehind) {
  Pressure p;
  for (int i = 0; i < 10; ++i) p.probed(std::chrono::hours(1));
  EXPECT_FALSE(p.behind());
}

TEST(PressureTest, TheGreedyAreShedFirst) {
  Measured late{150, 150, 150}, very_late{150, 150, 250};
  EXPECT_FALSE(late.shed(true)) << "nothing was served yet";
  late.spent(false, milliseconds(9));
  very_late.spent(false, milliseconds(9));
  EXPECT_TRUE(late.shed(true));
  EXPECT_FALSE(late.shed(false));
  EXPECT_TRUE(very_late.shed(false));
  Measured in_time{10, 10, 10};
  in_time.spent(false, milliseconds(9));
  EXPECT_FALSE(in_time.shed(true));
}

// Shedding all as long as it is late made a loop whose clients repeat at once answer nothing else.
TEST(PressureTest, SheddingTakesATenthOfTheTimeWhateverItCosts) {
  for (const int cost_us : {1, 10, 100, 1000}) {
    Measured p{300, 300, 300};
    Duration shed{0}, served{0};
    while (served < std::chrono::seconds(1)) {
      const bool now = p.shed(false);
      const Duration cost = now ? microseconds(cost_us) : microseconds(100);
      (now ? shed : served) += cost;
      p.spent(now, cost);
    }
    EXPECT_NEAR(static_cast<double>(shed.count()) / static_cast<double>((shed + served).count()), 0.1, 0.001)
        << cost_us;
  }
}

TEST(PressureTest, TimeIsNotSavedUpForAStormOfRefusals) {
  Measured p{300, 300, 300};
  p.spent(false, std::chrono::hours(1));
  p.spent(true, Pressure::kCreditMax);
  EXPECT_FALSE(p.shed(true));
}

// ---- turns

// All of it is there before the loop runs, so it is the loop that chooses the order.
TEST_F(Net, WhoSendsWithoutEndGetsAShareOfEachTurn) {
  constexpr std::size_t kFlood = 40 * LineSession::kLinesATurn;
  auto bound = bind_all(*Address::parse("127.0.0.1:0"), 1);
  ASSERT_TRUE(bound);
  bound_ = std::move(*bound);
  std::size_t flooded = 0, seen = 0;
  const auto count = [&](std::string_view line) {
    if (line == "f") ++flooded;
    if (line == "polite") seen = flooded;
  };
  LineFactory factory({}, count);
  Admission admission(10);
  Listener listener(loop_, std::move(bound_.sockets[0]), factory, admission, {});
  Peer flooder = peer(), polite = peer();
  std::string flood;
  for (std::size_t i = 0; i < kFlood; ++i) flood += "f\n";
  flooder.say(flood);
  polite.say("polite\n");
  std::thread loop([&] { loop_.run(); });
  EXPECT_EQ(polite.hear_line(), "polite");
  EXPECT_EQ(flooder.hear(flood.size()), flood) << "all is answered, in order";
  loop_.stop();
  loop.join();
  EXPECT_LE(seen, 3 * LineSession::kLinesATurn);
  EXPECT_GT(listener.stats().turns_yielded, kFlood / LineSession::kLinesATurn / 2);
}

TEST_F(Net, ADrainAnswersWhatATurnLeftUnread) {
  start();
  auto p = peer();
  EXPECT_EQ(p.ask("here"), "here");
  std::string flood;
  for (std::size_t i = 0; i < 20 * LineSession::kLinesATurn; ++i) flood += "f\n";
  on_loop([&] {  // The loop stands still: all of it lies in the socket when the drain begins.
    p.say(flood);
    listener_->drain();
  });
  const auto heard = p.hear(flood.size());
  EXPECT_EQ(heard.substr(0, flood.size()), flood.substr(0, heard.size()));
  EXPECT_EQ(heard.size(), flood.size());
}

TEST_F(Net, WhatIsShedIsAnsweredAtOnceAndItEnds) {
  start();
  auto p = peer();
  EXPECT_EQ(p.ask("a"), "a");
  on_loop([&] {
    Pressure& pressure = loop_.pressure();
    pressure.limit(milliseconds(1));
    for (int i = 0; i < 3; ++i) pressure.probed(std::chrono::seconds(1));
    pressure.spent(false, std::chrono::seconds(1));
  });
  EXPECT_EQ(p.ask("b"), "busy");
  on_loop([&] { loop_.pressure().probed(Duration{0}); });
  EXPECT_EQ(p.ask("c"), "c");
}

TEST_F(Net, AProbeComesBack) {
  loop_.probe(milliseconds(100));
  start();
  eventually([&] { return loop_.pressure().waited() > Duration{0}; });
}

// ---- what all buffer together

TEST_F(Net, ARequestForWhichThereIsNoRoomIsToldSoAndSmallOnesAreServed) {
  buffer_bytes_ = 256 * 1024;
  start();
  auto large = peer(), small = peer();
  EXPECT_EQ(small.ask("a"), "a");
  large.say(std::string(1'000'000, 'y'));
  EXPECT_EQ(large.hear_line(), "memory");
  EXPECT_TRUE(large.at_end());
  EXPECT_EQ(stats().closed_memory, 1u);
  EXPECT_EQ(small.ask("b"), "b");
  small = peer();
  eventually([&] { return admission_->buffers.used == 0; });
}

TEST_F(Net, OutputForWhichThereIsNoRoomEndsTheConnection) {
  buffer_bytes_ = 256 * 1024;
  start();
  auto slow = peer(), other = peer();
  for (int i = 0; i < 20; ++i) slow.say("big 1000000\n");
  eventually([&] { return stats().closed_memory == 1; });
  EXPECT_EQ(other.ask("b"), "b");
  eventually([&] { return admission_->buffers.used == 0; });
}

// ---- addresses

TEST_F(Net, ConnectionsOfOneAddressAreBounded) {
  per_address_ = 2;
  start();
  {
    auto a = peer(), b = peer();
    EXPECT_EQ(a.ask("a"), "a");
    EXPECT_EQ(b.ask("b"), "b");
    auto c = peer();
    EXPECT_EQ(c.hear_line(), "full");
    EXPECT_TRUE(c.at_end());
    EXPECT_EQ(stats().refused_address, 1u);
  }
  eventually([&] { return admission_->open == 0; });
  EXPECT_EQ(peer().ask("again"), "again");
}

sockaddr_storage v6(std::initializer_list<std::uint8_t> bytes) {
  sockaddr_storage s{};
  s.ss_family = AF_INET6;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<sockaddr_in6&>(s).sin6_addr.s6_addr);
  return s;
}

TEST(AddressBoundTest, OneClientIsAnIpv4AddressOrAnIpv6Network) {
  sockaddr_storage v4{};
  v4.ss_family = AF_INET;
  reinterpret_cast<sockaddr_in&>(v4).sin_addr.s_addr = htonl(0xC0000207);
  EXPECT_EQ(address_key(v4), address_key(v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 7})));
  EXPECT_EQ(address_key(v6({0x20, 1, 0xD, 0xB8, 0, 0, 0, 1, 9})),
            address_key(v6({0x20, 1, 0xD, 0xB8, 0, 0, 0, 1, 8})));
  EXPECT_NE(address_key(v6({0x20, 1, 0xD, 0xB8, 0, 0, 0, 1})),
            address_key(v6({0x20, 1, 0xD, 0xB8, 0, 0, 0, 2})));
  EXPECT_NE(address_key(v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})), 0u);
  sockaddr_storage unix_socket{};
  unix_socket.ss_family = AF_UNIX;
  EXPECT_EQ(address_key(unix_socket), 0u);
  AddressBound bound(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bound.enter(0)) << "a unix socket has no address";
  EXPECT_TRUE(bound.enter(7));
  EXPECT_FALSE(bound.enter(7));
  EXPECT_TRUE(bound.enter(8));
  bound.leave(7);
  EXPECT_TRUE(bound.enter(7));
}

}  // namespace
}  // namespace sluice::net
