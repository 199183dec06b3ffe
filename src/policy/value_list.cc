#include "policy/value_list.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "core/number.h"

namespace sluice::policy {

namespace {

constexpr int kBits = 128;
constexpr int kV4Before = 96;  // An IPv4 address is the last 32 of the bits.

AddressBits masked(AddressBits a, int bits) {
  for (int i = 0; i < 16; ++i) {
    const int keep = std::clamp(bits - 8 * i, 0, 8);
    a[static_cast<std::size_t>(i)] &= static_cast<std::uint8_t>(0xff00 >> keep);
  }
  return a;
}

}  // namespace

std::optional<AddressBits> parse_address(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return {};
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  if (std::strlen(buffer) != text.size()) return {};
  AddressBits bits{};
  if (text.find(':') != std::string_view::npos) {
    if (::inet_pton(AF_INET6, buffer, bits.data()) != 1) return {};
    return bits;
  }
  bits[10] = bits[11] = 0xff;
  if (::inet_pton(AF_INET, buffer, bits.data() + 12) != 1) return {};
  return bits;
}

Status ValueList::add(std::string_view text) {
  const auto slash = text.rfind('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) {  // A path or another word, unless it was meant as a network.
    words_.insert(std::lower_bound(words_.begin(), words_.end(), text), std::string(text));
    return Done{};
  }
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  int bits = kBits;
  if (slash != std::string_view::npos) {
    const auto length = text.substr(slash + 1);
    const auto given = parse_number<int>(length);
    if (!given || *given < 0 || *given > (v4 ? 32 : kBits))
      return Error{Code::invalid_argument, "\"" + std::string(text) + "\" is no network; write 0 to " +
                                               (v4 ? "32" : "128") + " behind the /"};
    bits = *given + (v4 ? kV4Before : 0);
  }
  if (masked(*address, bits) != *address)
    return Error{Code::invalid_argument, "\"" + std::string(text) +
                                             "\" has bits set behind its prefix; write the network's first "
                                             "address or a longer prefix"};
  const Network network{bits, *address};
  networks_.insert(std::lower_bound(networks_.begin(), networks_.end(), network), network);
  const auto at = std::lower_bound(lengths_.begin(), lengths_.end(), bits);
  if (at == lengths_.end() || *at != bits) lengths_.insert(at, bits);
  return Done{};
}

bool ValueList::contains(std::string_view value) const {
  if (std::binary_search(words_.begin(), words_.end(), value)) return true;
  if (networks_.empty()) return false;
  const auto address = parse_address(value);
  return address && std::any_of(lengths_.begin(), lengths_.end(), [&](int bits) {
           return std::binary_search(networks_.begin(), networks_.end(),
                                     Network{bits, masked(*address, bits)});
         });
}

}  // namespace sluice::policy
