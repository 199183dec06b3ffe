// redis_server.h: a redis-server of the test's own, on a unix socket in a folder of its own; gone with the
// test.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli/client.h"

namespace sluice::tests {

class RedisServer {
 public:
  /// `program`: redis-server or valkey-server.
  explicit RedisServer(std::string program, std::vector<std::string> more = {})
      : program_(std::move(program)) {
    char name[] = "/tmp/sluice-redis-XXXXXX";
    folder_ = ::mkdtemp(name);
    arguments_ = {program_,
                  "--port",
                  "0",
                  "--unixsocket",
                  socket(),
                  "--dir",
                  folder_.string(),
                  "--save",
                  "",
                  "--logfile",
                  (folder_ / "log").string(),
                  "--enable-debug-command",
                  "local"};
    arguments_.insert(arguments_.end(), more.begin(), more.end());
    start();
  }
  ~RedisServer() {
    stop(SIGKILL);
    std::filesystem::remove_all(folder_);
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  void start() {
    pid_ = ::fork();
    if (pid_ == 0) {
      std::vector<char*> argv;
      for (auto& a : arguments_) argv.push_back(a.data());
      argv.push_back(nullptr);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    for (int i = 0; i < 500 && !client(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  void stop(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  std::string socket() const { return (folder_ / "socket").string(); }
  std::string log() const { return (folder_ / "log").string(); }

  /// A new connection; nothing if the server does not answer.
  std::optional<cli::RespClient> client() const {
    auto made = cli::RespClient::connect({.kind = net::Address::Kind::unix_path, .path = socket()}, "",
                                         std::chrono::seconds(5));
    if (!made) return {};
    auto pong = made->call({"PING"});
    if (!pong || pong->text != "PONG") return {};
    return std::move(*made);
  }

 private:
  std::string program_;
  std::filesystem::path folder_;
  std::vector<std::string> arguments_;
  pid_t pid_ = 0;
};

}  // namespace sluice::tests
