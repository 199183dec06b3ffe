// outgoing.h: a connection that we open, on a loop: TCP, a unix socket, or TLS over TCP.
//
//     Outgoing connection(loop, handler, {.address = ..., .tls = tls});
//     handler.connected()         or closed(why)
//     connection.output_waits();  soon, once a turn of the loop, handler.take_output(bytes) is asked, and all
//                                 of it goes in one write
//     handler.received(bytes)
//
// One Outgoing is one attempt and one connection: to connect again, make another. Destroying it closes it,
// and the handler hears no more of it; that may be done in any of the handler's calls. Everything happens on
// the loop's thread. The loop must outlive it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/address.h"
#include "net/loop.h"
#include "net/outgoing_tls.h"

namespace sluice::net {

class OutgoingHandler {
 public:
  virtual void connected() = 0;
  /// Returns how many bytes it is done with. The rest comes again, with more behind it.
  virtual std::size_t received(std::string_view in) = 0;
  /// Puts what is to be written into `to`, whose own content has been written; its room may be used again.
  virtual void take_output(std::string& to) = 0;
  /// No connection came about, or it has ended. The last call.
  virtual void closed(std::string_view why) = 0;

 protected:
  ~OutgoingHandler() = default;
};

class Outgoing {
 public:
  struct Options {
    Address address;                             ///< tcp or unix_path.
    Duration timeout = std::chrono::seconds(2);  ///< To resolve, connect and agree on TLS, together.
    std::shared_ptr<const OutgoingTls> tls;      ///< Null: none.
    std::size_t input_max = std::size_t{32}
                            << 20;  ///< Bytes that the handler may leave lying; then it closes.
  };

  /// Begins to connect. The handler hears of it later, never from within.
  Outgoing(Loop& loop, OutgoingHandler& handler, Options options);
  ~Outgoing();
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  /// There is something to write. Before connected() it is in vain.
  void output_waits();

  class Impl;

 private:
  std::shared_ptr<Impl> impl_;  // Shared with what is outstanding on the loop.
};

}  // namespace sluice::net
