#include "store/store.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::store {

Family::Family(std::string limit_name, std::size_t quota_index, OnFailure when_away, Consistency kept)
    : limit(std::move(limit_name)),
      quota(quota_index),
      name(quota == 0 ? limit : limit + "#" + std::to_string(quota)),
      salt(XXH3_64bits(name.data(), name.size())),
      on_failure(when_away),
      consistency(kept) {}

Family Family::of_ids(const std::string& limit_name, OnFailure when_away) {
  Family family(limit_name, 0, when_away);
  family.name += "!ids";
  family.salt = XXH3_64bits(family.name.data(), family.name.size());
  family.once = true;
  return family;
}

}  // namespace sluice::store
