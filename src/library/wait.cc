#include "sluice/wait.h"

#include <condition_variable>
#include <mutex>

namespace sluice {
namespace {

/// False if `stop` was requested before `due`.
bool sleep_until(Time due, const std::stop_token& stop) {
  // Clock is the steady clock's nanoseconds.
  const std::chrono::steady_clock::time_point wake(due.time_since_epoch());
  std::mutex mutex;
  std::condition_variable_any never_notified;  // But by `stop`.
  std::unique_lock lock(mutex);
  never_notified.wait_until(lock, stop, wake, [&] { return Clock::now() >= due; });
  return Clock::now() >= due;
}

template <class Reserve, class GiveBack>
Decision wait(Time deadline, const std::stop_token& stop, Reserve reserve, GiveBack give_back) {
  const Time now = Clock::now();
  const auto cancelled = [](Decision d) {
    d.outcome = Outcome::refused;
    d.granted = 0;
    return d;
  };
  Decision d = reserve(deadline > now ? deadline - now : Duration{0}, now);
  if (!d.allowed() || d.due_after == Duration{0}) return d;
  if (sleep_until(now + d.due_after, stop)) return d;
  return cancelled(give_back(Clock::now()));
}

}  // namespace

Decision wait_until(Bucket& bucket, std::int64_t cost, Time deadline, const std::stop_token& stop) {
  return wait(
      deadline, stop, [&](Duration most, Time now) { return bucket.reserve(cost, most, now); },
      [&](Time now) { return bucket.refund(cost, now); });
}

Decision wait_until(KeyedLimiter& limiter, const Key& key, std::int64_t cost, Time deadline,
                    const std::stop_token& stop) {
  return wait(
      deadline, stop, [&](Duration most, Time now) { return limiter.reserve(key, cost, most, now); },
      [&](Time now) { return limiter.refund(key, cost, now); });
}

}  // namespace sluice
