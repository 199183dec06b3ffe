// A disk that takes its time: LD_PRELOAD this, and fsync(), and SQLite's writes, wait while the file that SLOW_DISK names is
// there. Nobody has to guess how long that is: the test takes the file away. That a write waits is told by a file NAME.write.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int slow(void) {
  const char* name = getenv("SLOW_DISK");
  return name && access(name, F_OK) == 0;
}

int fsync(int file) {
  while (slow()) usleep(10000);
  return (int)syscall(SYS_fsync, file);
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t at) {
  if (slow()) {
    char told[4096];
    snprintf(told, sizeof told, "%s.write", getenv("SLOW_DISK"));
    close(open(told, O_CREAT | O_WRONLY, 0600));
  }
  while (slow()) usleep(10000);
  return syscall(SYS_pwrite64, file, bytes, size, at);
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t at) { return pwrite64(file, bytes, size, at); }
