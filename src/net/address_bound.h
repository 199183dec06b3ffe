// address_bound.h: how many connections one client address may hold.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <unordered_map>

struct sockaddr_storage;

namespace sluice::net {

/// An IPv4 address, or the network (/64) of an IPv6 address, since one client has all of that. Zero: a unix
/// socket, which has no address and no bound.
using AddressKey = std::uint64_t;
AddressKey address_key(const sockaddr_storage& peer);

/// Asked when a connection comes and goes, so a lock is cheap enough. Thread-safe.
class AddressBound {
 public:
  /// 0: no bound, and nothing is counted.
  explicit AddressBound(std::int64_t most) : max(most) {}
  bool enter(AddressKey address);
  /// After an enter() that was true.
  void leave(AddressKey address);

  const std::int64_t max;

 private:
  bool counts(AddressKey address) const { return max > 0 && address != 0; }
  std::mutex mutex_;
  std::unordered_map<AddressKey, std::int64_t> open_;  // Of addresses that have any. Under mutex_.
};

}  // namespace sluice::net
