// A disk that takes its time: LD_PRELOAD this, and fsync(), and SQLite's writes, wait while the file that SLOW_DISK names is
// there; so does, in the thread that SLOW_THREAD names, whoever locks a file. Nobody has to guess how long that is: the test takes
// the file away. That a write waits is told by a file NAME.write.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int slow(void) {
  const char* name = getenv("SLOW_DISK");
  return name && access(name, F_OK) == 0;
}

static void wait_for_disk(void) {
  while (slow()) usleep(10000);
}

int fsync(int file) {
  wait_for_disk();
  return (int)syscall(SYS_fsync, file);
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t at) {
  if (slow()) {
    char told[4096];
    snprintf(told, sizeof told, "%s.write", getenv("SLOW_DISK"));
    close(open(told, O_CREAT | O_WRONLY, 0600));
  }
  wait_for_disk();
  return syscall(SYS_pwrite64, file, bytes, size, at);
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t at) { return pwrite64(file, bytes, size, at); }

static int in_slow_thread(void) {
  const char* name = getenv("SLOW_THREAD");
  char own[16] = "";
  return name && prctl(PR_GET_NAME, own) == 0 && strcmp(own, name) == 0;
}

int fcntl64(int file, int command, ...) {
  va_list more;
  va_start(more, command);
  void* const argument = va_arg(more, void*);
  va_end(more);
  if (command == F_SETLK && in_slow_thread()) wait_for_disk();
  return (int)syscall(SYS_fcntl, file, command, argument);
}
int fcntl(int file, int command, ...) __attribute__((alias("fcntl64")));
