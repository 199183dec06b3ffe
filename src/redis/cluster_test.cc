// Two real primaries; a slot moves from one to the other under traffic.
#include "redis/cluster.h"

#include <gtest/gtest.h>

#include <functional>
#include <future>

#include "net/testing.h"
#include "redis/command.h"
#include "redis/testing.h"
#include "redis/testing_server.h"

namespace sluice::redis {
namespace {

using std::chrono::milliseconds;

class ClusterTest : public ::testing::Test, protected net::LoopThread {
 protected:
  void SetUp() override {
    cli(a_, "CLUSTER ADDSLOTSRANGE 0 8191");
    cli(b_, "CLUSTER ADDSLOTSRANGE 8192 16383");
    cli(a_, "CLUSTER MEET 127.0.0.1 " + port(b_) + " " + std::to_string(bus_b_));
    id_a_ = cli(a_, "CLUSTER MYID");
    id_b_ = cli(b_, "CLUSTER MYID");
    for (const auto* server : {&a_, &b_})
      for (int i = 0; i < 300 && cli(*server, "CLUSTER INFO").find("cluster_state:ok") == std::string::npos;
           ++i)
        std::this_thread::sleep_for(milliseconds(50));
  }
  void TearDown() override {
    on_loop([this] { cluster_.reset(); });
  }
  static std::string port(const RedisServer& server) { return std::to_string(server.address().port); }
  // What redis-cli prints, without its last newline.
  static std::string cli(const RedisServer& server, const std::string& command) {
    std::string text;
    FILE* const pipe = ::popen(("redis-cli -p " + port(server) + " " + command).c_str(), "r");
    char some[256];
    while (pipe != nullptr && std::fgets(some, sizeof some, pipe) != nullptr) text += some;
    if (pipe != nullptr) ::pclose(pipe);
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }
  void connect() {
    on_loop([this] {
      cluster_ = std::make_unique<Cluster>(loop_, std::vector{a_.address()}, Client::Options{}, nullptr);
    });
    for (int i = 0; i < 6'000; ++i) {
      bool up = false;
      on_loop([&] { up = cluster_->up(0) && cluster_->up(kSlots - 1); });
      if (up) return;
      std::this_thread::sleep_for(milliseconds(5));
    }
    ADD_FAILURE() << "the cluster did not come up";
  }
  template <class... Arguments>
  std::string ask(const std::string& name, const std::string& key, const Arguments&... arguments) {
    One one;
    const std::string text = command(name, key, arguments...);
    on_loop([&] { cluster_->send(slot_of(key), text, one); });
    return one.wait();
  }
  std::uint64_t redirects() {
    std::uint64_t n = 0;
    on_loop([&] { n = cluster_->redirects(); });
    return n;
  }

  /// A bus port that is free, too: the usual one is 10,000 above the server's and may be another's.
  static std::vector<std::string> arguments(std::uint16_t bus) {
    return {"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", std::to_string(bus)};
  }
  const std::uint16_t bus_a_ = free_port(), bus_b_ = free_port();
  RedisServer a_{arguments(bus_a_)}, b_{arguments(bus_b_)};
  std::string id_a_, id_b_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(ClusterTest, EachKeyGoesToItsServer) {
  connect();
  for (int i = 0; i < 200; ++i) {
    const auto key = "key:" + std::to_string(i);
    ASSERT_EQ(ask("SET", key, i), "'OK'");
    ASSERT_EQ(ask("GET", key), "'" + std::to_string(i) + "'");
  }
  EXPECT_EQ(redirects(), 0U);
  EXPECT_EQ(std::stoi(cli(a_, "DBSIZE")) + std::stoi(cli(b_, "DBSIZE")), 200);
}

TEST_F(ClusterTest, ASlotThatMoves) {
  connect();
  const std::string here = "{foo}1", there = "{foo}2";  // One slot, 12182: of b.
  const auto slot = std::to_string(slot_of(here));
  ASSERT_EQ(ask("SET", here, 1), "'OK'");
  ASSERT_EQ(cli(a_, "CLUSTER SETSLOT " + slot + " IMPORTING " + id_b_), "OK");
  ASSERT_EQ(cli(b_, "CLUSTER SETSLOT " + slot + " MIGRATING " + id_a_), "OK");
  EXPECT_EQ(ask("INCR", here), "2");  // Still at b.
  EXPECT_EQ(redirects(), 0U);
  EXPECT_EQ(ask("INCR", there), "1");  // b: ASK a.
  EXPECT_EQ(redirects(), 1U);
  EXPECT_EQ(ask("INCR", there), "2");  // ASK again: it is for one command alone.
  EXPECT_EQ(redirects(), 2U);
  EXPECT_EQ(ask("DEL", here, there).substr(0, 8), "TRYAGAIN");
  ASSERT_EQ(cli(b_, "MIGRATE 127.0.0.1 " + port(a_) + " " + here + " 0 5000"), "OK");
  EXPECT_EQ(ask("INCR", here), "3");
  ASSERT_EQ(cli(a_, "CLUSTER SETSLOT " + slot + " NODE " + id_a_), "OK");
  ASSERT_EQ(cli(b_, "CLUSTER SETSLOT " + slot + " NODE " + id_a_), "OK");
  const auto before = redirects();
  EXPECT_EQ(ask("INCR", here), "4");  // b: MOVED a, or the map is new already.
  EXPECT_EQ(ask("INCR", here), "5");
  EXPECT_LE(redirects(), before + 1);
}

TEST_F(ClusterTest, OneServerDown) {
  connect();
  b_.kill();
  const auto lost = ask("SET", "foo", 1);
  EXPECT_TRUE(lost.starts_with("not sent, ") || lost.starts_with("unknown, ")) << lost;
  b_.start();
  std::string heard;
  for (int i = 0; i < 600 && heard != "'OK'"; ++i) {
    heard = ask("SET", "foo", 1);
    if (heard != "'OK'") std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_EQ(heard, "'OK'");
}

}  // namespace
}  // namespace sluice::redis
