// value_list.h: values that a policy always allows or always denies: words, addresses and networks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/result.h"

namespace sluice::policy {

/// An IPv4 address is ::ffff:a.b.c.d here, so that both spellings of it are one.
using AddressBits = std::array<std::uint8_t, 16>;
std::optional<AddressBits> parse_address(std::string_view text);

/// What holds a "/" behind an address is a network (10.0.0.0/8, 2001:db8::/32); an address is the network
/// of itself alone, in any spelling; all else is a word that must be equal, byte for byte.
class ValueList {
 public:
  /// An error if it looks like a network and is none, or has bits set behind its prefix.
  Status add(std::string_view text);
  bool empty() const { return words_.empty() && networks_.empty(); }
  std::size_t size() const { return words_.size() + networks_.size(); }
  bool contains(std::string_view value) const;

 private:
  struct Network {
    int bits;
    AddressBits address;
    friend auto operator<=>(const Network&, const Network&) = default;
  };
  std::vector<std::string> words_;  // Sorted, as is the next.
  std::vector<Network> networks_;   // By bits, then address.
  std::vector<int> lengths_;        // The different bits in networks_.
};

}  // namespace sluice::policy
