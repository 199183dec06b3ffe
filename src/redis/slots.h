// slots.h: Redis Cluster's map: who serves which slot (key_slot.h), and what a server says that does not.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "redis/key_slot.h"
#include "redis/node.h"
#include "sluice/result.h"

namespace sluice::redis {

/// Who is primary of which slot.
class SlotMap {
 public:
  static constexpr std::uint16_t kNone = 0xFFFF;

  SlotMap() { owner_.fill(kNone); }

  /// Of the reply to CLUSTER SLOTS. A server that does not know its own name says ""; it is at `asked`.
  static Result<SlotMap> read(Reply reply, const net::Address& asked);

  const std::vector<net::Address>& primaries() const { return primaries_; }
  /// The index in primaries() of who serves `slot`, or kNone.
  std::uint16_t owner(std::uint16_t slot) const { return owner_[slot]; }
  std::size_t covered() const;  ///< Slots that somebody serves.

  /// What MOVED told of one slot.
  void move(std::uint16_t slot, const net::Address& to) { owner_[slot] = add(to); }

 private:
  std::uint16_t add(const net::Address& address);

  std::vector<net::Address> primaries_;
  std::array<std::uint16_t, kSlots> owner_;
};

/// "MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381": another server has the slot, for good or for this
/// one command, which ASKING must precede there.
struct Redirect {
  bool ask = false;
  std::uint16_t slot = 0;
  net::Address to;

  /// Nothing: `error` is another one. An empty host is that of `asked`, who said it.
  static std::optional<Redirect> read(std::string_view error, const net::Address& asked);
};

}  // namespace sluice::redis
