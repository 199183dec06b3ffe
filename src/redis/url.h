// url.h: where Redis or Valkey is, as people write it.
//
//     redis://[[user]:password@]host[:port][/database]              port 6379; [::1] for IPv6
//     rediss://...                                                  the same over TLS
//     redis+unix:///run/redis.sock, unix:///run/redis.sock          ?db=1 for another database
//     redis+sentinel://[[user]:password@]host[:port],host/master[/database]             port 26379
//     redis+cluster://[[user]:password@]host[:port],host            rediss+sentinel, rediss+cluster over TLS
//
// User, password, master and path may be percent-encoded ("p%40ss"). A password that is not a user's alone
// stands behind a colon: redis://:secret@host. Behind "?", joined by "&":
//
//     db=1                 the database, for those without a path
//     timeout=500ms        to connect and be greeted (us, ms, s; a bare number is seconds)
//     ca=, cert=, key=     files in PEM; sni=name; verify=none        with rediss alone
//     sentinel_user=, sentinel_password=                              where Sentinel asks for its own
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "net/outgoing_tls.h"
#include "sluice/result.h"
#include "sluice/time.h"

namespace sluice::redis {

struct Login {
  std::string user;      ///< Empty: the default user.
  std::string password;  ///< Empty: none is sent.

  friend bool operator==(const Login&, const Login&) = default;
};

struct Url {
  enum class Kind : std::uint8_t { single, sentinel, cluster };

  Kind kind = Kind::single;
  std::vector<net::Address> hosts;  ///< At least one; of Kind::single exactly one.
  Login login;
  Login sentinel_login;
  std::string master;  ///< Of Kind::sentinel: the name that the sentinels know it by.
  int database = 0;
  bool tls = false;
  net::TlsOptions tls_options;
  Duration timeout = std::chrono::seconds(2);  ///< To connect and be greeted.

  /// The error names the part that is wrong and the mend, never a password.
  static Result<Url> parse(std::string_view text);
  /// For people: without user and password.
  std::string text() const;
};

}  // namespace sluice::redis
