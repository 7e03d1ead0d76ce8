#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"

namespace itemgate::cli {

/// How a command that ran under a lock ended.
struct CommandEnd {
  int status = 0;            // its exit status; 128 and the signal's number if a signal ended it
  bool was_stopped = false;  // by us, because the lock was lost
  int start_error = 0;       // errno, if the program could not be started
};

/// Runs other programs while something is held that may be lost. Blocks SIGINT, SIGTERM, SIGHUP and SIGQUIT, unless
/// they are ignored, and SIGCHLD and SIGUSR1 for its life: make it before any other thread. One at a time; main thread.
class GuardedCommand {
 public:
  GuardedCommand();
  ~GuardedCommand();
  GuardedCommand(const GuardedCommand&) = delete;
  GuardedCommand& operator=(const GuardedCommand&) = delete;

  /// Starts the program in a process group of its own, in the foreground if we are, and waits for its end. Interrupts
  /// are handed on to the group; when `lost` is requested it gets SIGTERM, and SIGKILL at the time that `kill_at` then
  /// says, or when the program has ended. The program is killed if we end first. As in a shell, the status is 127 if
  /// there is no such program, and 126 if it cannot be started.
  [[nodiscard]] CommandEnd Run(const std::vector<std::string>& command, const std::stop_token& lost,
                               const std::function<Instant()>& kill_at);

  /// Waits until `done` says so, and requests `interrupted` if SIGINT, SIGTERM, SIGHUP or SIGQUIT comes meanwhile.
  /// `done` is looked at when Poke was called.
  void WaitFor(const std::function<bool()>& done, std::stop_source& interrupted);
  /// From any thread.
  static void Poke();
};

}  // namespace itemgate::cli
