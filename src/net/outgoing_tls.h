// outgoing_tls.h: TLS for connections that we open. One OutgoingTls is read once from its files and serves
// every connection to servers of one kind, on any number of loops.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sluice/result.h"

namespace sluice::net {

struct TlsOptions {
  std::string ca_file;    ///< PEM. Whom to trust; empty: whom the system trusts.
  std::string cert_file;  ///< PEM, the chain. Our certificate, where the server asks for one; empty: none.
  std::string key_file;   ///< PEM. REQUIRED with cert_file.
  std::string
      server_name;     ///< For SNI and for the name in the certificate; empty: the host that is connected to.
  bool verify = true;  ///< False: anybody may answer. The connection is then private, not trusted.

  friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

/// How messages call what TlsOptions has.
struct TlsWords {
  std::string_view ca = "ca", name = "sni", cert = "cert and key";
};

class OutgoingTls {
 public:
  /// Reads the files. The error names the file and what is wrong with it.
  static Result<std::shared_ptr<const OutgoingTls>> make(const TlsOptions& options);
  virtual ~OutgoingTls() = default;  ///< Immutable: shared by loops on several threads.

 protected:
  OutgoingTls() = default;
};

}  // namespace sluice::net
