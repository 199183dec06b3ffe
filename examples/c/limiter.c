/* The library from C. Build: cc -std=c11 limiter.c $(pkg-config --cflags --libs sluice) */
#include <inttypes.h>
#include <sluice.h>
#include <stdio.h>
#include <string.h>

static int ask(sluice_limiter *limiter, const char *key) {
  sluice_decision d;
  const sluice_code code = sluice_limiter_take(limiter, key, strlen(key), 1, SLUICE_NOW, &d);
  if (code != SLUICE_OK) return fprintf(stderr, "%s\n", sluice_code_text(code)), 1;
  if (d.outcome == SLUICE_ALLOWED)
    printf("%s: allowed, %" PRId64 " left\n", key, d.remaining);
  else
    printf("%s: refused, try again in %" PRId64 " s\n", key, d.retry_after_ns / 1000000000 + 1);
  return 0;
}

int main(void) {
  sluice_quota quota;
  sluice_error error;
  sluice_limiter *limiter = NULL;
  printf("libsluice ABI %" PRId32 "\n", sluice_abi());
  if (sluice_quota_parse("2/fortnight", &quota, &error) != SLUICE_OK) printf("%s\n", error.message);
  if (sluice_quota_parse("2/h", &quota, &error) != SLUICE_OK ||
      sluice_limiter_new(&quota, 1, NULL, &limiter, &error) != SLUICE_OK)
    return fprintf(stderr, "%s\n", error.message), 1;
  const int failed = ask(limiter, "alice") || ask(limiter, "alice") || ask(limiter, "alice") || ask(limiter, "bob");
  sluice_limiter_free(limiter);
  return failed;
}
