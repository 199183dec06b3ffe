#include "door/resp/quota_cache.h"

namespace sluice::door {
namespace {

bool same(const Quota& quota, const Quota::Spec& spec) {
  return quota.capacity() == spec.capacity && quota.tokens() == spec.tokens && quota.period() == spec.period;
}

std::size_t mix(const Quota::Spec& spec) {
  const auto u = [](std::int64_t v) { return static_cast<std::uint64_t>(v); };
  const std::uint64_t h = (u(spec.capacity) * 0x9E3779B97F4A7C15U + u(spec.tokens)) * 0xC2B2AE3D27D4EB4FU +
                          u(spec.period.count()) * 0x165667B19E3779F9U;
  return static_cast<std::size_t>(h >> 58);
}

}  // namespace

const Quota* QuotaCache::find(const Quota::Spec& spec, Error& why) {
  static_assert(kPlaces == 64, "mix() gives six bits");
  Place& place = places_[mix(spec)];
  if (!place.quota || !same(*place.quota, spec)) [[unlikely]] {
    auto made = Quota::make(spec);
    if (!made) return why = made.error(), nullptr;
    if (accepts_ != nullptr)
      if (const Status status = accepts_(*made); !status) return why = status.error(), nullptr;
    if (place.used_by == batch_) return &extra_.emplace_back(*made);
    place.quota.emplace(*made);
  }
  place.used_by = batch_;
  return &*place.quota;
}

}  // namespace sluice::door
