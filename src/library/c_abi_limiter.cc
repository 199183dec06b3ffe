// The C interface: a limiter of many keys.
#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "library/c_abi.h"

struct sluice_limiter {
  sluice::KeyedLimiter limiter;
};

namespace sluice::c {
namespace {

constexpr std::size_t kOptionsSizeMin = sizeof(sluice_limiter_options);  // Of the first SLUICE_ABI 1.
constexpr std::size_t kTogether = 64;  // Requests given to the limiter at one time.

std::optional<sluice::Key> key_of(const void* key, size_t size) {
  if (key == nullptr && size > 0) return {};
  return sluice::Key(std::string_view(static_cast<const char*>(key), size));
}

template <class Decide>
sluice_code ask_limiter(sluice_limiter* handle, const void* bytes, size_t size, const Ask& ask,
                        Decide decide) noexcept {
  const auto key = key_of(bytes, size);
  if (handle == nullptr || !key || !ask.good()) return SLUICE_INVALID_ARGUMENT;
  return guarded(nullptr, [&] { return ask.answer(decide(handle->limiter, *key)); });
}

}  // namespace
}  // namespace sluice::c

using namespace sluice::c;
using sluice::Duration;
using sluice::KeyedLimiter;
using sluice::Op;

extern "C" {

sluice_code sluice_limiter_new(const sluice_quota* quotas, size_t count,
                               const sluice_limiter_options* options, sluice_limiter** limiter,
                               sluice_error* error) {
  if (quotas == nullptr && count > 0) return missing(error, "quotas");
  if (limiter == nullptr) return missing(error, "limiter");
  if (count > KeyedLimiter::kQuotasMax)
    return fail(error, SLUICE_OUT_OF_RANGE, "more than 32 quotas; a limiter has 32 at most");
  if (options != nullptr && options->size < kOptionsSizeMin)
    return fail(error, SLUICE_INVALID_ARGUMENT, "options->size is not sizeof(sluice_limiter_options)");
  return guarded(error, [&]() -> sluice_code {
    std::vector<sluice::Quota> made;
    for (const auto& quota : std::span(quotas, count)) {
      auto one = quota_of(quota);
      if (!one) return fail(error, one.error());
      made.push_back(*one);
    }
    sluice::KeyedLimiterOptions wanted;
    if (options != nullptr && options->max_keys > 0) wanted.max_keys = options->max_keys;
    if (options != nullptr && options->max_holds > 0) wanted.max_holds = options->max_holds;
    auto built = KeyedLimiter::make(std::move(made), wanted);
    if (!built) return fail(error, built.error());
    *limiter = new sluice_limiter{std::move(*built)};
    return SLUICE_OK;
  });
}

void sluice_limiter_free(sluice_limiter* limiter) { delete limiter; }

sluice_code sluice_limiter_take(sluice_limiter* limiter, const void* key, size_t key_size, int64_t cost,
                                int64_t now, sluice_decision* decision) {
  return ask_limiter(limiter, key, key_size, {cost, decision},
                     [=](auto& l, const auto& k) { return l.take(k, cost, time_of(now)); });
}

sluice_code sluice_limiter_peek(sluice_limiter* limiter, const void* key, size_t key_size, int64_t cost,
                                int64_t now, sluice_decision* decision) {
  return ask_limiter(limiter, key, key_size, {cost, decision},
                     [=](auto& l, const auto& k) { return l.peek(k, cost, time_of(now)); });
}

sluice_code sluice_limiter_take_up_to(sluice_limiter* limiter, const void* key, size_t key_size, int64_t most,
                                      int64_t now, sluice_decision* decision) {
  return ask_limiter(limiter, key, key_size, {most, decision},
                     [=](auto& l, const auto& k) { return l.take_up_to(k, most, time_of(now)); });
}

sluice_code sluice_limiter_reserve(sluice_limiter* limiter, const void* key, size_t key_size, int64_t cost,
                                   int64_t max_wait_ns, int64_t now, sluice_decision* decision) {
  return ask_limiter(limiter, key, key_size, {cost, decision, max_wait_ns}, [=](auto& l, const auto& k) {
    return l.reserve(k, cost, Duration(max_wait_ns), time_of(now));
  });
}

sluice_code sluice_limiter_charge(sluice_limiter* limiter, const void* key, size_t key_size, int64_t cost,
                                  int64_t now, sluice_decision* decision) {
  return ask_limiter(limiter, key, key_size, {cost, decision, 0, true},
                     [=](auto& l, const auto& k) { return l.charge(k, cost, time_of(now)); });
}

sluice_code sluice_limiter_refund(sluice_limiter* limiter, const void* key, size_t key_size, int64_t cost,
                                  int64_t now, sluice_decision* decision) {
  return ask_limiter(limiter, key, key_size, {cost, decision, 0, true},
                     [=](auto& l, const auto& k) { return l.refund(k, cost, time_of(now)); });
}

sluice_code sluice_limiter_reset(sluice_limiter* limiter, const void* key, size_t key_size, int64_t now,
                                 sluice_decision* decision) {
  return ask_limiter(limiter, key, key_size, {0, decision, 0, true},
                     [=](auto& l, const auto& k) { return l.reset(k, time_of(now)); });
}

sluice_code sluice_limiter_wait(sluice_limiter* limiter, const void* key, size_t key_size, int64_t cost,
                                int64_t at_most_ns, const sluice_stop* stop, sluice_decision* decision) {
  return ask_limiter(limiter, key, key_size, {cost, decision, at_most_ns}, [=](auto& l, const auto& k) {
    return sluice::wait_for(l, k, cost, Duration(at_most_ns), token_of(stop));
  });
}

sluice_code sluice_limiter_take_many(sluice_limiter* limiter, const sluice_request* requests, size_t count,
                                     int64_t now, sluice_decision* decisions) {
  if (limiter == nullptr || (count > 0 && (requests == nullptr || decisions == nullptr)))
    return SLUICE_INVALID_ARGUMENT;
  for (size_t i = 0; i < count; ++i)
    if (requests[i].cost < 0 || !key_of(requests[i].key, requests[i].key_size))
      return SLUICE_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const auto time = time_of(now);
    std::vector<KeyedLimiter::Request> asked;
    asked.reserve(std::min(count, kTogether));
    std::array<sluice::Decision, kTogether> said;
    for (size_t begin = 0; begin < count; begin += asked.size()) {
      asked.clear();
      for (size_t i = begin; i < std::min(count, begin + kTogether); ++i)
        asked.push_back({*key_of(requests[i].key, requests[i].key_size), requests[i].cost});
      limiter->limiter.take(asked, said, time);
      std::transform(said.begin(), said.begin() + static_cast<std::ptrdiff_t>(asked.size()),
                     decisions + begin, decision_of);
    }
    return SLUICE_OK;
  });
}

sluice_code sluice_limiter_hold(sluice_limiter* limiter, const void* key, size_t key_size, int64_t estimate,
                                int64_t expires_after_ns, int64_t now, uint64_t* hold,
                                sluice_decision* decision, sluice_error* error) {
  if (limiter == nullptr) return missing(error, "limiter");
  if (hold == nullptr) return missing(error, "hold");
  if (decision == nullptr) return missing(error, "decision");
  const auto k = key_of(key, key_size);
  if (!k) return missing(error, "key");
  if (estimate < 0 || expires_after_ns < 0)
    return fail(error, SLUICE_INVALID_ARGUMENT, "estimate and expires_after_ns are 0 or more");
  return guarded(error, [&]() -> sluice_code {
    const auto held = limiter->limiter.hold(*k, estimate, Duration(expires_after_ns), time_of(now));
    if (!held) return fail(error, held.error());
    *hold = held->id.value;
    *decision = decision_of(held->decision);
    return SLUICE_OK;
  });
}

sluice_code sluice_limiter_settle(sluice_limiter* limiter, uint64_t hold, int64_t actual, int64_t now,
                                  sluice_decision* decision, sluice_error* error) {
  if (limiter == nullptr) return missing(error, "limiter");
  return guarded(error, [&]() -> sluice_code {
    const auto settled = limiter->limiter.settle({hold}, actual, time_of(now));
    if (!settled) return fail(error, settled.error());
    if (decision != nullptr) *decision = decision_of(*settled);
    return SLUICE_OK;
  });
}

sluice_code sluice_limiter_maintain(sluice_limiter* limiter, int64_t now) {
  if (limiter == nullptr) return SLUICE_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    limiter->limiter.maintain(time_of(now));
    return SLUICE_OK;
  });
}

sluice_code sluice_limiter_get_stats(const sluice_limiter* limiter, sluice_limiter_stats* stats) {
  if (limiter == nullptr || stats == nullptr) return SLUICE_INVALID_ARGUMENT;
  const auto s = limiter->limiter.stats();
  *stats = {.keys = s.keys, .bytes = s.bytes, .evictions = s.evictions, .holds = s.holds};
  return SLUICE_OK;
}

}  // extern "C"
