// The C interface: versions, codes, quotas, stops.
#include "library/c_abi.h"

namespace sluice::c {

static_assert(code_of(sluice::Code::invalid_argument) == SLUICE_INVALID_ARGUMENT);
static_assert(code_of(sluice::Code::out_of_range) == SLUICE_OUT_OF_RANGE);
static_assert(code_of(sluice::Code::not_found) == SLUICE_NOT_FOUND);
static_assert(code_of(sluice::Code::resource_exhausted) == SLUICE_RESOURCE_EXHAUSTED);
static_assert(code_of(sluice::Code::unavailable) == SLUICE_UNAVAILABLE);
static_assert(static_cast<int>(sluice::Outcome::refused) == SLUICE_REFUSED);
static_assert(static_cast<int>(sluice::Outcome::never) == SLUICE_NEVER_ALLOWED);

}  // namespace sluice::c

using namespace sluice::c;

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

}  // extern "C"
