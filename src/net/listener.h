// listener.h: accepts connections on one loop and drives a door's sessions over them.
//
// A connection lives on its loop's thread from accept to close. One read brings a batch of requests, the
// session answers all of it, one write sends the answers.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "net/fd.h"
#include "net/limits.h"
#include "net/loop.h"
#include "net/session.h"
#include "net/tls.h"

namespace sluice::net {

class Listener {
 public:
  struct Options {
    ConnectionLimits limits;
    bool tcp = true;  ///< Set TCP_NODELAY.
    /// Told of a failure to accept, at most once in ten seconds; may be empty.
    std::function<void(std::string_view message)> trouble;
    const CurrentTls* tls = nullptr;  ///< Outlives the listener. Null: in the clear.
    Alpn alpn;                        ///< With TLS.
    /// Told of a handshake that failed by what the client said, at most once in ten seconds; may be empty.
    std::function<void(std::string_view message)> handshake_failed;
  };

  /// `socket` listens already. The loop, the factory and the admission outlive the listener. Construct before
  /// the loop runs; all else on its thread.
  Listener(Loop& loop, Fd socket, SessionFactory& sessions, Admission& admission, Options options);
  /// Drops all connections, waiting sessions too. The loop must have ended, and no store may call back any
  /// more.
  ~Listener();

  /// Stops accepting, answers what has arrived, tells every session to drain, and closes connections as they
  /// finish.
  void drain();
  std::size_t connections() const;
  const NetStats& stats() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::net
