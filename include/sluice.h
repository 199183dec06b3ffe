/* sluice.h: an exact token bucket rate limiter, for C and for every language that can call C.
 *
 *     sluice_quota quota;
 *     sluice_error error;
 *     if (sluice_quota_parse("10/s burst 50", &quota, &error)) return complain(error.message);
 *     sluice_limiter *limiter;
 *     if (sluice_limiter_new(&quota, 1, NULL, &limiter, &error)) return complain(error.message);
 *     sluice_decision d;
 *     sluice_limiter_take(limiter, "alice", 5, 1, SLUICE_NOW, &d);
 *     if (d.outcome != SLUICE_ALLOWED) return try_again_in(d.retry_after_ns);
 *
 * Link with -lsluice (pkg-config sluice). The C++ headers in sluice/ tell the ideas at more length; a name
 * here means what it means there.
 *
 * Errors and refusals. A refusal is an answer, not an error: the call returns SLUICE_OK and the decision says
 * `refused`. Every call that can fail returns a sluice_code, SLUICE_OK being 0; sluice_code_text() has a
 * sentence for each, and calls that take a `sluice_error *` (it may be NULL) write there what is wrong and
 * the mend. A call that fails changes nothing, and writes nothing but the error. Handles and required
 * pointers that are NULL, and negative costs, are SLUICE_INVALID_ARGUMENT, never a crash. No exception and no
 * signal comes out of any call.
 *
 * Threads. Every call on a bucket or a limiter is thread-safe: any number of threads may use one handle at
 * one time, and deciding takes no lock (hold and settle, and quotas that need 128 bits, take a short one).
 * Alone *_new and *_free are not: a handle must be finished in all threads before it is freed. Nothing here
 * is kept by thread, so a caller that moves between threads (goroutines, async runtimes) needs no care. The
 * library starts no thread and handles no signal; after fork() both processes have buckets of their own.
 *
 * Time is in nanoseconds. `now` may come from any one clock that the caller likes, or is SLUICE_NOW: the
 * machine's monotonic clock. One handle sees one clock. A time before the latest one that the handle was
 * given counts as that latest one, so a clock that steps back makes no token and loses none.
 *
 * Versions. The library's file is libsluice.so.SLUICE_ABI. Within one SLUICE_ABI functions and codes may be
 * added, nothing is changed or taken away, and no struct but sluice_limiter_options grows; that one says its
 * own size.
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <stddef.h>
#include <stdint.h>

#define SLUICE_ABI 1

#if defined(__GNUC__)
#define SLUICE_API __attribute__((visibility("default")))
#else
#define SLUICE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The library's version, as "0.1.0", and the SLUICE_ABI it was built with. A program that loads the library
 * by hand compares the latter with its header's. */
SLUICE_API const char* sluice_version(void);
SLUICE_API int32_t sluice_abi(void);

/* --- Errors --- */

typedef int32_t sluice_code;
enum {
  SLUICE_OK = 0,
  SLUICE_INVALID_ARGUMENT = 1,   /* The input can never be right: a malformed quota, a negative cost, NULL. */
  SLUICE_OUT_OF_RANGE = 2,       /* Well formed, but beyond what can be kept exactly. */
  SLUICE_NOT_FOUND = 3,          /* No such hold: it was settled, has expired or never was. */
  SLUICE_RESOURCE_EXHAUSTED = 4, /* A stated bound is reached: max_holds. */
  SLUICE_UNAVAILABLE = 5,        /* The operating system did not do its part. */
  SLUICE_OUT_OF_MEMORY = 7
};

/* A sentence for each code; for a number that is none, one that says so. Never NULL, lives for ever. */
SLUICE_API const char* sluice_code_text(sluice_code code);

typedef struct sluice_error {
  sluice_code code;
  char message[508]; /* Names the thing and the mend. Ends in a zero; cut if it is longer. */
} sluice_error;

/* --- Time --- */

#define SLUICE_NOW INT64_MIN   /* As `now`: read the monotonic clock. */
#define SLUICE_NEVER INT64_MAX /* As retry_after_ns: it can never pass. As a longest wait: however long. */

/* The monotonic clock that SLUICE_NOW reads. */
SLUICE_API int64_t sluice_now(void);

/* --- Quotas: how much, how fast. A value; nothing to free. --- */

typedef struct sluice_quota {
  int64_t capacity;  /* Tokens; also the largest burst. At least 1. */
  int64_t tokens;    /* Gained every period, evenly. At least 1. */
  int64_t period_ns; /* At least 1. */
} sluice_quota;

/* Reads "10/s", "600/min burst 50", "5/h", "100/30s", "10MB/s burst 50MB". */
SLUICE_API sluice_code sluice_quota_parse(const char* text, sluice_quota* quota, sluice_error* error);

/* Whether a quota that was filled in by hand is possible and can be kept exactly. Calls that take a quota
 * check it too. */
SLUICE_API sluice_code sluice_quota_check(const sluice_quota* quota, sluice_error* error);

/* The shortest text that is read back as this quota. Writes at most `size` bytes, the last one a zero;
 * *needed (it may be NULL) is set to the bytes of the whole, with its zero. Cut text is SLUICE_OUT_OF_RANGE;
 * 128 bytes hold any. */
SLUICE_API sluice_code sluice_quota_text(const sluice_quota* quota, char* text, size_t size, size_t* needed);

/* --- Decisions --- */

enum {
  SLUICE_ALLOWED = 0,
  SLUICE_REFUSED = 1,      /* Not now; come again after retry_after_ns. */
  SLUICE_NEVER_ALLOWED = 2 /* The cost is above the capacity: it can never pass. */
};

typedef struct sluice_decision {
  int64_t granted;        /* Tokens charged: the cost, or fewer for take_up_to, 0 for a refusal. */
  int64_t capacity;       /* The most tokens the bucket holds; of several quotas, the one that decided. */
  int64_t remaining;      /* Whole tokens left; rounded down, never negative. */
  int64_t retry_after_ns; /* Who waits this long is allowed, if nobody else asks. 0 if allowed; may be
                             SLUICE_NEVER. */
  int64_t reset_after_ns; /* Until the bucket is full again; rounded up. */
  int64_t due_after_ns;   /* Of an allowed reserve: wait this long, then go. Of wait: how long it was waited.
                             Else 0. */
  int32_t outcome;
  int32_t reserved; /* 0. */
} sluice_decision;

/* --- Stopping a wait --- */

/* One stop may be given to many waits; once requested it stays so. It outlives the waits that have it. */
typedef struct sluice_stop sluice_stop;
SLUICE_API sluice_code sluice_stop_new(sluice_stop** stop);
SLUICE_API void sluice_stop_free(sluice_stop* stop); /* NULL is nothing. */
SLUICE_API sluice_code sluice_stop_request(sluice_stop* stop);

/* --- One bucket, shared by threads --- */

typedef struct sluice_bucket sluice_bucket;

/* Full at `now`. */
SLUICE_API sluice_code sluice_bucket_new(const sluice_quota* quota, int64_t now, sluice_bucket** bucket,
                                         sluice_error* error);
SLUICE_API void sluice_bucket_free(sluice_bucket* bucket); /* NULL is nothing. */

/* Takes `cost` tokens if they are there. 0 asks without taking. */
SLUICE_API sluice_code sluice_bucket_take(sluice_bucket* bucket, int64_t cost, int64_t now,
                                          sluice_decision* decision);
/* What take would answer; changes nothing. */
SLUICE_API sluice_code sluice_bucket_peek(sluice_bucket* bucket, int64_t cost, int64_t now,
                                          sluice_decision* decision);
/* Takes as many tokens as there are, at most `most`; granted says how many. Refused if there is none. */
SLUICE_API sluice_code sluice_bucket_take_up_to(sluice_bucket* bucket, int64_t most, int64_t now,
                                                sluice_decision* decision);
/* Takes tokens from the future if need be: allowed if they are due within max_wait_ns; then due_after_ns is
 * the wait, which is the caller's to keep. Later requests queue up behind it. To cancel, refund the cost. */
SLUICE_API sluice_code sluice_bucket_reserve(sluice_bucket* bucket, int64_t cost, int64_t max_wait_ns,
                                             int64_t now, sluice_decision* decision);
/* From here on `decision` may be NULL. */
/* Takes `cost` tokens whether they are there or not. The debt is waited out by later requests. */
SLUICE_API sluice_code sluice_bucket_charge(sluice_bucket* bucket, int64_t cost, int64_t now,
                                            sluice_decision* decision);
/* Gives back `cost` tokens, never above full. */
SLUICE_API sluice_code sluice_bucket_refund(sluice_bucket* bucket, int64_t cost, int64_t now,
                                            sluice_decision* decision);
/* Makes the bucket full. */
SLUICE_API sluice_code sluice_bucket_reset(sluice_bucket* bucket, int64_t now, sluice_decision* decision);
/* Takes `cost` tokens and sleeps until they are due, at most at_most_ns; what could not be due by then is
 * refused at once. First come, first served. `stop` (it may be NULL) ends the wait early: refused, and the
 * tokens go back. Blocks this thread alone. The bucket must see SLUICE_NOW everywhere else too. Here
 * `decision` may not be NULL. */
SLUICE_API sluice_code sluice_bucket_wait(sluice_bucket* bucket, int64_t cost, int64_t at_most_ns,
                                          const sluice_stop* stop, sluice_decision* decision);

/* --- One bucket a key, under one quota or several --- */

typedef struct sluice_limiter sluice_limiter;

typedef struct sluice_limiter_options {
  size_t size;        /* sizeof(sluice_limiter_options). Fields beyond it have their defaults. */
  uint64_t max_keys;  /* Buckets that can be away from full at one time; 0: 10,000,000. Memory is used as they
                         come. */
  uint64_t max_holds; /* Open holds; 0: 100,000. */
} sluice_limiter_options;

/* Of several quotas (32 at most) all must pass, and none is charged if one refuses. `options` may be NULL. */
SLUICE_API sluice_code sluice_limiter_new(const sluice_quota* quotas, size_t count,
                                          const sluice_limiter_options* options, sluice_limiter** limiter,
                                          sluice_error* error);
SLUICE_API void sluice_limiter_free(sluice_limiter* limiter); /* NULL is nothing. */

/* As those of a bucket. A key is any bytes, also none (`key` may then be NULL); they are not kept beyond the
 * call. */
SLUICE_API sluice_code sluice_limiter_take(sluice_limiter* limiter, const void* key, size_t key_size,
                                           int64_t cost, int64_t now, sluice_decision* decision);
SLUICE_API sluice_code sluice_limiter_peek(sluice_limiter* limiter, const void* key, size_t key_size,
                                           int64_t cost, int64_t now, sluice_decision* decision);
SLUICE_API sluice_code sluice_limiter_take_up_to(sluice_limiter* limiter, const void* key, size_t key_size,
                                                 int64_t most, int64_t now, sluice_decision* decision);
SLUICE_API sluice_code sluice_limiter_reserve(sluice_limiter* limiter, const void* key, size_t key_size,
                                              int64_t cost, int64_t max_wait_ns, int64_t now,
                                              sluice_decision* decision);
SLUICE_API sluice_code sluice_limiter_charge(sluice_limiter* limiter, const void* key, size_t key_size,
                                             int64_t cost, int64_t now, sluice_decision* decision);
SLUICE_API sluice_code sluice_limiter_refund(sluice_limiter* limiter, const void* key, size_t key_size,
                                             int64_t cost, int64_t now, sluice_decision* decision);
SLUICE_API sluice_code sluice_limiter_reset(sluice_limiter* limiter, const void* key, size_t key_size,
                                            int64_t now, sluice_decision* decision);
SLUICE_API sluice_code sluice_limiter_wait(sluice_limiter* limiter, const void* key, size_t key_size,
                                           int64_t cost, int64_t at_most_ns, const sluice_stop* stop,
                                           sluice_decision* decision);

typedef struct sluice_request {
  const void* key;
  size_t key_size;
  int64_t cost;
} sluice_request;

/* Many at once, as if one after the other in their order; a key may be there twice. Each stands for itself:
 * some may pass and some not. Costs less than half as much a key as one call for each. If one of them is an
 * invalid argument, none is asked. `decisions` has room for `count`. */
SLUICE_API sluice_code sluice_limiter_take_many(sluice_limiter* limiter, const sluice_request* requests,
                                                size_t count, int64_t now, sluice_decision* decisions);

/* Takes `estimate` tokens for a cost that is known only afterwards; *hold is of meaning only if the decision
 * is allowed. Until expires_after_ns is over it can be settled; then it has settled at its estimate, and a
 * forgotten one leaks nothing. SLUICE_RESOURCE_EXHAUSTED when max_holds are open; nothing is charged then.
 * Nobody can guess a hold's number from others. */
SLUICE_API sluice_code sluice_limiter_hold(sluice_limiter* limiter, const void* key, size_t key_size,
                                           int64_t estimate, int64_t expires_after_ns, int64_t now,
                                           uint64_t* hold, sluice_decision* decision, sluice_error* error);
/* Gives back what the hold took too much, or charges what it took too little, even into debt. Exactly once:
 * SLUICE_NOT_FOUND if it was settled before, has expired or never was. `decision` may be NULL. */
SLUICE_API sluice_code sluice_limiter_settle(sluice_limiter* limiter, uint64_t hold, int64_t actual,
                                             int64_t now, sluice_decision* decision, sluice_error* error);

/* Optional housekeeping, for a timer, some ten times a second; below a millisecond. */
SLUICE_API sluice_code sluice_limiter_maintain(sluice_limiter* limiter, int64_t now);

typedef struct sluice_limiter_stats {
  uint64_t keys;      /* Buckets held, some of them full again and not yet reused. */
  uint64_t bytes;     /* Of address space; untouched pages of it use no memory. */
  uint64_t evictions; /* Buckets that lost their place at max_keys while they were not full. */
  uint64_t holds;     /* Open. */
} sluice_limiter_stats;
SLUICE_API sluice_code sluice_limiter_get_stats(const sluice_limiter* limiter, sluice_limiter_stats* stats);

#ifdef __cplusplus
}
#endif

#endif
