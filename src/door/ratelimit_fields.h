// ratelimit_fields.h: what RateLimit-Policy and RateLimit say of a bucket, whichever door says it.
#pragma once

#include <string>

#include "door/seconds.h"
#include "sluice/decision.h"
#include "sluice/quota.h"
#include "wire/structured_fields.h"

namespace sluice::door {

/// The window is the time in which an empty bucket fills, so that q per w is the quota's rate; left out where
/// that is no whole number of seconds, since nothing else would be true.
inline void append_window(std::string& out, const Quota& quota) {
  const Duration window = quota.time_to_fill();
  if (window % std::chrono::seconds(1) == Duration{0}) wire::field_parameter(out, "w", seconds_up(window));
}

/// Of a quota that refuses, `t` is the same instant as Retry-After, as the draft asks; of one that does not,
/// when the bucket is full.
inline void append_remaining(std::string& out, const Decision& d) {
  wire::field_parameter(out, "r", d.remaining);
  wire::field_parameter(out, "t", seconds_up(d.outcome == Outcome::refused ? d.retry_after : d.reset_after));
}

}  // namespace sluice::door
