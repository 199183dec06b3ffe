// options.h: how Envoy's rate limit service answers, whichever door it is asked by.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::door {

struct RlsOptions {
  std::size_t descriptors_max = 256;  ///< Of one request.

  enum class Charge : std::uint8_t {
    all_or_nothing,  ///< If one descriptor is over its limit, no bucket is charged.
    each,            ///< Each descriptor for itself, as envoyproxy/ratelimit does.
  };
  Charge charge = Charge::all_or_nothing;

  bool x_ratelimit_fields = false;  ///< X-RateLimit-Limit, -Remaining, -Reset in response_headers_to_add.
  bool ratelimit_fields = false;    ///< RateLimit-Policy, RateLimit, Retry-After: the IETF's.

  enum class Metadata : std::uint8_t { never, refused, always };
  Metadata metadata = Metadata::refused;  ///< When dynamic_metadata names the rule that decided.

  /// dynamic_metadata names the rule that decided of every answer, its version and who decided, and so of
  /// each descriptor.
  bool explain = false;
  bool shared = false;  ///< The store is one that others share. For `explain`.

  std::int64_t near_limit_millionths = 800'000;  ///< From which part of a limit on hits are near it.

  bool shadow = false;  ///< overall_code is always OK; the statuses say what would have been.
};

}  // namespace sluice::door
