// wait.h: wait for tokens instead of being refused, for programs that would rather be slow than fail:
// workers, crawlers, clients of someone else's limit.
//
//     if (wait_until(bucket, 1, Clock::now() + 2s).allowed()) call_the_api();
//     if (wait_for(limiter, "alice", 1, 2s, stop).allowed()) ...
//
// Waiting is first come, first served: tokens are reserved at once, each waiter knows when its own are due
// and sleeps until then. Nobody polls, nobody is woken in vain, and a large cost is not starved by small
// ones. A request that could not be due before the deadline is refused at once and takes nothing; one that
// waits is always served by its deadline.
//
// With a stop token a wait can be cancelled: the tokens go back and the answer is `refused`. Those that queue
// behind keep the moments they were told, so what was given back serves whoever comes next.
//
// The calling thread blocks, for at most due_after plus what the system's timer adds (usually below 0.1 ms).
// For event loops use reserve() and a timer of the loop; to cancel, refund(). The time is Clock::now(), so
// the bucket or limiter must not be given times of another clock elsewhere.
#pragma once

#include <cstdint>
#include <stop_token>

#include "sluice/bucket.h"
#include "sluice/decision.h"
#include "sluice/keyed_limiter.h"
#include "sluice/time.h"

namespace sluice {

/// Takes `cost` tokens, waiting until `deadline` for them if need be. A deadline that has passed means now or
/// not at all. Of an allowed answer, due_after tells how long was waited. REQUIRES: cost >= 0.
Decision wait_until(Bucket& bucket, std::int64_t cost, Time deadline, const std::stop_token& stop = {});
/// The same for one key; with several quotas the last that is due decides.
Decision wait_until(KeyedLimiter& limiter, const Key& key, std::int64_t cost, Time deadline,
                    const std::stop_token& stop = {});

inline Decision wait_for(Bucket& bucket, std::int64_t cost, Duration at_most = kNever,
                         const std::stop_token& stop = {}) {
  const Time now = Clock::now();
  return wait_until(bucket, cost, at_most < Time::max() - now ? now + at_most : Time::max(), stop);
}
inline Decision wait_for(KeyedLimiter& limiter, const Key& key, std::int64_t cost, Duration at_most = kNever,
                         const std::stop_token& stop = {}) {
  const Time now = Clock::now();
  return wait_until(limiter, key, cost, at_most < Time::max() - now ? now + at_most : Time::max(), stop);
}

}  // namespace sluice
