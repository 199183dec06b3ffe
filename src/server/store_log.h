// store_log.h: what the log is told of the shared store, once for all loops: whether it is there, and why
// calls fail. A store that comes and goes is told of a few times, then once a minute; failed calls once a
// minute, and so how many requests were decided without it. What was left out is counted in the next line.
// Thread-safe; called for failures alone. Time is an argument.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "server/line_limit.h"
#include "server/log.h"

namespace sluice::server {

class StoreLog {
 public:
  using Write = std::function<void(Level, std::string_view)>;
  /// `place`: the store's URL, without its password.
  explicit StoreLog(
      std::string place, Write write = [](Level level, std::string_view line) { log_always(level, line); });

  /// One connection's ups and downs, which stand for all. A new reason while down is a new down.
  void up(std::string_view server);
  void down(std::string_view why, Time now);
  /// Now and then: tells of a down that came too soon behind others, if it lasts.
  void look(Time now);
  /// A call failed.
  void trouble(std::string_view what, Time now);
  /// So many requests more were decided without the store. The first line comes after a minute: why, has been
  /// told.
  void decided_without(std::uint64_t requests, Time now);

 private:
  void tell_down(Time now);

  const std::string place_;
  const Write write_;
  std::mutex mutex_;  // Of all below.
  bool up_ = false;
  bool told_up_ = false;
  std::string why_;  // Down; empty once it is told.
  LineLimit downs_;
  LineLimit troubles_;
  std::uint64_t without_ = 0;  // Requests, not yet told.
  Time without_since_{};
};

}  // namespace sluice::server
