#include "itemgate/redlock.h"

#include <cstdio>
#include <string_view>

// Takes a lock on the given Redis servers, and says how that went:
//   redlock nightly-report redis1:6379 redis2:6379 redis3:6379
int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s NAME SERVER...\n", argv[0]);
    return 2;
  }
  const auto factory = itemgate::RedLockFactory::Create({argv + 2, argv + argc});
  if (!factory) {
    std::fprintf(stderr, "%s\n", factory.error().message.c_str());
    return 2;
  }
  // Waits at most two seconds for whoever has it. While it is held it is renewed; a crash frees it after ten seconds.
  auto lock = (*factory)->CreateLock(argv[1], std::chrono::seconds(10), std::chrono::seconds(2),
                                     std::chrono::milliseconds(100));
  if (!lock) {
    std::fprintf(stderr, "%s\n", lock.error().message.c_str());
    return 2;
  }
  const std::string_view status = itemgate::RedLockStatusName(lock->status());
  std::printf("%.*s (%s)\n", static_cast<int>(status.size()), status.data(),
              lock->instance_summary().ToString().c_str());
  if (!lock->IsAcquired()) return 1;

  // The work. It must stop when the lock is lost; and a lease is never a proof, so what is written at the end should be
  // safe to write twice.
  const std::stop_token lost = lock->lost_token();
  for (int step = 0; step < 3 && !lost.stop_requested(); ++step) std::printf("step %d\n", step);

  const itemgate::RedLockRelease release = lock->Release();
  std::printf("released on %d servers\n", release.released);
}
