// watch.h: tells when a file, or one of the files of a folder, is another one than before.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "net/fd.h"
#include "net/loop.h"

namespace sluice::server {

/// A change is told of once what is watched was written and closed, renamed over, or reached by a new
/// symbolic link. By inotify; where that does not reach (another machine's file system), within two seconds,
/// once sizes and times have stood still for one, so that a file half written is not taken for a whole one.
class Watch {
 public:
  /// `changed` runs on the loop; what it sees may be what it saw before. Of a folder, the files that
  /// policy::gather_policies() would read are watched.
  Watch(std::string path, std::function<void()> changed);
  void start(net::Loop& loop);

 private:
  struct Seen {
    std::string path;
    std::int64_t size = -1;  // -1: there is none.
    std::int64_t modified_ns = 0;
    std::uint64_t inode = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  static Seen look_at(const std::string& path);
  std::vector<Seen> look() const;
  void listen();
  void drain_events();
  void settle();
  void poll();

  const std::string path_;
  const std::function<void()> changed_;
  std::vector<Seen> last_, settled_;
  net::Fd inotify_;
  bool pending_ = false;  // settle() is due.
  net::Loop* loop_ = nullptr;
};

}  // namespace sluice::server
