// service_manager.h: what systemd gives a service and wants to hear from it: sockets that it opened
// (sd_listen_fds(3)), and datagrams that say how far the service is (sd_notify(3)). Both protocols are
// stable, open to other managers, and small enough to need no library.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/fd.h"
#include "sluice/result.h"
#include "sluice/time.h"

namespace sluice::server {

class ServiceManager {
 public:
  struct Socket {
    std::string name;  ///< FileDescriptorName= of the socket's unit: a door's.
    net::Fd fd;        ///< Close-on-exec, as the manager made it otherwise.
  };

  /// There is none: nothing is given, and nothing told.
  ServiceManager() = default;
  /// Takes over what the environment names, if it names this process. Only once a process: it owns the
  /// sockets then. Error: the environment contradicts itself.
  static Result<ServiceManager> from_environment(const std::function<const char*(const char*)>& environment);

  std::vector<Socket> take_sockets() { return std::move(sockets_); }

  // Told at once or not at all: a manager that is away or slow never holds up the service.
  void ready() const { tell("READY=1\nSTATUS=Serving"); }
  /// Until the next ready().
  void reloading() const;
  void stopping() const { tell("STOPPING=1\nSTATUS=Draining"); }
  /// To be said more often than every watchdog(); else the manager ends the service.
  void alive() const { tell("WATCHDOG=1"); }
  Duration watchdog() const { return watchdog_; }  ///< 0: it does not watch.

 private:
  void tell(std::string_view message) const;

  std::vector<Socket> sockets_;
  std::string notify_;  // The path of a datagram socket; one that begins with @ is abstract. Empty: none.
  Duration watchdog_{0};
};

}  // namespace sluice::server
