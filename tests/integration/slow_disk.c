// A disk that takes its time: LD_PRELOAD this, and fsync() waits while the file that SLOW_DISK names is there. Nobody has to
// guess how long that is: the test takes the file away.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int file) {
  const char* name = getenv("SLOW_DISK");
  while (name && access(name, F_OK) == 0) usleep(10000);
  return (int)syscall(SYS_fsync, file);
}
