// client.h: a connection that the command line opens to a door, in the clear or by TLS. Waits where it says
// so: never for a loop.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "net/address.h"
#include "net/fd.h"
#include "net/outgoing_tls.h"
#include "sluice/result.h"
#include "sluice/time.h"

namespace sluice::net {

class TlsStream;

class Client {
 public:
  /// `tls`: null: in the clear. `timeout` bounds connecting, agreeing on TLS, and each wait after that.
  static Result<Client> connect(const Address& address, const OutgoingTls* tls, const TlsWords& words,
                                Duration timeout);
  Client(Client&&) noexcept;
  ~Client();

  int fd() const { return fd_.get(); }
  bool tls() const { return tls_ != nullptr; }

  /// Sends all of it.
  Status send(std::string_view bytes);
  /// Waits for bytes; 0: the end.
  Result<std::size_t> receive(char* to, std::size_t room);

  /// As ::send and ::recv that do not wait: -1 and errno EAGAIN if they would have to.
  ssize_t send_some(std::string_view bytes);
  ssize_t receive_some(char* to, std::size_t room);
  /// The last receive_some() left something here, of which the socket will not tell.
  bool more() const;
  /// Of a connection that TLS ended: why. Empty otherwise.
  std::string why() const;

 private:
  Client(Fd fd, Duration timeout);
  Status shake();
  Status wait(short events, const char* what) const;

  Fd fd_;
  std::unique_ptr<TlsStream> tls_;
  Duration timeout_;
};

}  // namespace sluice::net
