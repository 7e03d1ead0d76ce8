/* Preloaded into a process, it shifts the wall clock of that process, and nothing else: by so many nanoseconds, and by so
 * many parts in a million since it was loaded. Both are read, at every look at the clock, from the file that
 * $CLOCK_SHIM_FILE names: two 64-bit integers. The monotonic clock stays, as it does when somebody sets a machine's time. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t* shift; /* nanoseconds, parts in a million */
static int64_t loaded;

static int64_t kernel_nanoseconds(clockid_t clock) {
  struct timespec now;
  syscall(SYS_clock_gettime, clock, &now); /* not by the C library: that is what this replaces */
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

__attribute__((constructor)) static void load(void) {
  const char* path = getenv("CLOCK_SHIM_FILE");
  const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void* mapped = mmap(NULL, 2 * sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED) return;
  loaded = kernel_nanoseconds(CLOCK_REALTIME);
  shift = mapped;
}

static int64_t shifted(clockid_t clock) {
  const int64_t now = kernel_nanoseconds(clock);
  return shift ? now + shift[0] + (now - loaded) / 1000000 * shift[1] : now;
}

int clock_gettime(clockid_t clock, struct timespec* to) {
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return (int)syscall(SYS_clock_gettime, clock, to);
  const int64_t now = shifted(clock);
  to->tv_sec = now / 1000000000;
  to->tv_nsec = now % 1000000000;
  return 0;
}

int gettimeofday(struct timeval* restrict to, void* restrict zone) {
  (void)zone;
  const int64_t now = shifted(CLOCK_REALTIME);
  to->tv_sec = now / 1000000000;
  to->tv_usec = now % 1000000000 / 1000;
  return 0;
}

time_t time(time_t* to) {
  const time_t now = shifted(CLOCK_REALTIME) / 1000000000;
  if (to) *to = now;
  return now;
}
