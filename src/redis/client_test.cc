// The client before real servers, which are killed, frozen, misconfigured or no servers at all.
#include "redis/client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <mutex>

#include "net/testing.h"
#include "redis/command.h"
#include "redis/slots.h"
#include "redis/testing.h"
#include "redis/testing_server.h"

namespace sluice::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One loop on a thread, one client on it at a time.
class RedisClient : public ::testing::Test, protected net::LoopThread, protected Client::Listener {
 protected:
  void TearDown() override {
    on_loop([this] { client_.reset(); });
  }
  void went_up(Client&) override { news("up"); }
  void went_down(Client&, std::string_view why) override { news(std::string(why)); }
  void news(std::string text) {
    const std::lock_guard lock(mutex_);
    news_.push_back(std::move(text));
  }
  /// The next thing that the listener heard.
  std::string next() {
    for (int i = 0; i < 30'000; ++i) {
      {
        const std::lock_guard lock(mutex_);
        if (!news_.empty()) {
          std::string first = news_.front();
          news_.pop_front();
          return first;
        }
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
    return "nothing";
  }

  void connect(const std::string& url, const std::function<void(Client::Options&)>& change = {}) {
    auto read = Url::parse(url);
    ASSERT_TRUE(read) << read.error().message;
    auto options = Client::Options::from(*read);
    ASSERT_TRUE(options) << options.error().message;
    options->stall = seconds(20);
    options->timeout = std::max<Duration>(options->timeout, seconds(10));
    if (change) change(*options);
    on_loop([&] {
      client_.reset();
      const std::lock_guard lock(mutex_);
      news_.clear();
      client_ = std::make_unique<Client>(loop_, *options, static_cast<Client::Listener*>(this));
    });
  }
  /// Connects; what comes first, "up" or why not.
  std::string first(const std::string& url) {
    connect(url);
    return next();
  }
  template <class... Arguments>
  std::string ask(const Arguments&... arguments) {
    One one;
    const std::string text = command(arguments...);
    on_loop([&] { client_->send(text, one); });
    return one.wait();
  }

  std::unique_ptr<Client> client_;
  std::mutex mutex_;
  std::deque<std::string> news_;
};

// Within a text, so that a failure shows all of it.
void expect_within(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST_F(RedisClient, ManyCommandsInOrder) {
  RedisServer server;
  ASSERT_EQ(first("redis://" + server.at()), "up");
  EXPECT_EQ(client_->role(), Link::Role::primary);
  EXPECT_EQ(ask("SET", "k", std::string(100'000, 'x')), "'OK'");
  EXPECT_EQ(ask("STRLEN", "k"), "100000");
  EXPECT_EQ(ask("GET", "k"), "'" + std::string(100'000, 'x') + "'");
  EXPECT_EQ(ask("EVAL", "return {1, 'a', {2}, redis.error_reply('ERR in it')}", 0), "[1 'a' [2] ERR in it]");
  expect_within(ask("NOSUCH"), "ERR unknown command");
  std::deque<One> all(20'000);
  const std::string incr = command("INCR", "n");
  on_loop([&] {
    for (auto& one : all) client_->send(incr, one);
  });
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i].wait(), std::to_string(i + 1));
  EXPECT_EQ(client_->waiting(), 0U);
  expect_within(ask("CLIENT", "LIST"), "name=sluice");
}

TEST_F(RedisClient, UnixSocketAndDatabase) {
  RedisServer server;
  ASSERT_EQ(first("redis+unix://" + server.socket() + "?db=3"), "up");
  EXPECT_EQ(ask("SET", "k", 1), "'OK'");
  ASSERT_EQ(first("redis://" + server.at()), "up");
  EXPECT_EQ(ask("GET", "k"), "(nil)");
  EXPECT_EQ(ask("SELECT", 3), "'OK'");
  EXPECT_EQ(ask("GET", "k"), "'1'");
  expect_within(first("redis://" + server.at() + "/16"), "has no database 16");
  expect_within(first("redis+unix:///nowhere/socket"), "No such file");
}

TEST_F(RedisClient, PasswordsAndUsers) {
  RedisServer server({"--requirepass", "secret", "--user", "app", "on", ">pw", "~*", "+@all", "--user",
                      "narrow", "on", ">pw", "~*", "-@all", "+get", "+auth"});
  EXPECT_EQ(first("redis://:secret@" + server.at()), "up");
  EXPECT_EQ(first("redis://app:pw@" + server.at()), "up");
  expect_within(ask("ACL", "WHOAMI"), "app");
  EXPECT_EQ(first("redis://narrow:pw@" + server.at()), "up");
  EXPECT_EQ(ask("GET", "k"), "(nil)");
  for (const char* login : {":hidden@", "app:hidden@", "nobody:hidden@"}) {
    const auto why = first("redis://" + std::string(login) + server.at());
    expect_within(why, "check both in the URL");
    expect_within(why, server.at());
    EXPECT_EQ(why.find("hidden"), std::string::npos) << why;
  }
  expect_within(first("redis://" + server.at()), "asks for a password");
}

TEST_F(RedisClient, AReplicaIsNotTakenForAPrimary) {
  RedisServer primary;
  RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(primary.address().port)});
  expect_within(first("redis://" + replica.at()), "is a replica");
  // Promoted, it is taken without further ado.
  on_loop([&] { client_->drop("test"); });
  ASSERT_EQ(run({"redis-cli", "-p", std::to_string(replica.address().port), "REPLICAOF", "NO", "ONE"}), 0);
  std::string heard;
  do heard = next();
  while (heard != "up" && heard != "nothing");
  EXPECT_EQ(heard, "up");
}

TEST_F(RedisClient, KilledAndBack) {
  RedisServer server;
  ASSERT_EQ(first("redis://" + server.at()), "up");
  One in_flight, behind;
  const std::string sleep = command("DEBUG", "SLEEP", 30), get = command("GET", "k");
  on_loop([&] {
    client_->send(sleep, in_flight);
    client_->send(get, behind);
  });
  std::this_thread::sleep_for(milliseconds(100));
  server.kill();
  expect_within(in_flight.wait(), "unknown, " + server.at());
  expect_within(behind.wait(), "unknown, " + server.at());
  expect_within(next(), server.at());
  EXPECT_EQ(ask("GET", "k"), "not sent, not connected");
  expect_within(next(), "Connection refused");  // Told once, however often it is tried.
  server.start();
  EXPECT_EQ(next(), "up");
  EXPECT_EQ(ask("GET", "k"), "(nil)");
  EXPECT_EQ(client_->stats().connected.load(), 2U);
}

TEST_F(RedisClient, AFrozenServerIsLeftAndComesBack) {
  RedisServer server;
  connect("redis://" + server.at(), [](auto& options) { options.stall = milliseconds(300); });
  ASSERT_EQ(next(), "up");
  expect_within(ask("DEBUG", "SLEEP", "1.5"), "unknown, " + server.at() + ": no reply within 300 ms");
  EXPECT_EQ(client_->stats().stalled.load(), 1U);
  expect_within(next(), "no reply within 300 ms");
  EXPECT_EQ(next(), "up");
  EXPECT_EQ(ask("PING"), "'PONG'");
  // Idle is not frozen.
  std::this_thread::sleep_for(milliseconds(700));
  EXPECT_EQ(ask("PING"), "'PONG'");
  EXPECT_EQ(client_->stats().stalled.load(), 1U);
}

TEST_F(RedisClient, SlotsAreTheServersOwn) {
  RedisServer server({"--cluster-enabled", "yes"});
  ASSERT_EQ(first("redis://" + server.at()), "up");
  for (const std::string key :
       {"", "a", "sluice:{api:1}", "{}x", "x{y", "{a}{b}", "\xff\xfe{\x80}", "0123456789012345"})
    EXPECT_EQ(ask("CLUSTER", "KEYSLOT", key), std::to_string(slot_of(key))) << key;
  expect_within(ask("GET", "a"), "CLUSTERDOWN");
  EXPECT_EQ(ask("CLUSTER", "ADDSLOTSRANGE", 0, 9'999), "'OK'");
  struct Map final : Caller {
    void replied(Reply reply) override { heard.set_value(SlotMap::read(reply, asked)); }
    void lost(Loss, std::string_view why) override {
      heard.set_value(Error{Code::unavailable, std::string(why)});
    }
    net::Address asked;
    std::promise<Result<SlotMap>> heard;
  } map;
  map.asked = server.address();
  const std::string slots = command("CLUSTER", "SLOTS");
  on_loop([&] { client_->send(slots, map); });
  const auto read = map.heard.get_future().get();
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->covered(), 10'000U);
  EXPECT_EQ(read->primaries()[read->owner(9'999)], server.address());
}

TEST_F(RedisClient, ConnectionsKilledByTheServer) {
  RedisServer server;
  ASSERT_EQ(first("redis://" + server.at()), "up");
  for (int i = 0; i < 5; ++i) {
    run({"redis-cli", "-p", std::to_string(server.address().port), "CLIENT", "KILL", "TYPE", "normal"},
        "/tmp");
    expect_within(next(), "closed the connection");
    ASSERT_EQ(next(), "up");
    EXPECT_EQ(ask("PING"), "'PONG'");
  }
}

// Accepts, one connection after another, and does with each what it is told to.
class Impostor {
 public:
  explicit Impostor(std::function<void(int)> serve)
      : bound_(*net::bind_all(*net::Address::parse("127.0.0.1:0"), 1)) {
    thread_ = std::thread([this, serve = std::move(serve)] {
      while (!stop_) {
        const int fd = ::accept(bound_.sockets[0].get(), nullptr, nullptr);
        if (fd < 0) {
          std::this_thread::sleep_for(milliseconds(1));
          continue;
        }
        serve(fd);
        ::close(fd);
      }
    });
  }
  ~Impostor() {
    stop_ = true;
    thread_.join();
  }
  std::string at() const { return bound_.address.text(); }

 private:
  net::Bound bound_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void say(int fd, std::string_view text) { EXPECT_GE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), 0); }
bool hear(int fd) {
  char some[4096];
  return ::recv(fd, some, sizeof some, 0) > 0;
}

TEST_F(RedisClient, NoServerOfRedis) {
  Impostor http([](int fd) {
    hear(fd);
    say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
    hear(fd);
  });
  expect_within(first("redis://" + http.at()), "is this the port of a Redis server?");
  expect_within(first("rediss://" + http.at()), "does not speak TLS on this port");
  Impostor silent([](int fd) {
    while (hear(fd)) {
    }
  });
  for (const char* scheme : {"redis://", "rediss://"}) {
    connect(scheme + silent.at(), [](auto& options) { options.timeout = milliseconds(200); });
    expect_within(next(), "within 200 ms");
  }
  expect_within(first("redis://nobody.invalid"), "cannot resolve nobody.invalid:6379");
}

TEST_F(RedisClient, HalfAReplyAndThenTheEnd) {
  Impostor half([](int fd) {
    hear(fd);
    say(fd, "%1\r\n+role\r\n+master\r\n");
    hear(fd);
    say(fd, "+PONG\r\n+OK\r\n");
    hear(fd);  // The client's own command and, now or later, the test's.
    std::this_thread::sleep_for(milliseconds(100));
    say(fd, "$10\r\nhalf");
  });
  ASSERT_EQ(first("redis://" + half.at()), "up");
  expect_within(ask("GET", "k"), "unknown, " + half.at());
  EXPECT_NE(next(), "up");
  EXPECT_EQ(next(), "up");  // It tries again.
}

// ---- TLS

class RedisTls : public RedisClient {
 protected:
  void SetUp() override {
    RedisClient::SetUp();
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=Sluice test CA", "-keyout", "ca.key", "-out", "ca.pem"});
    certificate("server", "subjectAltName=DNS:redis.test,IP:127.0.0.1");
    certificate("client", "subjectAltName=DNS:sluice.test");
  }
  void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    ASSERT_EQ(run(arguments, folder_.path()), 0);
  }
  void certificate(const std::string& name, const std::string& extension) {
    openssl({"req",     "-x509",       "-newkey",
             "ec",      "-pkeyopt",    "ec_paramgen_curve:P-256",
             "-nodes",  "-days",       "2",
             "-subj",   "/CN=" + name, "-addext",
             extension, "-addext",     "basicConstraints=critical,CA:FALSE",
             "-CA",     "ca.pem",      "-CAkey",
             "ca.key",  "-keyout",     name + ".key",
             "-out",    name + ".pem"});
  }
  std::string file(const std::string& name) const { return folder_.file(name); }
  RedisServer::Arguments server(const std::string& clients) const {
    return {"--port",
            "0",
            "--tls-cert-file",
            file("server.pem"),
            "--tls-key-file",
            file("server.key"),
            "--tls-ca-cert-file",
            file("ca.pem"),
            "--tls-auth-clients",
            clients};
  }
  TempFolder folder_;
};

TEST_F(RedisTls, VerifiesTheServer) {
  const auto port = std::to_string(free_port());
  auto arguments = server("no");
  arguments.insert(arguments.end(), {"--tls-port", port});
  RedisServer redis({arguments.begin() + 2, arguments.end()});  // With a plain port beside it.
  const std::string at = "127.0.0.1:" + port, ca = "?ca=" + file("ca.pem");
  ASSERT_EQ(first("rediss://" + at + ca), "up");
  EXPECT_EQ(ask("SET", "k", std::string(300'000, 'x')), "'OK'");
  EXPECT_EQ(ask("GET", "k").size(), 300'002U);
  std::deque<One> all(5'000);
  const std::string incr = command("INCR", "n");
  on_loop([&] {
    for (auto& one : all) client_->send(incr, one);
  });
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i].wait(), std::to_string(i + 1));

  EXPECT_EQ(first("rediss://localhost:" + port + ca + "&sni=redis.test"), "up");
  EXPECT_EQ(first("rediss://" + at + "?verify=none"), "up");
  expect_within(first("rediss://" + at), "give the file of the CA");
  expect_within(first("rediss://localhost:" + port + ca), "connect by a name that is in it");
  expect_within(first("rediss://" + at + ca + "&sni=other.test"), "connect by a name that is in it");
  connect("rediss://" + redis.at() + ca, [](auto& options) { options.timeout = milliseconds(300); });
  expect_within(next(),
                "does it speak TLS on this port?");  // It waits for more of what it takes for a command.
  expect_within(first("redis://" + at), at);
}

TEST_F(RedisTls, ClientCertificates) {
  const auto port = std::to_string(free_port());
  auto arguments = server("yes");
  arguments.insert(arguments.end(), {"--tls-port", port});
  RedisServer redis({arguments.begin() + 2, arguments.end()});
  const std::string url = "rediss://127.0.0.1:" + port + "?ca=" + file("ca.pem");
  EXPECT_EQ(first(url + "&cert=" + file("client.pem") + "&key=" + file("client.key")), "up");
  EXPECT_EQ(ask("PING"), "'PONG'");
  expect_within(first(url), "does not accept our certificate");
}

TEST_F(RedisTls, FilesThatAreWrong) {
  const auto why = [](const std::string& query) {
    auto made = Client::Options::from(*Url::parse("rediss://host?" + query));
    return made ? std::string("none") : made.error().message;
  };
  expect_within(why("ca=/nowhere.pem"), "the CA '/nowhere.pem'");
  expect_within(why("cert=" + file("ca.key") + "&key=" + file("ca.key")),
                "the certificate '" + file("ca.key") + "'");
  expect_within(why("cert=" + file("client.pem") + "&key=/nowhere"), "the key '/nowhere'");
  expect_within(why("cert=" + file("client.pem") + "&key=" + file("server.key")),
                "is not that of the certificate");
}

}  // namespace
}  // namespace sluice::redis
