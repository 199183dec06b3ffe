// A real primary with a replica and three sentinels, which change the primary because they are asked to, and
// because it is killed.
#include "redis/sentinel.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <future>

#include "net/testing.h"
#include "redis/command.h"
#include "redis/testing.h"
#include "redis/testing_server.h"

namespace sluice::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Sentinels {
 public:
  explicit Sentinels(const RedisServer& primary) {
    for (int i = 0; i < 3; ++i) {
      const auto name = "sentinel" + std::to_string(i) + ".conf";
      ports_.push_back(free_port());
      std::ofstream(folder_.file(name))
          << "port " << ports_.back() << "\nbind 127.0.0.1\nsentinel monitor main "
          << "127.0.0.1 " << primary.address().port << " 2\n"
          << "sentinel down-after-milliseconds main 500\n"
          << "sentinel failover-timeout main 3000\n";
      const pid_t child = ::fork();
      if (child == 0) {
        if (::chdir(folder_.path().c_str()) != 0 || !std::freopen("log", "a", stdout)) ::_exit(126);
        ::execlp("redis-server", "redis-server", name.c_str(), "--sentinel", nullptr);
        ::_exit(127);
      }
      processes_.push_back(child);
    }
  }
  ~Sentinels() {
    for (std::size_t i = 0; i < processes_.size(); ++i) kill(i);
  }
  void kill(std::size_t i) {
    if (processes_[i] <= 0) return;
    ::kill(processes_[i], SIGKILL);
    ::waitpid(processes_[i], nullptr, 0);
    processes_[i] = 0;
  }
  std::string hosts() const {
    std::string text;
    for (const auto port : ports_) text += (text.empty() ? "" : ",") + ("127.0.0.1:" + std::to_string(port));
    return text;
  }
  std::string port(std::size_t i) const { return std::to_string(ports_[i]); }
  /// The sentinel comes to name this one as the primary; they tell each other every two seconds.
  bool names(std::size_t i, std::uint16_t primary) const {
    const auto ask = "redis-cli -p " + port(i) + " SENTINEL GET-MASTER-ADDR-BY-NAME main | grep -qx " +
                     std::to_string(primary);
    for (int n = 0; n < 300; ++n) {
      if (run({"sh", "-c", ask}) == 0) return true;
      std::this_thread::sleep_for(milliseconds(100));
    }
    return false;
  }

 private:
  TempFolder folder_;
  std::vector<std::uint16_t> ports_;
  std::vector<pid_t> processes_;
};

class Sentinel : public ::testing::Test, protected net::LoopThread {
 protected:
  void TearDown() override {
    on_loop([this] { node_.reset(); });
  }
  void connect(const std::string& url) {
    auto options = SentinelNode::Options::from(*Url::parse(url));
    ASSERT_TRUE(options);
    on_loop([&] { node_ = std::make_unique<SentinelNode>(loop_, *options, nullptr); });
  }
  // The port of the primary that is up; 0: none.
  std::uint16_t primary() {
    std::uint16_t port = 0;
    on_loop([&] {
      if (node_->up()) port = node_->primary()->address().port;
    });
    return port;
  }
  bool becomes(std::uint16_t port) {
    for (int i = 0; i < 6'000; ++i) {
      if (primary() == port) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }
  template <class... Arguments>
  std::string ask(const Arguments&... arguments) {
    One one;
    const std::string text = command(arguments...);
    on_loop([&] { node_->send(text, one); });
    return one.wait();
  }

  // The server itself, a replica as yet, has what was written.
  static bool has(const RedisServer& server, const std::string& value) {
    const auto get = "redis-cli -p " + std::to_string(server.address().port) + " GET k | grep -qx " + value;
    for (int i = 0; i < 300; ++i) {
      if (run({"sh", "-c", get}) == 0) return true;
      std::this_thread::sleep_for(milliseconds(100));
    }
    return false;
  }

  std::unique_ptr<SentinelNode> node_;
};

TEST_F(Sentinel, FollowsThePrimary) {
  RedisServer a;
  RedisServer b({"--replicaof", "127.0.0.1 " + std::to_string(a.address().port)});
  Sentinels sentinels(a);
  connect("redis+sentinel://" + sentinels.hosts() + "/main");
  ASSERT_TRUE(becomes(a.address().port));
  EXPECT_EQ(ask("SET", "k", 1), "'OK'");
  ASSERT_TRUE(has(b, "1"));

  // The sentinels must have found the replica and each other before they can promote it.
  std::string asked;
  for (int i = 0; i < 300; ++i) {
    if (run({"sh", "-c", "redis-cli -p " + sentinels.port(0) + " SENTINEL FAILOVER main | grep -q OK"},
            "/tmp") == 0) {
      asked = "OK";
      break;
    }
    std::this_thread::sleep_for(milliseconds(100));
  }
  ASSERT_EQ(asked, "OK");
  ASSERT_TRUE(becomes(b.address().port));
  EXPECT_EQ(ask("INCR", "k"), "2");

  // Once the old primary is the new one's replica and all sentinels have heard of it, the new one dies. The
  // sentinels that are left, two, still agree.
  ASSERT_TRUE(has(a, "2"));
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(sentinels.names(i, b.address().port)) << i;
  sentinels.kill(0);
  b.kill();
  ASSERT_TRUE(becomes(a.address().port));
  EXPECT_EQ(ask("INCR", "k"), "3");
  on_loop([&] { EXPECT_EQ(node_->switches(), 2U); });
}

TEST_F(Sentinel, ANameThatNoneKnows) {
  RedisServer a;
  Sentinels sentinels(a);
  struct Heard final : Client::Listener {
    void went_up(Client&) override {}
    void went_down(Client&, std::string_view why) override {
      if (why.find("knows no master 'other'") == std::string_view::npos || told) return;
      told = true;
      text.set_value(std::string(why));
    }
    bool told = false;
    std::promise<std::string> text;
  } heard;
  auto options = SentinelNode::Options::from(*Url::parse("redis+sentinel://" + sentinels.hosts() + "/other"));
  on_loop([&] { node_ = std::make_unique<SentinelNode>(loop_, *options, &heard); });
  auto text = heard.text.get_future();
  EXPECT_EQ(text.wait_for(seconds(30)), std::future_status::ready);
  EXPECT_EQ(ask("GET", "k"), "not sent, no sentinel has named the primary yet");
  on_loop([this] { node_.reset(); });
}

}  // namespace
}  // namespace sluice::redis
