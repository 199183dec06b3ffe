// A program's wall clock, shifted: LD_PRELOAD this, and the file that FAKE_CLOCK names holds the shift in microseconds (eight
// bytes), which may change at any time. Monotonic time stays true. (libfaketime does not start under jemalloc.)
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t shift(void) {
  static const volatile int64_t* at;
  if (!at) {
    static const int64_t none;
    const char* name = getenv("FAKE_CLOCK");
    const int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void* map = file < 0 ? MAP_FAILED : mmap(0, sizeof *at, PROT_READ, MAP_SHARED, file, 0);
    at = map == MAP_FAILED ? &none : map;
    if (file >= 0) close(file);
  }
  return *at;
}

int clock_gettime(clockid_t clock, struct timespec* t) {
  const long failed = syscall(SYS_clock_gettime, clock, t);
  if (failed || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return (int)failed;
  const int64_t us = shift();
  const int64_t ns = t->tv_nsec + us % 1000000 * 1000 + 1000000000;
  t->tv_sec += us / 1000000 - 1 + ns / 1000000000;
  t->tv_nsec = ns % 1000000000;
  return 0;
}

int gettimeofday(struct timeval* t, void* zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec;
  t->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* to) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (to) *to = now.tv_sec;
  return now.tv_sec;
}
