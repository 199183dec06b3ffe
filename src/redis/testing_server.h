// testing_server.h: a real redis-server for a test, on a free port and in a folder of its own.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "net/socket.h"

namespace sluice::redis {

/// A port that nobody listens on just now.
inline std::uint16_t free_port() {
  auto bound = net::bind_all(*net::Address::parse("127.0.0.1:0"), 1);
  return bound ? bound->address.port : std::uint16_t{0};
}

/// Runs a program to its end; its output is dropped.
inline int run(const std::vector<std::string>& arguments, const std::string& folder = "/") {
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<char*> argv;
    for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    if (::chdir(folder.c_str()) != 0 || !std::freopen("/dev/null", "w", stdout) ||
        !std::freopen("/dev/null", "w", stderr))
      ::_exit(126);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

class TempFolder {
 public:
  TempFolder() {
    char name[] = "/tmp/sluice-redis-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class RedisServer {
 public:
  using Arguments = std::vector<std::string>;

  /// Listens on `port`, in plain text unless the arguments say otherwise. Ready when this returns.
  explicit RedisServer(Arguments arguments = {}) : arguments_(std::move(arguments)), port_(free_port()) {
    start();
  }
  ~RedisServer() { kill(); }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  void start() {
    // Later arguments win: those of the test.
    Arguments all = {"redis-server",
                     "--port",
                     std::to_string(port_),
                     "--bind",
                     "127.0.0.1",
                     "--save",
                     "",
                     "--repl-diskless-sync-delay",
                     "0",
                     "--enable-debug-command",
                     "yes",
                     "--unixsocket",
                     folder_.file("socket"),
                     "--logfile",
                     "log"};
    all.insert(all.end(), arguments_.begin(), arguments_.end());
    process_ = ::fork();
    if (process_ == 0) {
      std::vector<char*> argv;
      for (const auto& a : all) argv.push_back(const_cast<char*>(a.c_str()));
      argv.push_back(nullptr);
      if (::chdir(folder_.path().c_str()) != 0) ::_exit(126);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    for (int i = 0; i < 2000; ++i) {
      if (net::connect_to(address(), std::chrono::seconds(1))) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "redis-server did not start; see " << folder_.file("log");
  }
  /// At once, as by a crash. start() brings it back on the same port.
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }

  net::Address address() const {
    return {.kind = net::Address::Kind::tcp, .host = "127.0.0.1", .port = port_};
  }
  std::string at() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string socket() const { return folder_.file("socket"); }

 private:
  TempFolder folder_;
  const Arguments arguments_;
  const std::uint16_t port_;
  pid_t process_ = 0;
};

}  // namespace sluice::redis
