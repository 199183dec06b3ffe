#include "store/shared/told.h"

namespace sluice::store {

Told::Told(std::size_t entries, std::uint64_t seed) : heard_(entries, seed) {}

void Told::remember(const Family& family, std::string_view key, const Tat& tat) {
  heard_.claim(family, key) = {tat, server_};
}

std::optional<Tat> Told::floor(const Family& family, std::string_view key) const {
  const Heard* heard = heard_.find(family, key);
  if (heard == nullptr || heard->server == server_) return {};
  return heard->tat;
}

}  // namespace sluice::store
