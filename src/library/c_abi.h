// c_abi.h: what the parts of the C interface share. They are the border: NULL, negative numbers and
// exceptions (memory) end here.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <stop_token>
#include <string>
#include <string_view>

#include "sluice.h"
#include "sluice/sluice.h"

struct sluice_stop {
  std::stop_source source;
};

namespace sluice::c {

constexpr sluice_code code_of(sluice::Code code) { return static_cast<sluice_code>(code) + 1; }

/// The first bytes of `text` that fit with a zero behind them; no UTF-8 character is cut in two.
inline void copy_text(std::string_view text, char* to, std::size_t size) {
  std::size_t n = std::min(text.size(), size - 1);
  while (n > 0 && n < text.size() && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80) --n;
  std::memcpy(to, text.data(), n);
  to[n] = '\0';
}

inline sluice_code fail(sluice_error* error, sluice_code code, std::string_view message) {
  if (error != nullptr) {
    error->code = code;
    copy_text(message, error->message, sizeof error->message);
  }
  return code;
}

inline sluice_code fail(sluice_error* error, const sluice::Error& e) {
  return fail(error, code_of(e.code), e.message);
}

inline sluice_code missing(sluice_error* error, std::string_view what) {
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

inline Time time_of(int64_t now) { return now == SLUICE_NOW ? sluice::Clock::now() : Time(Duration(now)); }

inline sluice::Result<sluice::Quota> quota_of(const sluice_quota& q) {
  return sluice::Quota::make({.capacity = q.capacity, .tokens = q.tokens, .period = Duration(q.period_ns)});
}

inline sluice_decision decision_of(const sluice::Decision& d) {
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

inline std::stop_token token_of(const sluice_stop* stop) {
  return stop != nullptr ? stop->source.get_token() : std::stop_token();
}

}  // namespace sluice::c
