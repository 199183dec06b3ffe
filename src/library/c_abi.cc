// c_abi.cc: the C interface over the C++ one. It is the border: NULL, negative numbers and exceptions
// (memory) end here.
#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice.h"
#include "sluice/sluice.h"

struct sluice_stop {
  std::stop_source source;
};

struct sluice_bucket {
  sluice::Bucket bucket;
};

struct sluice_limiter {
  sluice::KeyedLimiter limiter;
};

namespace {

using sluice::Duration;
using sluice::KeyedLimiter;
using sluice::Op;
using sluice::Time;

constexpr std::size_t kOptionsSizeMin = sizeof(sluice_limiter_options);  // Of the first SLUICE_ABI 1.
constexpr std::size_t kTogether = 64;  // Requests given to the limiter at one time.

constexpr sluice_code code_of(sluice::Code code) { return static_cast<sluice_code>(code) + 1; }
static_assert(code_of(sluice::Code::invalid_argument) == SLUICE_INVALID_ARGUMENT);
static_assert(code_of(sluice::Code::out_of_range) == SLUICE_OUT_OF_RANGE);
static_assert(code_of(sluice::Code::not_found) == SLUICE_NOT_FOUND);
static_assert(code_of(sluice::Code::resource_exhausted) == SLUICE_RESOURCE_EXHAUSTED);
static_assert(code_of(sluice::Code::unavailable) == SLUICE_UNAVAILABLE);
static_assert(static_cast<int>(sluice::Outcome::refused) == SLUICE_REFUSED);
static_assert(static_cast<int>(sluice::Outcome::never) == SLUICE_NEVER_ALLOWED);

/// The first bytes of `text` that fit with a zero behind them; no UTF-8 character is cut in two.
void copy_text(std::string_view text, char* to, std::size_t size) {
  std::size_t n = std::min(text.size(), size - 1);
  while (n > 0 && n < text.size() && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80) --n;
  std::memcpy(to, text.data(), n);
  to[n] = '\0';
}

sluice_code fail(sluice_error* error, sluice_code code, std::string_view message) {
  if (error != nullptr) {
    error->code = code;
    copy_text(message, error->message, sizeof error->message);
  }
  return code;
}

sluice_code fail(sluice_error* error, const sluice::Error& e) {
  return fail(error, code_of(e.code), e.message);
}

sluice_code missing(sluice_error* error, std::string_view what) {
  return fail(error, SLUICE_INVALID_ARGUMENT, std::string(what) + " is NULL");
}

/// Runs `body`; memory that cannot be had becomes a code.
template <class Body>
sluice_code guarded(sluice_error* error, Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return fail(error, SLUICE_OUT_OF_MEMORY, sluice_code_text(SLUICE_OUT_OF_MEMORY));
  } catch (...) {  // A thread, a random number: the system's.
    return fail(error, SLUICE_UNAVAILABLE, sluice_code_text(SLUICE_UNAVAILABLE));
  }
}

Time time_of(int64_t now) { return now == SLUICE_NOW ? sluice::Clock::now() : Time(Duration(now)); }

sluice::Result<sluice::Quota> quota_of(const sluice_quota& q) {
  return sluice::Quota::make({.capacity = q.capacity, .tokens = q.tokens, .period = Duration(q.period_ns)});
}

sluice_decision decision_of(const sluice::Decision& d) {
  return {.granted = d.granted,
          .capacity = d.capacity,
          .remaining = d.remaining,
          .retry_after_ns = d.retry_after.count(),
          .reset_after_ns = d.reset_after.count(),
          .due_after_ns = d.due_after.count(),
          .outcome = static_cast<int32_t>(d.outcome),
          .reserved = 0};
}

/// How one call asks: the part that buckets and keys have in common.
struct Ask {
  int64_t amount = 0;
  sluice_decision* decision = nullptr;
  int64_t longest = 0;  ///< A wait.
  bool silent = false;  ///< No decision is wanted: NULL is right.
  bool good() const { return amount >= 0 && longest >= 0 && (silent || decision != nullptr); }
  sluice_code answer(const sluice::Decision& d) const {
    if (decision != nullptr) *decision = decision_of(d);
    return SLUICE_OK;
  }
};

template <class Decide>
sluice_code ask_bucket(sluice_bucket* handle, const Ask& ask, Decide decide) noexcept {
  if (handle == nullptr || !ask.good()) return SLUICE_INVALID_ARGUMENT;
  return guarded(nullptr, [&] { return ask.answer(decide(handle->bucket)); });
}

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

std::stop_token token_of(const sluice_stop* stop) {
  return stop != nullptr ? stop->source.get_token() : std::stop_token();
}

}  // namespace

extern "C" {

const char* sluice_version(void) { return SLUICE_VERSION; }
int32_t sluice_abi(void) { return SLUICE_ABI; }
int64_t sluice_now(void) { return sluice::Clock::now().time_since_epoch().count(); }

const char* sluice_code_text(sluice_code code) {
  switch (code) {
    case SLUICE_OK:
      return "done";
    case SLUICE_INVALID_ARGUMENT:
      return "invalid argument: a required pointer is NULL, a number is negative, or a text is not what it "
             "should be";
    case SLUICE_OUT_OF_RANGE:
      return "out of range: well formed, but beyond what can be kept exactly or fits";
    case SLUICE_NOT_FOUND:
      return "not found: no such hold; it was settled, has expired or never was";
    case SLUICE_RESOURCE_EXHAUSTED:
      return "a bound is reached: as many holds are open as are allowed";
    case SLUICE_UNAVAILABLE:
      return "the operating system did not do its part";
    case SLUICE_OUT_OF_MEMORY:
      return "out of memory";
    default:
      return "no code of this version of the library";
  }
}

sluice_code sluice_quota_parse(const char* text, sluice_quota* quota, sluice_error* error) {
  if (text == nullptr) return missing(error, "text");
  if (quota == nullptr) return missing(error, "quota");
  return guarded(error, [&]() -> sluice_code {
    const auto parsed = sluice::Quota::parse(text);
    if (!parsed) return fail(error, parsed.error());
    *quota = {
        .capacity = parsed->capacity(), .tokens = parsed->tokens(), .period_ns = parsed->period().count()};
    return SLUICE_OK;
  });
}

sluice_code sluice_quota_check(const sluice_quota* quota, sluice_error* error) {
  if (quota == nullptr) return missing(error, "quota");
  return guarded(error, [&]() -> sluice_code {
    const auto made = quota_of(*quota);
    return made ? SLUICE_OK : fail(error, made.error());
  });
}

sluice_code sluice_quota_text(const sluice_quota* quota, char* text, size_t size, size_t* needed) {
  if (quota == nullptr || (text == nullptr && size > 0)) return SLUICE_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> sluice_code {
    const auto made = quota_of(*quota);
    if (!made) return code_of(made.error().code);
    const auto whole = made->text();
    if (needed != nullptr) *needed = whole.size() + 1;
    if (size > 0) copy_text(whole, text, size);
    return size > whole.size() ? SLUICE_OK : SLUICE_OUT_OF_RANGE;
  });
}

sluice_code sluice_stop_new(sluice_stop** stop) {
  if (stop == nullptr) return SLUICE_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    *stop = new sluice_stop;
    return SLUICE_OK;
  });
}

void sluice_stop_free(sluice_stop* stop) { delete stop; }

sluice_code sluice_stop_request(sluice_stop* stop) {
  if (stop == nullptr) return SLUICE_INVALID_ARGUMENT;
  stop->source.request_stop();
  return SLUICE_OK;
}

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
