#include "net/address.h"

#include "core/number.h"

namespace sluice::net {

namespace {

constexpr std::size_t kUnixPathMax = 107;  // sockaddr_un::sun_path less its closing zero.

Error bad(std::string_view text, std::string_view why) {
  return {Code::invalid_argument, "\"" + std::string(text) + "\" is no address: " + std::string(why)};
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  Address a;
  if (text == "none") return a;
  if (text.starts_with("unix:")) {
    a.kind = Kind::unix_path;
    a.path = text.substr(5);
    if (a.path.empty()) return bad(text, "a path must follow unix:, as in unix:/run/sluice.sock");
    if (a.path.find('\0') != std::string::npos) return bad(text, "a path holds no zero byte");
    if (a.path.size() > kUnixPathMax)
      return bad(text, "the path of a unix socket has at most " + std::to_string(kUnixPathMax) + " bytes");
    return a;
  }
  a.kind = Kind::tcp;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != ':')
      return bad(text, "an IPv6 address is written [::1]:6380");
    a.host = text.substr(1, end - 1);
    port = text.substr(end + 2);
  } else {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos)
      return bad(text, "write host:port, unix:/path or none, as in 127.0.0.1:6380");
    a.host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (a.host.find(':') != std::string::npos)
      return bad(text, "put an IPv6 address in brackets, as in [::1]:6380");
  }
  if (a.host.empty()) return bad(text, "the host is missing; * is every interface, as in *:6380");
  const auto number = parse_number<std::uint16_t>(port);
  if (!number) return bad(text, "the port is a number from 0 to 65535");
  a.port = *number;
  return a;
}

std::string Address::text() const {
  switch (kind) {
    case Kind::none:
      return "none";
    case Kind::unix_path:
      return "unix:" + path;
    case Kind::tcp:
      break;
  }
  std::string text = host.find(':') == std::string::npos ? host : '[' + host + ']';
  text += ':';
  return text += std::to_string(port);
}

}  // namespace sluice::net
