#include <sluice/sluice.h>

#include <cstdio>
#include <string>

namespace {

int failures = 0;

void expect(bool condition, const char* what) {
  if (condition) return;
  std::printf("consumer: %s: FAILED\n", what);
  ++failures;
}

sluice::Time at(std::int64_t ms) { return sluice::Time(std::chrono::milliseconds(ms)); }

}  // namespace

int main() {
  const auto quota = sluice::Quota::parse("10/s burst 3");
  expect(static_cast<bool>(quota), "a quota is parsed");

  sluice::Bucket bucket(*quota, at(0));
  expect(bucket.take(3, at(0)).allowed(), "the burst passes");
  expect(bucket.take(1, at(99)).retry_after == std::chrono::milliseconds(1), "a refusal says when");
  expect(bucket.take(1, at(100)).allowed(), "and then it passes");

  // Ticks that need 128 bits: compiled into the library, whatever this program is compiled with.
  sluice::Bucket wide(*sluice::Quota::parse("999999937/s"), at(0));
  expect(wide.take(999'999'937, at(0)).allowed(), "a wide quota decides");

  auto limiter = sluice::KeyedLimiter::make({"10/s burst 2", "100/h"});
  expect(static_cast<bool>(limiter), "a limiter is made");
  const std::string key = "alice";
  expect(limiter->take(key, 2, at(0)).allowed() && !limiter->take(key, 1, at(0)).allowed(),
         "a key is limited");
  expect(limiter->take(4711, 2, at(0)).allowed(), "another one is not");

  const auto held = limiter->hold("bob", 2, std::chrono::minutes(1), at(0));
  expect(held && held->decision.allowed() && limiter->settle(held->id, 1, at(0)), "a hold is settled");
  expect(limiter->peek("bob", 1, at(0)).remaining == 1, "and the rest given back");

  sluice::Bucket own_clock(*quota);
  expect(sluice::wait_for(own_clock, 3).allowed(), "waiting works");
  if (failures == 0) std::printf("consumer: all is well\n");
  return failures == 0 ? 0 : 1;
}
