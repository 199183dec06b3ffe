// reload.h: keeps the limits in force equal to their file. A bad file never replaces a good one: it costs one
// log line, with place and mend, and moves a counter. Buckets are found by name, so a reload loses none of
// their state.
#pragma once

#include <cstdint>
#include <string>

#include "net/fd.h"
#include "net/loop.h"
#include "policy/current.h"
#include "server/doors.h"

namespace sluice::server {

class Reload {
 public:
  /// `text` is what the set in force was read from. All given by reference outlives this.
  Reload(std::string path, std::string text, policy::Current& limits, Process& process);

  /// Reads the file now, as on SIGHUP. False if it was refused.
  bool now();
  /// Reads the file whenever it changes: written and closed, renamed over, or reached by a new symbolic link.
  /// Told by inotify; where that does not reach (another machine's file system), seen within two seconds,
  /// once size and time have stood still for one, so that a file half written is not taken for a whole one.
  void watch(net::Loop& loop);

 private:
  struct Seen {
    std::int64_t size = -1;  // -1: there is none.
    std::int64_t modified_ns = 0;
    std::uint64_t inode = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  Seen look() const;
  void changed();
  void poll();
  void drain_events();
  bool take(bool even_if_same);

  const std::string path_;
  policy::Current& limits_;
  Process& process_;
  std::string text_;     // Of the set in force.
  std::string refused_;  // The text or error refused last, so that one bad file is told of once.
  Seen last_, settled_;
  net::Fd inotify_;
  bool pending_ = false;  // changed() is due.
  net::Loop* loop_ = nullptr;
};

}  // namespace sluice::server
