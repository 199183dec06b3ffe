/* Every function of sluice.h, called from C11. Prints nothing if all is well. */
#include <sluice.h>
#include <stdio.h>
#include <string.h>

static int failures;
#define EXPECT(condition) ((condition) ? (void)0 : (void)(failures++, printf("%s:%d: %s\n", __FILE__, __LINE__, #condition)))

static void quotas(sluice_quota *quota) {
  sluice_error error;
  char text[128];
  size_t needed = 0;
  EXPECT(sluice_quota_parse("10/s burst 3", quota, &error) == SLUICE_OK);
  EXPECT(sluice_quota_check(quota, &error) == SLUICE_OK);
  EXPECT(sluice_quota_text(quota, text, sizeof text, &needed) == SLUICE_OK);
  EXPECT(strcmp(text, "10/s burst 3") == 0 && needed == strlen(text) + 1);
  EXPECT(sluice_quota_parse("x", quota, &error) == error.code && error.message[0] != '\0');
}

static void buckets(const sluice_quota *quota) {
  sluice_decision d;
  sluice_bucket *bucket = NULL;
  sluice_stop *stop = NULL;
  EXPECT(sluice_bucket_new(quota, 0, &bucket, NULL) == SLUICE_OK);
  EXPECT(sluice_bucket_take(bucket, 3, 0, &d) == SLUICE_OK && d.outcome == SLUICE_ALLOWED);
  EXPECT(sluice_bucket_peek(bucket, 1, 0, &d) == SLUICE_OK && d.outcome == SLUICE_REFUSED);
  EXPECT(sluice_bucket_take_up_to(bucket, 9, 200000000, &d) == SLUICE_OK && d.granted == 2);
  EXPECT(sluice_bucket_reserve(bucket, 1, SLUICE_NEVER, 200000000, &d) == SLUICE_OK && d.due_after_ns == 100000000);
  EXPECT(sluice_bucket_charge(bucket, 1, 200000000, NULL) == SLUICE_OK);
  EXPECT(sluice_bucket_refund(bucket, 1, 200000000, NULL) == SLUICE_OK);
  EXPECT(sluice_bucket_reset(bucket, 200000000, &d) == SLUICE_OK && d.remaining == 3);
  EXPECT(sluice_bucket_take(NULL, 1, 0, &d) == SLUICE_INVALID_ARGUMENT);
  sluice_bucket_free(bucket);

  EXPECT(sluice_bucket_new(quota, SLUICE_NOW, &bucket, NULL) == SLUICE_OK);
  EXPECT(sluice_stop_new(&stop) == SLUICE_OK && sluice_stop_request(stop) == SLUICE_OK);
  EXPECT(sluice_bucket_wait(bucket, 3, SLUICE_NEVER, NULL, &d) == SLUICE_OK && d.outcome == SLUICE_ALLOWED);
  EXPECT(sluice_bucket_wait(bucket, 3, SLUICE_NEVER, stop, &d) == SLUICE_OK && d.outcome == SLUICE_REFUSED);
  sluice_stop_free(stop);
  sluice_bucket_free(bucket);
}

static void limiters(const sluice_quota *quota) {
  const sluice_limiter_options options = {.size = sizeof options, .max_keys = 1000, .max_holds = 1};
  const sluice_request requests[] = {{"a", 1, 3}, {"b", 1, 1}, {"a", 1, 1}};
  sluice_decision d, many[3];
  sluice_error error;
  sluice_limiter_stats stats;
  sluice_limiter *l = NULL;
  uint64_t hold = 0, second = 0;
  EXPECT(sluice_limiter_new(quota, 1, &options, &l, &error) == SLUICE_OK);
  EXPECT(sluice_limiter_take_many(l, requests, 3, 0, many) == SLUICE_OK);
  EXPECT(many[0].outcome == SLUICE_ALLOWED && many[1].remaining == 2 && many[2].outcome == SLUICE_REFUSED);
  EXPECT(sluice_limiter_take(l, "c", 1, 1, 0, &d) == SLUICE_OK && d.remaining == 2);
  EXPECT(sluice_limiter_peek(l, "c", 1, 4, 0, &d) == SLUICE_OK && d.outcome == SLUICE_NEVER_ALLOWED);
  EXPECT(sluice_limiter_take_up_to(l, "c", 1, 9, 0, &d) == SLUICE_OK && d.granted == 2);
  EXPECT(sluice_limiter_reserve(l, "c", 1, 1, SLUICE_NEVER, 0, &d) == SLUICE_OK && d.due_after_ns == 100000000);
  EXPECT(sluice_limiter_charge(l, "c", 1, 1, 0, NULL) == SLUICE_OK);
  EXPECT(sluice_limiter_refund(l, "c", 1, 1, 0, NULL) == SLUICE_OK);
  EXPECT(sluice_limiter_reset(l, "c", 1, 0, &d) == SLUICE_OK && d.remaining == 3);
  EXPECT(sluice_limiter_hold(l, "d", 1, 2, 1000, 0, &hold, &d, &error) == SLUICE_OK && d.remaining == 1);
  EXPECT(sluice_limiter_hold(l, "e", 1, 2, 1000, 0, &second, &d, &error) == SLUICE_RESOURCE_EXHAUSTED);
  EXPECT(sluice_limiter_get_stats(l, &stats) == SLUICE_OK && stats.holds == 1);
  EXPECT(sluice_limiter_settle(l, hold, 1, 0, &d, &error) == SLUICE_OK && d.remaining == 2);
  EXPECT(sluice_limiter_settle(l, hold, 1, 0, &d, &error) == SLUICE_NOT_FOUND && error.message[0] != '\0');
  EXPECT(sluice_limiter_maintain(l, 0) == SLUICE_OK);
  sluice_limiter_free(l);
  EXPECT(sluice_limiter_new(quota, 1, NULL, &l, &error) == SLUICE_OK);
  EXPECT(sluice_limiter_wait(l, NULL, 0, 1, 0, NULL, &d) == SLUICE_OK && d.outcome == SLUICE_ALLOWED);
  sluice_limiter_free(l);
}

int main(void) {
  sluice_quota quota;
  quotas(&quota);
  if (sluice_quota_parse("10/s burst 3", &quota, NULL) != SLUICE_OK) return 1;
  buckets(&quota);
  limiters(&quota);
  EXPECT(sluice_abi() == SLUICE_ABI);
  EXPECT(sluice_version()[0] != '\0' && sluice_now() > 0 && sluice_code_text(SLUICE_OK)[0] != '\0');
  return failures == 0 ? 0 : 1;
}
