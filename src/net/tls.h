// tls.h: TLS 1.2 and 1.3 for connections that we accept.
//
// A ServerTls is what one set of files says, read whole and never changed. CurrentTls holds the one in force:
// a new connection takes it, and those that are there keep theirs, so files can change without one of them
// noticing.
//
// Sessions resume by tickets, under keys that live and die with their ServerTls, for an hour at most. So
// nothing is kept for a client that has gone, and after a change of files every client shows its certificate
// anew. There is no early data: a request for tokens that somebody recorded must not count again.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "sluice/result.h"

namespace sluice::net {

struct PemFile {
  std::string path;  ///< For messages.
  std::string text;
  friend bool operator==(const PemFile&, const PemFile&) = default;
};

struct TlsFiles {
  PemFile cert;       ///< The server's certificate, then those between it and its CA.
  PemFile key;        ///< Its private key, not encrypted.
  PemFile client_ca;  ///< Who signs the certificates that clients must have. Without a path: they need none.
  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

class ServerTls {
 public:
  /// The error names the file, what is wrong with it and the mend. A certificate whose time (`now`, seconds
  /// since 1970) is over or has not come is an error.
  static Result<std::shared_ptr<const ServerTls>> make(const TlsFiles& files, std::int64_t now);
  virtual ~ServerTls() = default;  ///< Immutable: shared by loops on several threads.

  std::int64_t expires = 0;  ///< The end of the first certificate's time, in seconds since 1970.

 protected:
  ServerTls() = default;
};

/// Any thread.
class CurrentTls {
 public:
  void replace(std::shared_ptr<const ServerTls> next) {
    const std::lock_guard lock(mutex_);
    tls_ = std::move(next);
  }
  std::shared_ptr<const ServerTls> get() const {
    const std::lock_guard lock(mutex_);
    return tls_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const ServerTls> tls_;  // Guarded by mutex_.
};

/// What ALPN is to choose on a door.
struct Alpn {
  std::string_view protocol;  ///< Static. Empty: whatever the client offers is not looked at.
  bool required = false;      ///< A client that offers nothing is turned away as well.
};

}  // namespace sluice::net
