// commands.h: the subcommands as functions. Each returns the exit code and writes to standard output; errors
// go to standard error as `sluice: ...`. How their options are written is app.cc's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/way.h"
#include "server/config.h"
#include "sluice/time.h"

namespace sluice::cli {

int fail(std::string_view message);  ///< Prints it and returns kFailed.

int serve(const server::Sources& sources);

/// Files of limits and of policies, and folders of them.
int check(const std::vector<std::string>& paths, bool merge_domains, bool json);

/// take, peek, refund, reset, reserve: one request to a running server's RESP door.
struct AskOptions {
  std::string command;  ///< As the subcommand.
  std::string limit;
  std::string key;
  std::int64_t tokens = 1;
  std::string max_wait;  ///< reserve: a duration; empty: however long.
  std::string id;        ///< refund: done once for it; empty: each time.
  std::string server = "127.0.0.1:6380";
  WayOptions way;
  std::string timeout = "5s";
  bool wait = false;
  bool json = false;
};
int ask(const AskOptions& options);

struct TopOptions {
  std::string server = "127.0.0.1:8080";
  WayOptions way;
  std::string interval = "1s";
  std::string by;     ///< asked, refused: keys; empty: limits.
  std::string limit;  ///< Of keys: of this limit; empty: of all.
  std::int64_t n = 20;
  bool once = false;
  bool json = false;
};
int top(const TopOptions& options);

struct BenchOptions {
  std::string protocol = "resp";  ///< resp or http.
  std::string server;             ///< Empty: the protocol's default.
  WayOptions way;
  std::string limit;  ///< A named limit; empty: CL.THROTTLE with `quota`.
  std::string quota = "1000/s burst 1000";
  std::string keys = "uniform";  ///< uniform, zipf:S, file:PATH.
  std::int64_t key_count = 1'000'000;
  std::int64_t connections = 50;
  std::int64_t pipeline = 1;
  double rate = 0;  ///< Requests a second of all connections; 0: flat out.
  std::string duration = "10s";
  std::uint64_t seed = 1;
  bool json = false;
};
int bench(const BenchOptions& options);

}  // namespace sluice::cli
