// once.h: what is to be done once, however often it is asked for. An id is a bucket of one token: what is
// chained to a take of it is done by whoever takes it, and nobody takes it again for kOnceKept. So every
// store can do it, atomically, and forgets the id by itself.
//
//     const std::string id_key = once_key(key, id);
//     asks = {refund of `key` (with_next), {.key = id_key, .family = &once_family, .quota = &once_quota()}};
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "sluice/quota.h"

namespace sluice::store {

inline constexpr Duration kOnceKept = std::chrono::hours(1);
inline constexpr std::size_t kOnceIdMax = 255;

const Quota& once_quota();

/// The key of an id's bucket: the same id is another one for another key. REQUIRES: id has at most kOnceIdMax
/// bytes.
std::string once_key(std::string_view key, std::string_view id);

struct OnceKey {
  std::string_view key, id;
};
/// REQUIRES: `text` is from once_key().
OnceKey split_once_key(std::string_view text);

}  // namespace sluice::store
