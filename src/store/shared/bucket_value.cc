#include "store/shared/bucket_value.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "store/once.h"

namespace sluice::store {

namespace {

constexpr std::int64_t kNsPerUs = 1000;

static_assert(std::endian::native == std::endian::little, "doubles are copied as they lie in memory");

double read_double(std::string_view value, std::size_t index) {
  double d;
  std::memcpy(&d, value.data() + index * sizeof d, sizeof d);
  return d;
}

bool whole(double d) {
  return d >= 0 && d < 9007199254740992.0 && d == static_cast<double>(static_cast<std::int64_t>(d));
}

void append_double(double d, std::string& out) { out.append(reinterpret_cast<const char*>(&d), sizeof d); }

}  // namespace

Micros to_micros(Int128 ticks, Int128 per_us) {
  const Int128 us = ticks / per_us;
  if (us >= kMicrosMax) return {static_cast<double>(kMicrosMax), 0};
  return {static_cast<double>(us), static_cast<double>(ticks % per_us)};
}

Status fits_shared(const Quota& quota) {
  const auto rate = quota.wide();
  if (rate.per_ns * kNsPerUs > kMicroTicksMax)
    return Error{Code::invalid_argument,
                 "\"" + quota.text() + "\" cannot be kept exactly in a shared store: " +
                     "its tokens and its period have too few factors in common; make one a "
                     "multiple of the other"};
  if (rate.full >= rate.per_ns * kNsPerUs * (kMicrosMax / 2))  // Asked of every ask: without a division.
    return Error{Code::invalid_argument,
                 "\"" + quota.text() +
                     "\" takes over 71 years to fill, more than a shared store can count; lower the "
                     "burst or raise the rate"};
  return Done{};
}

Rate<Int128> shared_rate(const Quota& quota) {
  Rate<Int128> rate = quota.wide();
  if (quota.is_narrow()) rate.debt_max = kNarrowDebtMax;
  rate.debt_max = std::min(rate.debt_max, rate.per_ns * kNsPerUs * kMicrosMax);
  return rate;
}

std::optional<BucketValue> read_value(std::string_view value, std::int64_t now_us, const Rate<Int128>& rate) {
  if (value.empty()) return BucketValue{};
  if (value.size() != 24 && value.size() != 40) return {};
  double numbers[5] = {0, 0, 0, 0, 1};
  for (std::size_t i = 0; i < value.size() / sizeof(double); ++i) {
    numbers[i] = read_double(value, i);
    if (!whole(numbers[i])) return {};
  }
  auto tat = static_cast<std::int64_t>(numbers[0]);
  const auto latest = static_cast<std::int64_t>(numbers[1]);
  Int128 beyond = static_cast<std::int64_t>(numbers[3]);
  const Int128 per_us = rate.per_ns * kNsPerUs;
  if (beyond > 0 && static_cast<Int128>(numbers[4]) != per_us)
    ++tat, beyond = 0;  // Another quota's ticks: up.
  BucketValue bucket;
  bucket.behind_us = std::max<std::int64_t>(latest - now_us, 0);
  const std::int64_t clock = std::max(latest, now_us);
  if (tat >= clock) bucket.ahead = std::min((tat - clock) * per_us + beyond, rate.debt_max);
  return bucket;
}

std::string write_value(Int128 ahead, std::int64_t clock_us, std::int64_t expiry_us,
                        const Rate<Int128>& rate) {
  std::string value;
  if (ahead == 0) return value;
  const auto pair = to_micros(ahead, rate.per_ns * kNsPerUs);
  append_double(static_cast<double>(clock_us) + pair.us, value);
  append_double(static_cast<double>(clock_us), value);
  append_double(static_cast<double>(expiry_us), value);
  if (pair.ticks == 0) return value;
  append_double(pair.ticks, value);
  append_double(static_cast<double>(rate.per_ns * kNsPerUs), value);
  return value;
}

// Keys and ids are any bytes, and clients choose them: which of a limit's quotas it is, or how long the id
// is, stands before them, so that no two buckets have one key.
void append_bucket_key(const Family& family, std::string_view key, std::string& out) {
  std::string_view id;
  out.append("sluice:");
  if (family.once) {
    const auto parts = split_once_key(key);
    key = parts.key, id = parts.id;
    out.append("!").append(std::to_string(id.size()));
  }
  if (family.quota > 0) out.append("#").append(std::to_string(family.quota));
  out.append("{");
  if (!family.tag.empty()) out.append(family.tag).append("}");
  out.append(family.limit).append(":").append(key);
  if (family.tag.empty()) out.append("}");
  out.append(id);
}

}  // namespace sluice::store
