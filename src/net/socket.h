// socket.h: sockets before a loop has them: binding for start-up, and a blocking connect for clients.
// Everything here may block and is for start-up and the command line, never for a loop.
#pragma once

#include <sys/types.h>
#include <ctime>

#include <optional>
#include <string>
#include <vector>

#include "net/address.h"
#include "net/fd.h"
#include "sluice/time.h"

namespace sluice::net {

/// Removes the file of a unix socket when it goes, unless another process has put its own there since.
class UnixFile {
 public:
  UnixFile() = default;
  explicit UnixFile(std::string path);
  UnixFile(UnixFile&& other) noexcept { *this = std::move(other); }
  UnixFile& operator=(UnixFile&& other) noexcept;
  ~UnixFile();

 private:
  std::string path_;  // Empty: nothing to remove.
  dev_t device_ = 0;
  ino_t inode_ = 0;
  timespec made_{};  // Inode numbers are used again; this one only by us.
};

struct Bound {
  Address address;          ///< With the port that was really taken.
  std::vector<Fd> sockets;  ///< Listening, non-blocking, close-on-exec; one a loop.
  UnixFile file;
  bool local = false;  ///< Only this machine reaches it: a unix socket, or a loopback address.
};

/// Listens on `address` with `copies` sockets: of TCP, one port shared by SO_REUSEPORT, so that the kernel
/// spreads connections over them (port 0: one free port for all); of a unix path, one socket duplicated. A
/// unix socket that nobody listens on any more is replaced. A port that another process listens on is an
/// error, even where that process would share it. The error names the address and the mend. REQUIRES: kind is
/// not none. `unix_mode`: of a unix socket's file, from its first moment on; without it the umask decides.
Result<Bound> bind_all(const Address& address, std::size_t copies, std::optional<mode_t> unix_mode = {});

/// Takes over a socket that listens already, opened by whoever started this process: `copies` descriptors of
/// it. The file of a unix socket stays its maker's. The error says what it is instead.
Result<Bound> adopt(Fd socket, std::size_t copies);

/// Connects, blocking for at most `timeout`; later reads and writes that take longer fail as well.
Result<Fd> connect_to(const Address& address, Duration timeout);

/// Raises the soft limit of open files to the hard one; returns the limit that then holds.
std::size_t raise_open_files();

}  // namespace sluice::net
