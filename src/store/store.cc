#include "store/store.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::store {

Family::Family(std::string family_name)
    : name(std::move(family_name)), salt(XXH3_64bits(name.data(), name.size())) {}

}  // namespace sluice::store
