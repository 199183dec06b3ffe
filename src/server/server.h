// server.h: the composition: configuration -> store, limits, loops, listeners with doors; and the way down.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config.h"
#include "server/doors.h"
#include "server/service_manager.h"

namespace sluice::server {

class Server {
 public:
  /// Reads the limits and listens on every address; from now on connections wait in the kernel. Errors name
  /// the thing and the mend. `rows` outlives the server. A socket that `manager` brings takes the place of
  /// the address of the door it is named after; the manager is told when the server is ready, reads its files
  /// again, and drains.
  static Result<std::unique_ptr<Server>> start(const Config& config, std::span<const Door> rows,
                                               ServiceManager manager = {});
  ~Server();

  /// `sluice: resp listening on 127.0.0.1:6380`, one for each address, and `sluice: ready`.
  std::vector<std::string> start_lines() const;
  /// As bound, in the order of the rows.
  std::vector<net::Address> addresses() const;
  const Process& process() const;

  /// How the settings are read anew on SIGHUP; only those of the log are taken over. Before run().
  void settings_again(std::function<Loaded()> load);

  /// Serves until drained, on this thread and as many more as were configured. With `signals`: SIGTERM and
  /// SIGINT drain, a second one ends the process at once; SIGHUP reads the files again, SIGUSR1 and SIGUSR2
  /// let one level of the log more and fewer through. True if every connection ended in time. `started` is
  /// called when all of that holds and before the first request is read; may be empty.
  bool run(bool signals, const std::function<void()>& started = {});
  /// Not ready from now on, stops accepting, lets connections end, for drain_time at most; then run()
  /// returns. From any thread.
  void drain();
  /// Reads the limits again, on the first loop. From any thread.
  void reload();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::server
