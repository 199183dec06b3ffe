// One loop on a thread, real sockets, the line door.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "net/testing_listener.h"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(Net, AnswersInOrderHoweverTheBytesAreCut) {
  start();
  auto whole = peer(), bytes = peer();
  std::string text;
  for (int i = 0; i < 300; ++i) text += "line " + std::to_string(i) + "\n";
  whole.say(text);
  EXPECT_EQ(whole.hear(text.size()), text);
  for (const char c : text) bytes.say(std::string_view(&c, 1));
  EXPECT_EQ(bytes.hear(text.size()), text);
}

TEST_F(Net, ARequestLargerThanAnyBuffer) {
  start();
  auto p = peer();
  const std::string line(1'500'000, 'y');
  std::thread writer([&] { p.say(line + "\nafter\n"); });
  EXPECT_EQ(p.hear(line.size() + 1), line + "\n");
  EXPECT_EQ(p.hear_line(), "after");
  writer.join();
}

TEST_F(Net, ARequestBeyondTheBoundEndsTheConnection) {
  Listener::Options o;
  o.limits.input_max = 10'000;
  start(o);
  auto p = peer();
  p.say(std::string(200'000, 'y'));
  EXPECT_TRUE(p.at_end());
}

TEST_F(Net, LateAnswersKeepTheirPlace) {
  start();
  auto p = peer();
  p.say("a\nlater\nb\nlater\nlater\nc\n");
  EXPECT_EQ(p.hear(21), "a\nlate\nb\nlate\nlate\nc\n");
}

TEST_F(Net, AHalfClosedPeerGetsAllItsAnswers) {
  start();
  auto p = peer();
  p.say("a\nlater\nb\nbig 3000000\nunfinished");
  ::shutdown(p.fd(), SHUT_WR);
  EXPECT_EQ(p.hear(9), "a\nlate\nb\n");
  EXPECT_EQ(p.hear(3'000'000), std::string(3'000'000, 'x'));
  EXPECT_EQ(p.hear_line(), "");
  EXPECT_TRUE(p.at_end());
  eventually([&] { return admission_->open == 0; });
}

TEST_F(Net, ThePeerThatVanishesWhileAnswersAreOutstanding) {
  start();
  {
    auto p = peer();
    p.say("big 5000000\nlater\n");
    EXPECT_EQ(p.hear(1), "x");
    auto q = peer();
    q.say("a\nlater\n");
  }
  eventually([&] { return admission_->open == 0; });
  EXPECT_EQ(peer().ask("still here"), "still here");
}

TEST_F(Net, LastWordsArriveThoughTheInputWasNotAllRead) {
  start();
  auto p = peer();
  p.say("quit\n" + std::string(300'000, 'z'));
  EXPECT_EQ(p.hear_line(), "bye");
  EXPECT_TRUE(p.at_end());
}

TEST_F(Net, OutputNotReadStopsReadingAndCostsNoOther) {
  start();
  auto slow = peer();
  const std::string hundred = [] {
    std::string s;
    for (int i = 0; i < 100; ++i) s += "big 1000000\n";
    return s;
  }();
  slow.say(hundred);
  EXPECT_EQ(peer().ask("hello"), "hello");
  EXPECT_LT(stats().bytes_out, 60'000'000u) << "the bound and the kernel's buffers, not all of it";
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(slow.hear(1'000'000).size(), 1'000'000u) << i;
    ASSERT_EQ(slow.hear_line(), "");
  }
  EXPECT_EQ(slow.ask("again"), "again");
}

// Once cut the connection: the session paused for its output, and what it left unread grew beyond the input's
// bound.
TEST_F(Net, APausedSessionIsFedAgainAndNothingIsReadMeanwhile) {
  Listener::Options o;
  o.limits.input_max = 200'000;
  start(o);
  auto p = peer();
  constexpr int kLines = 300;
  const std::string line(10'000, 'y');
  std::thread writer([&] {
    for (int i = 0; i < kLines; ++i) p.say("big 100000\n" + line + "\n");
  });
  std::this_thread::sleep_for(milliseconds(100));  // Lets input pile up; the test holds without.
  for (int i = 0; i < kLines; ++i) {
    ASSERT_EQ(p.hear(100'000).size(), 100'000u) << i;
    ASSERT_EQ(p.hear_line(), "");
    ASSERT_EQ(p.hear_line(), line);
  }
  writer.join();
}

TEST_F(Net, OutputNotReadForTooLongEndsTheConnection) {
  Listener::Options o;
  o.limits.stall = milliseconds(200);
  start(o);
  auto slow = peer();
  slow.say("big 50000000\n");
  eventually([&] { return stats().closed_stall == 1 && admission_->open == 0; });
}

TEST_F(Net, IdleAndPartialTimes) {
  Listener::Options o;
  o.limits.idle = milliseconds(300);
  o.limits.partial = milliseconds(200);
  start(o);
  auto idle = peer();
  EXPECT_EQ(idle.ask("a"), "a");
  EXPECT_EQ(idle.hear_line(), "idle");
  EXPECT_TRUE(idle.at_end());
  // A byte now and then does not win time: it counts from the first byte of the request.
  auto slow = peer();
  slow.say("ask\nbeg");
  EXPECT_EQ(slow.hear_line(), "ask");
  std::thread drip([&] {
    for (int i = 0; i < 40; ++i) slow.say("g"), std::this_thread::sleep_for(milliseconds(20));
  });
  EXPECT_EQ(slow.hear_line(), "partial");
  drip.join();
  eventually([&] { return stats().closed_idle == 1 && stats().closed_partial == 1; });
}

TEST_F(Net, TheConnectionBeyondTheMaximumIsToldSo) {
  start({}, "127.0.0.1:0", 2);
  auto a = peer();
  EXPECT_EQ(a.ask("1"), "1");
  {
    auto b = peer();
    EXPECT_EQ(b.ask("2"), "2");
    auto c = peer();
    EXPECT_EQ(c.hear_line(), "full");
    EXPECT_TRUE(c.at_end());
  }
  eventually([&] { return admission_->open == 1; });
  EXPECT_EQ(peer().ask("3"), "3");
  EXPECT_EQ(stats().refused, 1u);
}

TEST_F(Net, OutOfDescriptorsIsSurvivedAndSaid) {
  std::atomic<int> told{0};
  Listener::Options o;
  o.trouble = [&](std::string_view message) {
    EXPECT_NE(message.find("raise the limit of open files"), std::string_view::npos) << message;
    ++told;
  };
  start(o);
  auto first = peer();
  EXPECT_EQ(first.ask("1"), "1");
  Peer late(bound_.address);  // Connected before descriptors run out, accepted or not.
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  std::vector<Fd> clients;
  const int top = ::dup(0);
  const rlimit tight{static_cast<rlim_t>(top) + 2, before.rlim_max};
  ::close(top);
  for (int i = 0; i < 20; ++i) clients.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
  ::setrlimit(RLIMIT_NOFILE, &tight);
  sockaddr_storage to{};
  socklen_t length = sizeof to;
  ::getpeername(first.fd(), reinterpret_cast<sockaddr*>(&to), &length);
  for (auto& c : clients) EXPECT_EQ(::connect(c.get(), reinterpret_cast<sockaddr*>(&to), length), 0);
  eventually([&] { return stats().accept_errors >= 2; });
  EXPECT_EQ(first.ask("2"), "2");
  ::setrlimit(RLIMIT_NOFILE, &before);
  eventually([&] { return admission_->open == 22; });
  EXPECT_EQ(told, 1);
}

TEST_F(Net, DrainAnswersWhatHasArrivedThenEnds) {
  start();
  std::optional<Peer> quiet(bound_.address), waiting(bound_.address), busy(bound_.address);
  EXPECT_EQ(quiet->ask("a"), "a");
  EXPECT_EQ(waiting->ask("b"), "b");
  EXPECT_EQ(busy->ask("c"), "c");
  on_loop([&] {  // What these say has arrived in the kernel, unread, when the drain begins.
    waiting->say("later\n");
    busy->say("1\n2\n3\n");
    listener_->drain();
  });
  EXPECT_EQ(quiet->hear_line(), "draining");
  EXPECT_TRUE(quiet->at_end());
  EXPECT_EQ(busy->hear(15), "1\n2\n3\ndraining\n");
  EXPECT_EQ(waiting->hear(14), "late\ndraining\n");
  quiet.reset(), waiting.reset(), busy.reset();
  eventually([&] { return listener_->connections() == 0; });
  EXPECT_FALSE(connect_to(bound_.address, seconds(1)));
}

TEST_F(Net, AStoreThatNeverAnswersHoldsNothingBack) {
  start();
  auto p = peer();
  p.say("never\n");
  EXPECT_EQ(peer().ask("a"), "a");
}

TEST_F(Net, ManyConnectionsComeAndGo) {
  start();
  for (int round = 0; round < 5; ++round) {
    std::vector<Peer> peers;
    for (int i = 0; i < 100; ++i) peers.emplace_back(bound_.address);
    for (auto& p : peers) p.say("hello\n");
    for (auto& p : peers) EXPECT_EQ(p.hear_line(), "hello");
  }
  eventually([&] { return admission_->open == 0; });
  EXPECT_EQ(stats().accepted, 500u);
}

// ---- sockets

std::string temporary(const std::string& name) {
  return ::testing::TempDir() + name + std::to_string(::getpid());
}

TEST(Sockets, PortZeroIsOnePortForAll) {
  auto bound = bind_all(*Address::parse("127.0.0.1:0"), 3);
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->sockets.size(), 3u);
  EXPECT_NE(bound->address.port, 0);
}

TEST(Sockets, APortInUseIsAnErrorThoughItCouldBeShared) {
  auto first = bind_all(*Address::parse("127.0.0.1:0"), 2);
  ASSERT_TRUE(first);
  auto second = bind_all(first->address, 2);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "cannot listen on " + first->address.text() +
                ": Address already in use; another process listens there: stop it, or "
                "choose another port (0 takes a free one)");
}

TEST(Sockets, UnixFilesComeAndGo) {
  const auto path = temporary("sluice-unix-");
  const auto address = *Address::parse("unix:" + path);
  {
    auto bound = bind_all(address, 2);
    ASSERT_TRUE(bound) << bound.error().message;
    EXPECT_EQ(::access(path.c_str(), F_OK), 0);
    auto second = bind_all(address, 1);
    ASSERT_FALSE(second) << "a living server's socket is not taken away";
    // A process that was killed leaves its file: it is replaced.
    bound->sockets.clear();
    auto third = bind_all(address, 1);
    ASSERT_TRUE(third) << third.error().message;
    {
      const auto old = std::move(*bound);
    }  // Its file is not this one any more.
    EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(Sockets, UnixFilesHaveTheModeThatIsAskedFor) {
  const auto path = temporary("sluice-mode-");
  const auto umask_before = ::umask(027);
  for (const mode_t mode : {mode_t{0600}, mode_t{0660}, mode_t{0666}}) {
    auto bound = bind_all(*Address::parse("unix:" + path), 1, mode);
    ASSERT_TRUE(bound) << bound.error().message;
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, mode);
  }
  ::umask(umask_before);
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(Sockets, LoopbackAndBeyond) {
  const auto local = [](const char* address) {
    auto bound = bind_all(*Address::parse(address), 1);
    return bound && bound->local;
  };
  EXPECT_TRUE(local("127.0.0.1:0"));
  EXPECT_TRUE(local("127.9.9.9:0"));
  EXPECT_TRUE(local("localhost:0"));
  EXPECT_FALSE(local("0.0.0.0:0"));
  EXPECT_FALSE(local("*:0"));
}

TEST(Sockets, AFileThatIsNoSocketIsLeftAlone) {
  const auto path = temporary("sluice-file-");
  std::FILE* file = std::fopen(path.c_str(), "w");
  std::fclose(file);
  auto bound = bind_all(*Address::parse("unix:" + path), 1);
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().message.find("a file that is no socket lies there"), std::string::npos);
  ::unlink(path.c_str());
}

TEST(Sockets, ANameThatNobodyHas) {
  auto bound = bind_all(*Address::parse("no-such-host.invalid:1"), 1);
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().message.find("check the name"), std::string::npos);
}

}  // namespace
}  // namespace sluice::net
