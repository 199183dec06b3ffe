// door_tls.h: TLS of the doors: which of them, and the files, kept equal to what is in force. As with limits,
// what is not valid never replaces what is: it costs a log line that names the file and the mend, and moves a
// counter. Connections that are there stay.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.h"
#include "net/tls.h"
#include "server/doors.h"
#include "server/watch.h"

namespace sluice::server {

class DoorTls {
 public:
  /// Reads the files. Null: there is no certificate, so no TLS. The error names the setting or the file. All
  /// given by reference outlives it.
  static Result<std::unique_ptr<DoorTls>> open(const Config& config, Process& process);

  bool on(std::string_view door) const { return doors_.contains(door); }
  const net::CurrentTls& current() const { return current_; }

  /// Reads the files now, as on SIGHUP.
  void now() { take(true); }
  /// Reads them whenever one changes.
  void watch(net::Loop& loop);

 private:
  DoorTls(const Config& config, Process& process) : config_(config), process_(process) {}
  Status read_doors();
  Result<net::TlsFiles> read_files() const;
  Status put_in_force(net::TlsFiles files);
  void take(bool even_if_same);
  void log_in_force(const char* what) const;

  const Config& config_;
  Process& process_;
  std::set<std::string, std::less<>> doors_;
  net::CurrentTls current_;
  net::TlsFiles files_;  // Of what is in force.
  std::string refused_;  // The error told last, so that one bad file is told of once.
  std::vector<std::unique_ptr<Watch>> watches_;
};

/// What is said at start of doors (`resp on 0.0.0.0:6380`) that listen beyond this machine without TLS.
std::string exposure_warning(const std::vector<std::string>& doors);

}  // namespace sluice::server
