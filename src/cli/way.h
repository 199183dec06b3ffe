// way.h: the way from the command line to a door: TLS, and the password or token to show there. Every command
// that asks a running server has the same options for it.
#pragma once

#include <memory>
#include <string>

#include "net/client.h"

namespace CLI {
class App;
}

namespace sluice::cli {

/// As given. Of a secret the file wins over the flag, and that over the environment (SLUICE_PASSWORD,
/// SLUICE_TOKEN).
struct WayOptions {
  std::string password, password_file;
  std::string token, token_file;
  bool tls = false;
  std::string tls_ca, tls_cert, tls_key, tls_name;
  bool tls_insecure = false;
};

/// Adds them to a command; `password`: the RESP door's, beside the token.
void add_way(CLI::App& command, WayOptions& options, bool password);

/// Ready for use.
struct Way {
  std::string password;  ///< Of the RESP door.
  std::string token;
  std::shared_ptr<const net::OutgoingTls> tls;  ///< Null: in the clear.

  static Result<Way> of(const WayOptions& options);
  Result<net::Client> connect(const net::Address& address, Duration timeout) const;
  /// The line of an HTTP request's head that shows the token; empty without one.
  std::string authorization() const;
  /// What AUTH is to say: the password, or else the token; empty: nothing.
  const std::string& secret() const { return password.empty() ? token : password; }
};

/// Overwrites secrets among the arguments, which other users of the machine can see.
void hide_secrets(int argc, char** argv);

}  // namespace sluice::cli
