// The composition with the line door of the tests: real sockets, real files, real threads.
#include "server/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <thread>

#include "net/line_door.h"
#include "net/socket.h"
#include "net/testing_tls.h"
#include "policy/policy_set.h"
#include "server/reload.h"

namespace sluice::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A line door that also tells the quota in force of the limit "a", and asked for policies, all rules in
/// force.
class LimitSession final : public net::Session {
 public:
  explicit LimitSession(const DoorParts& parts) : view_(parts.limits), policies_(parts.policies) {}
  std::size_t feed(std::string_view in, Time, std::string& out) override {
    std::size_t used = 0;
    for (std::size_t end; (end = in.find('\n', used)) != std::string_view::npos; used = end + 1) {
      if (in.substr(used, end - used) == "policies") {
        auto text = policies_.get()->text();
        std::replace(text.begin(), text.end(), '\n', ';');
        out += text + "\n";
        continue;
      }
      const auto* limit = view_.get()->find("a");
      out += (limit != nullptr ? limit->quotas[0].text() : "none") + "\n";
    }
    return used;
  }
  State state() const override { return closing_ ? State::closing : State::reading; }
  void drain(std::string& out) override { out += "draining\n", closing_ = true; }
  void expire(net::Expiry, std::string&) override { closing_ = true; }

 private:
  policy::View view_;
  policy::PoliciesView policies_;
  bool closing_ = false;
};

class LimitFactory final : public net::SessionFactory {
 public:
  explicit LimitFactory(const DoorParts& parts) : parts_(parts) {}
  std::unique_ptr<net::Session> session(net::Host&, std::string_view) override {
    return std::make_unique<LimitSession>(parts_);
  }

 private:
  const DoorParts parts_;
};

const Door kRows[] = {
    {"resp", &Config::resp, &Config::resp_idle,
     [](const DoorParts& p) -> std::unique_ptr<net::SessionFactory> {
       return std::make_unique<LimitFactory>(p);
     }},
    {"http", &Config::http, &Config::http_idle,
     [](const DoorParts& p) -> std::unique_ptr<net::SessionFactory> {
       return std::make_unique<LimitFactory>(p);
     }},
};

class Peer {
 public:
  explicit Peer(const net::Address& address) {
    if (auto fd = net::connect_to(address, seconds(20))) fd_ = std::move(*fd);
  }
  bool connected() const { return bool(fd_); }
  std::string ask(std::string request = {}) {
    request += '\n';
    (void)!::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL);
    return hear();
  }
  std::string hear() {
    std::string line;
    for (char c; ::recv(fd_.get(), &c, 1, 0) == 1 && c != '\n';) line += c;
    return line;
  }

 private:
  net::Fd fd_;
};

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "sluice-server-" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
    config_.resp = *net::Address::parse("127.0.0.1:0");
    config_.http = *net::Address::parse("unix:" + folder_ + "/http");
    config_.threads = 2;
    config_.log_level = Level::off;
  }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(folder_);
  }
  void start() {
    auto server = Server::start(config_, kRows);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    thread_ = std::thread([this] { in_time_ = server_->run(false); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    server_->drain();
    thread_.join();
    server_.reset();
  }
  void write(const std::string& text) {
    std::ofstream(folder_ + "/next") << text;
    std::filesystem::rename(folder_ + "/next", folder_ + "/limits.yaml");
  }
  void use_limits(const std::string& text) {
    write(text);
    config_.limits = folder_ + "/limits.yaml";
  }
  template <class F>
  void eventually(F&& what) {
    for (int i = 0; i < 20'000 && !what(); ++i) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_TRUE(what());
  }
  Peer resp() { return Peer(server_->addresses()[0]); }

  std::string folder_;
  Config config_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  bool in_time_ = false;
};

TEST_F(ServerTest, SaysWhereItListensAndServesThere) {
  start();
  const auto lines = server_->start_lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "sluice: resp listening on 127.0.0.1:" + std::to_string(server_->addresses()[0].port));
  EXPECT_NE(server_->addresses()[0].port, 0);
  EXPECT_EQ(lines[1], "sluice: http listening on unix:" + folder_ + "/http");
  EXPECT_EQ(lines[2], "sluice: ready");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(resp().ask(), "none");  // Spread over both loops.
  EXPECT_EQ(Peer(server_->addresses()[1]).ask(), "none");
  EXPECT_TRUE(server_->process().ready);
  stop();
  EXPECT_TRUE(in_time_);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/http"));
}

TEST_F(ServerTest, ReloadsOnChangeAndKeepsTheOldWhenTheNewIsBad) {
  use_limits("limits: {a: {quota: 1/s}}");
  start();
  auto peer = resp();
  EXPECT_EQ(peer.ask(), "1/s");
  write("limits: {a: {quota: 2/s}}");  // Renamed over.
  eventually([&] { return peer.ask() == "2/s"; });
  std::ofstream(folder_ + "/limits.yaml") << "limits: {a: {quota: 3/s}}";  // Written in place.
  eventually([&] { return peer.ask() == "3/s"; });
  write("limits: {a: {qouta: 4/s}}");
  eventually([&] { return server_->process().rejected == 1; });
  EXPECT_EQ(peer.ask(), "3/s");
  std::filesystem::remove(folder_ + "/limits.yaml");
  eventually([&] { return server_->process().rejected == 2; });
  EXPECT_EQ(peer.ask(), "3/s");
  write("limits: {a: {quota: 5/s}}");
  eventually([&] { return peer.ask() == "5/s"; });
  EXPECT_EQ(server_->process().reloads, 3u);
}

TEST_F(ServerTest, AWriterThatHasNotClosedIsWaitedFor) {
  use_limits("limits: {a: {quota: 1/s}}");
  start();
  auto peer = resp();
  std::ofstream slow(folder_ + "/limits.yaml");
  slow << "limits:\n  b: {quota: 1/s}\n" << std::flush;  // Valid as it stands, but not what is meant.
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(peer.ask(), "1/s");
    std::this_thread::sleep_for(milliseconds(2));
  }
  slow << "  a: {quota: 2/s}\n";
  slow.close();
  eventually([&] { return peer.ask() == "2/s"; });
}

TEST_F(ServerTest, ReloadOnDemandTakesTheFileEvenIfItIsTheSame) {
  use_limits("limits: {a: {quota: 1/s}}");
  start();
  server_->reload();
  eventually([&] { return server_->process().reloads == 1; });
}

TEST_F(ServerTest, PoliciesAreReloadedAsOneSet) {
  const auto policies = folder_ + "/policies";
  std::filesystem::create_directories(policies);
  const auto put = [&](const std::string& name, const std::string& domain, const std::string& rate_limit) {
    std::ofstream(policies + "/.next")
        << "domain: " << domain << "\ndescriptors: [{key: k, rate_limit: " << rate_limit << "}]\n";
    std::filesystem::rename(policies + "/.next", policies + "/" + name);
  };
  put("one.yaml", "one", "{unit: day, requests_per_unit: 1}");
  config_.policies = policies;
  start();
  auto peer = resp();
  EXPECT_EQ(peer.ask("policies"), "one.k: 1/day;");
  put("two.yml", "two", "{unit: day, requests_per_unit: 2}");  // A new file.
  eventually([&] { return peer.ask("policies") == "one.k: 1/day;two.k: 2/day;"; });
  put("one.yaml", "one", "{unit: hour, requests_per_unit: 3}");
  eventually([&] { return peer.ask("policies") == "one.k: 3/h;two.k: 2/day;"; });
  put("two.yml", "one", "{unit: day, requests_per_unit: 2}");  // One domain twice: none of it is taken.
  eventually([&] { return server_->process().rejected == 1; });
  EXPECT_EQ(peer.ask("policies"), "one.k: 3/h;two.k: 2/day;");
  std::filesystem::remove(policies + "/two.yml");
  eventually([&] { return peer.ask("policies") == "one.k: 3/h;"; });
  std::filesystem::remove(policies + "/one.yaml");  // The last one: more likely lost than meant.
  eventually([&] { return server_->process().rejected == 2; });
  EXPECT_EQ(peer.ask("policies"), "one.k: 3/h;");
  EXPECT_EQ(server_->process().reloads, 3u);
}

TEST_F(ServerTest, PoliciesBehindALinkThatIsSwapped) {
  for (const char* n : {"1", "2"}) {
    std::filesystem::create_directories(folder_ + "/" + n);
    std::ofstream(folder_ + "/" + n + "/p.yaml")
        << "domain: d" << n << "\ndescriptors: [{key: k, rate_limit: "
        << "{unlimited: true}}]\n";
  }
  std::filesystem::create_symlink("1", folder_ + "/current");
  config_.policies = folder_ + "/current";
  start();
  auto peer = resp();
  EXPECT_EQ(peer.ask("policies"), "d1.k: unlimited;");
  std::filesystem::create_symlink("2", folder_ + "/next");
  std::filesystem::rename(folder_ + "/next", folder_ + "/current");
  eventually([&] { return peer.ask("policies") == "d2.k: unlimited;"; });
  std::ofstream(folder_ + "/2/p.yaml")
      << "domain: d3\ndescriptors: [{key: k, rate_limit: {unlimited: true}}]\n";
  eventually([&] { return peer.ask("policies") == "d3.k: unlimited;"; });
}

// Read on a thread of its own: the last word counts, however many changes come while it reads, and a server
// may go down meanwhile.
TEST_F(ServerTest, ManyReloadsOfPoliciesEndWithTheLast) {
  const auto write_rules = [&](int rules) {
    std::ofstream out(folder_ + "/.next");
    out << "domain: d\ndescriptors:\n";
    for (int i = 0; i < rules; ++i) out << "- {key: k" << i << ", rate_limit: {unlimited: true}}\n";
    out.close();
    std::filesystem::rename(folder_ + "/.next", folder_ + "/p.yaml");
  };
  write_rules(1);
  config_.policies = folder_ + "/p.yaml";
  start();
  auto peer = resp();
  for (int i = 0; i < 50; ++i) {
    write_rules(i % 2 == 0 ? 2'000 : 3);
    server_->reload();
    EXPECT_NE(peer.ask("policies"), "");
  }
  write_rules(2);
  server_->reload();
  eventually([&] { return peer.ask("policies") == "d.k0: unlimited;d.k1: unlimited;"; });
  write_rules(20'000);
  server_->reload();
}

TEST_F(ServerTest, PoliciesThatAreNotValidStopTheStart) {
  std::ofstream(folder_ + "/p.yaml") << "domain: d\ndescriptor: []\n";
  config_.policies = folder_ + "/p.yaml";
  const auto server = Server::start(config_, kRows);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().message,
            folder_ + "/p.yaml:2:1: unknown field \"descriptor\" (did you mean \"descriptors\"?)");
}

TEST_F(ServerTest, ManyReloadsUnderLoadAnswerOldOrNew) {
  use_limits("limits: {a: {quota: 1/s}}");
  start();
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i)
      write(i % 2 == 0 ? "limits: {a: {quota: 2/s}}" : "limits: {a: {quota: 1/s}}");
    done = true;
  });
  auto peer = resp();
  while (!done) {
    const auto said = peer.ask();
    ASSERT_TRUE(said == "1/s" || said == "2/s") << said;
  }
  writer.join();
}

TEST_F(ServerTest, DrainTellsThePeersAndRefusesNewOnes) {
  start();
  std::vector<Peer> peers;
  for (int i = 0; i < 50; ++i) peers.push_back(resp());
  for (auto& p : peers) EXPECT_EQ(p.ask(), "none");
  const auto address = server_->addresses()[0];
  server_->drain();
  for (auto& p : peers) EXPECT_EQ(p.hear(), "draining");
  EXPECT_FALSE(server_->process().ready);
  peers.clear();
  thread_.join();
  EXPECT_TRUE(in_time_);
  EXPECT_FALSE(Peer(address).connected());
}

TEST_F(ServerTest, CountsWhatItDoes) {
  config_.max_connections = 3;
  use_limits("limits: {a: {quota: 1/s}}");
  start();
  std::vector<Peer> peers;
  for (int i = 0; i < 3; ++i) peers.push_back(resp());
  for (auto& p : peers) EXPECT_EQ(p.ask(), "1/s");
  EXPECT_EQ(resp().hear(), "");  // One too many.
  server_->reload();
  eventually([&] { return server_->process().reloads == 1; });
  const auto page = server_->process().metrics();
  for (const char* line : {
           "sluice_ready 1\n",
           "sluice_connections{door=\"resp\"} 3\n",
           "sluice_connections{door=\"http\"} 0\n",
           "sluice_connections_accepted_total{door=\"resp\"} 3\n",
           "sluice_connections_refused_total{door=\"resp\"} 1\n",
           "sluice_connections_closed_total{door=\"resp\",reason=\"idle\"} 0\n",
           "sluice_connections_max 3\n",
           "sluice_read_bytes_total{door=\"resp\"} 3\n",
           "sluice_written_bytes_total{door=\"resp\"} 12\n",
           "sluice_limits_reloads_total 1\n",
           "sluice_limits_rejected_total 0\n",
           "sluice_table_keys 0\n",
           "sluice_table_max_keys 10000000\n",
           "sluice_build_info{version=\"",
           "process_resident_memory_bytes ",
       })
    EXPECT_NE(page.find(line), std::string::npos) << line << " is not in\n" << page;
  const auto files = page.find("\nprocess_open_fds ");
  ASSERT_NE(files, std::string::npos);
  EXPECT_GT(std::atoi(page.c_str() + files + 18), 6);
}

TEST_F(ServerTest, EveryMetricIsInTheDocumentsAndTheOtherWayRound) {
  config_.snapshot = folder_ + "/buckets";
  config_.store = "redis+unix://" + folder_ + "/nobody";  // A server starts without its store.
  const net::TestIdentity identity("server");
  config_.tls_cert = folder_ + "/tls.pem";
  config_.tls_key = folder_ + "/tls.key";
  std::ofstream(config_.tls_cert) << identity.cert_pem();
  std::ofstream(config_.tls_key) << identity.key_pem();
  config_.tokens = folder_ + "/tokens.yaml";
  std::ofstream(config_.tokens) << "tokens: {}\n";
  config_.trace_endpoint = "http://127.0.0.1:1";  // Nobody is there.
  start();
  std::ifstream in(OPERATIONS_MD);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  const auto docs = all.substr(all.find("\n## Metrics\n"));
  const auto page = server_->process().metrics();
  const auto check = [](std::string_view text, const char* expression, const std::string& other,
                        std::string_view before, std::string_view after) {
    const std::regex name(expression);
    int names = 0;
    for (std::cregex_iterator it(text.data(), text.data() + text.size(), name), end; it != end; ++it, ++names)
      EXPECT_NE(other.find(std::string(before) + (*it)[1].str() + std::string(after)), std::string::npos)
          << (*it)[1];
    EXPECT_GT(names, 25);
  };
  check(page, "# TYPE (\\S+) ", docs, "`", "`");
  check(docs.substr(0, docs.find("\n```")), "`((?:sluice|process)_\\w+)`", page, "# TYPE ", " ");
}

TEST_F(ServerTest, TheDoorsReportTheirDecisions) {
  auto server = Server::start(config_, doors());
  ASSERT_TRUE(server) << server.error().message;
  server_ = std::move(*server);
  thread_ = std::thread([this] { in_time_ = server_->run(false); });
  {
    Peer peer(server_->addresses()[0]);
    for (const char* expected : {":0\r", ":0\r", ":1\r"}) {
      EXPECT_EQ(peer.ask("CL.THROTTLE k 1 1 86400"), "*5\r");
      EXPECT_EQ(peer.hear(), expected);
      for (int i = 0; i < 4; ++i) peer.hear();
    }
    EXPECT_EQ(peer.ask("PING"), "+PONG\r");
  }
  // The last answer is on its way before it is counted.
  eventually([&] {
    return server_->process().metrics().find("sluice_request_seconds_count{door=\"resp\"} 4\n") !=
           std::string::npos;
  });
  const auto page = server_->process().metrics();
  for (const char* line : {
           "sluice_decisions_total{limit=\"#throttle\",outcome=\"allowed\"} 2\n",
           "sluice_decisions_total{limit=\"#throttle\",outcome=\"refused\"} 1\n",
           "sluice_table_keys 1\n",
       })
    EXPECT_NE(page.find(line), std::string::npos) << line << " is not in\n" << page;
}

TEST_F(ServerTest, WhatCannotStartSaysWhy) {
  const auto fails = [&](std::string_view words) {
    auto server = Server::start(config_, kRows);
    ASSERT_FALSE(server);
    EXPECT_NE(server.error().message.find(words), std::string::npos) << server.error().message;
  };
  auto good = config_;
  config_.store = "postgres://h";
  fails("--store: ");
  config_ = good;
  config_.limits = folder_ + "/missing.yaml";
  fails("missing.yaml: cannot be read");
  config_.limits = folder_ + "/limits.yaml";
  write("limits: {a: {quota: x}}");
  fails("limits.yaml:1:21: quota 'x'");
  config_ = good;
  config_.resp = config_.http = {};
  fails("no address to listen on");
  config_ = good;
  start();
  config_.resp = server_->addresses()[0];
  fails("another process listens there");
}

}  // namespace
}  // namespace sluice::server
