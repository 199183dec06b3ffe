// address.h: where to listen or connect, as people write it.
//
//     127.0.0.1:6380    [::1]:6380    localhost:6380    *:6380 (every interface)    unix:/run/sluice.sock
//     none
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/result.h"

namespace sluice::net {

struct Address {
  enum class Kind : std::uint8_t {
    none,  ///< Do not listen at all.
    tcp,
    unix_path,
  };

  Kind kind = Kind::none;
  std::string host;  ///< tcp: a name, an IPv4 or an IPv6 address without brackets; "*" is every interface.
  std::uint16_t port = 0;  ///< tcp: 0 lets the kernel choose a free one.
  std::string path;        ///< unix_path.

  static Result<Address> parse(std::string_view text);
  std::string text() const;  ///< What parse() reads back.

  friend bool operator==(const Address&, const Address&) = default;
};

}  // namespace sluice::net
