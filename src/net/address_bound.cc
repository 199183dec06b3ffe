#include "net/address_bound.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace sluice::net {

AddressKey address_key(const sockaddr_storage& peer) {
  constexpr AddressKey kV4 = AddressKey{1} << 32;  // No IPv6 network begins with four zero bytes and a one.
  if (peer.ss_family == AF_INET)
    return kV4 | ntohl(reinterpret_cast<const sockaddr_in&>(peer).sin_addr.s_addr);
  if (peer.ss_family != AF_INET6) return 0;
  const auto* const bytes = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr)) {
    std::uint32_t v4 = 0;
    std::memcpy(&v4, bytes + 12, sizeof v4);
    return kV4 | ntohl(v4);
  }
  AddressKey network = 0;
  for (int i = 0; i < 8; ++i) network = network << 8 | bytes[i];
  return network == 0 ? 1 : network;  // ::1 and its like.
}

bool AddressBound::enter(AddressKey address) {
  if (!counts(address)) return true;
  const std::lock_guard lock(mutex_);
  auto& open = open_[address];
  if (open >= max) return false;
  ++open;
  return true;
}

void AddressBound::leave(AddressKey address) {
  if (!counts(address)) return;
  const std::lock_guard lock(mutex_);
  const auto it = open_.find(address);
  if (--it->second == 0) open_.erase(it);
}

}  // namespace sluice::net
