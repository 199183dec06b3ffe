#include "redis/slots.h"

#include <algorithm>

#include "core/number.h"

namespace sluice::redis {
namespace {

net::Address address(std::string_view host, std::uint16_t port, const net::Address& asked) {
  const bool unknown = host.empty() || host == "?";
  return {.kind = net::Address::Kind::tcp, .host = unknown ? asked.host : std::string(host), .port = port};
}

// Past the element at `at` and all that is in it.
std::size_t behind(Reply reply, std::size_t at) {
  for (std::size_t left = 1; left > 0 && at < reply.size(); --left, ++at)
    if (reply[at].kind == Element::Kind::array) left += static_cast<std::size_t>(reply[at].integer);
  return at;
}

Error not_a_map() { return {Code::unavailable, "the server's reply to CLUSTER SLOTS is not a map of slots"}; }

}  // namespace

// [[first last [host port id ...] replica...]...]
Result<SlotMap> SlotMap::read(Reply reply, const net::Address& asked) {
  using Kind = Element::Kind;
  if (reply[0].kind == Kind::error)
    return Error{Code::unavailable, "CLUSTER SLOTS: " + std::string(reply[0].text)};
  if (reply[0].kind != Kind::array) return not_a_map();
  SlotMap map;
  std::size_t at = 1;
  for (std::int64_t range = 0; range < reply[0].integer; ++range) {
    const std::size_t next = behind(reply, at);
    if (next < at + 6 || reply[at].integer < 3 || reply[at + 3].kind != Kind::array ||
        reply[at + 3].integer < 2)
      return not_a_map();
    const auto &first = reply[at + 1], &last = reply[at + 2], &host = reply[at + 4], &port = reply[at + 5];
    const bool sound = first.kind == Kind::integer && last.kind == Kind::integer &&
                       port.kind == Kind::integer && first.integer >= 0 && first.integer <= last.integer &&
                       last.integer < static_cast<std::int64_t>(kSlots) && port.integer > 0 &&
                       port.integer < 65'536;
    if (!sound) return not_a_map();
    const auto owner = map.add(address(host.text, static_cast<std::uint16_t>(port.integer), asked));
    std::fill(map.owner_.begin() + first.integer, map.owner_.begin() + last.integer + 1, owner);
    at = next;
  }
  return map;
}

std::size_t SlotMap::covered() const {
  return kSlots - static_cast<std::size_t>(std::count(owner_.begin(), owner_.end(), kNone));
}

std::uint16_t SlotMap::add(const net::Address& address) {
  const auto at = std::find(primaries_.begin(), primaries_.end(), address);
  const auto index = static_cast<std::uint16_t>(at - primaries_.begin());
  if (at == primaries_.end()) primaries_.push_back(address);
  return index;
}

std::optional<Redirect> Redirect::read(std::string_view error, const net::Address& asked) {
  Redirect redirect;
  redirect.ask = error.starts_with("ASK ");
  if (!redirect.ask && !error.starts_with("MOVED ")) return {};
  std::string_view rest = error.substr(error.find(' ') + 1);
  const auto space = rest.find(' ');
  if (space == std::string_view::npos) return {};
  const auto slot = parse_number<std::uint16_t>(rest.substr(0, space));
  rest.remove_prefix(space + 1);
  const auto colon = rest.rfind(':');  // The host may be IPv6, without brackets.
  if (!slot || *slot >= kSlots || colon == std::string_view::npos) return {};
  const auto port = parse_number<std::uint16_t>(rest.substr(colon + 1));
  if (!port || *port == 0) return {};
  redirect.slot = *slot;
  redirect.to = address(rest.substr(0, colon), *port, asked);
  return redirect;
}

}  // namespace sluice::redis
