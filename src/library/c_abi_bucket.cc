// The C interface: one bucket.
#include "library/c_abi.h"

struct sluice_bucket {
  sluice::Bucket bucket;
};

namespace sluice::c {
namespace {

template <class Decide>
sluice_code ask_bucket(sluice_bucket* handle, const Ask& ask, Decide decide) noexcept {
  if (handle == nullptr || !ask.good()) return SLUICE_INVALID_ARGUMENT;
  return guarded(nullptr, [&] { return ask.answer(decide(handle->bucket)); });
}

}  // namespace
}  // namespace sluice::c

using namespace sluice::c;
using sluice::Duration;

extern "C" {

sluice_code sluice_bucket_new(const sluice_quota* quota, int64_t now, sluice_bucket** bucket,
                              sluice_error* error) {
  if (quota == nullptr) return missing(error, "quota");
  if (bucket == nullptr) return missing(error, "bucket");
  return guarded(error, [&]() -> sluice_code {
    const auto made = quota_of(*quota);
    if (!made) return fail(error, made.error());
    *bucket = new sluice_bucket{sluice::Bucket(*made, time_of(now))};
    return SLUICE_OK;
  });
}

void sluice_bucket_free(sluice_bucket* bucket) { delete bucket; }

sluice_code sluice_bucket_take(sluice_bucket* bucket, int64_t cost, int64_t now, sluice_decision* decision) {
  return ask_bucket(bucket, {cost, decision}, [=](auto& b) { return b.take(cost, time_of(now)); });
}

sluice_code sluice_bucket_peek(sluice_bucket* bucket, int64_t cost, int64_t now, sluice_decision* decision) {
  return ask_bucket(bucket, {cost, decision}, [=](auto& b) { return b.peek(cost, time_of(now)); });
}

sluice_code sluice_bucket_take_up_to(sluice_bucket* bucket, int64_t most, int64_t now,
                                     sluice_decision* decision) {
  return ask_bucket(bucket, {most, decision}, [=](auto& b) { return b.take_up_to(most, time_of(now)); });
}

sluice_code sluice_bucket_reserve(sluice_bucket* bucket, int64_t cost, int64_t max_wait_ns, int64_t now,
                                  sluice_decision* decision) {
  return ask_bucket(bucket, {cost, decision, max_wait_ns},
                    [=](auto& b) { return b.reserve(cost, Duration(max_wait_ns), time_of(now)); });
}

sluice_code sluice_bucket_charge(sluice_bucket* bucket, int64_t cost, int64_t now,
                                 sluice_decision* decision) {
  return ask_bucket(bucket, {cost, decision, 0, true}, [=](auto& b) { return b.charge(cost, time_of(now)); });
}

sluice_code sluice_bucket_refund(sluice_bucket* bucket, int64_t cost, int64_t now,
                                 sluice_decision* decision) {
  return ask_bucket(bucket, {cost, decision, 0, true}, [=](auto& b) { return b.refund(cost, time_of(now)); });
}

sluice_code sluice_bucket_reset(sluice_bucket* bucket, int64_t now, sluice_decision* decision) {
  return ask_bucket(bucket, {0, decision, 0, true}, [=](auto& b) { return b.reset(time_of(now)); });
}

sluice_code sluice_bucket_wait(sluice_bucket* bucket, int64_t cost, int64_t at_most_ns,
                               const sluice_stop* stop, sluice_decision* decision) {
  return ask_bucket(bucket, {cost, decision, at_most_ns},
                    [=](auto& b) { return sluice::wait_for(b, cost, Duration(at_most_ns), token_of(stop)); });
}

}  // extern "C"
