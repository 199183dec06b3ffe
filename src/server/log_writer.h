// log_writer.h: lines on their way to a file descriptor. Who writes a line never waits for who reads it:
// lines are kept in a queue of bounded bytes, and a thread writes them. If its reader stands still or the
// disk is full, lines are lost, counted, and told of once there is room again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/time.h"

namespace sluice::server {

class LogWriter {
 public:
  /// `lost_line` makes the line that tells of lost ones. `fd` stays the caller's, and must stay open until
  /// the process ends: a write that never comes back cannot be called off, so the thread may outlive this.
  LogWriter(int fd, std::size_t bytes_max, std::function<std::string(std::uint64_t)> lost_line);
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// Any thread; takes a mutex that nobody holds while writing.
  void put(std::string_view line);
  /// Waits until all that was put is written or lost, but not longer than `most`. True: it is.
  bool flush(Duration most);

  std::uint64_t written() const;  ///< Lines.
  std::uint64_t lost() const;

 private:
  struct Shared;
  const std::shared_ptr<Shared> shared_;  // With the thread, which ends by itself once this is gone.
};

}  // namespace sluice::server
