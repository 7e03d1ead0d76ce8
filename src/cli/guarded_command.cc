#include "cli/guarded_command.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "base/check.h"

namespace itemgate::cli {
namespace {

constexpr int kNoProgram = 127;
constexpr int kSignalled = 128;

sigset_t AwaitedSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGCHLD, SIGUSR1}) sigaddset(&set, signal);
  return set;
}

/// The next signal; nothing if none comes until then.
std::optional<int> NextSignal(std::optional<Duration> time_max) {
  const sigset_t set = AwaitedSignals();
  int signal = 0;
  if (!time_max) {
    ITEMGATE_CHECK(sigwait(&set, &signal) == 0);
    return signal;
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(*time_max);
  const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (*time_max - seconds).count()};
  signal = sigtimedwait(&set, nullptr, &timeout);
  return signal < 0 ? std::nullopt : std::optional(signal);
}

pid_t StartProgram(const std::vector<std::string>& command) {
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = fork();
  ITEMGATE_CHECK(pid >= 0);
  if (pid > 0) return pid;
  const sigset_t set = AwaitedSignals();
  (void)sigprocmask(SIG_UNBLOCK, &set, nullptr);
  (void)signal(SIGPIPE, SIG_DFL);
  execvp(argv[0], argv.data());
  _exit(kNoProgram);
}

}  // namespace

GuardedCommand::GuardedCommand() {
  const sigset_t set = AwaitedSignals();
  ITEMGATE_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
}

GuardedCommand::~GuardedCommand() {
  while (NextSignal(Duration::zero())) {
  }
  const sigset_t set = AwaitedSignals();
  ITEMGATE_CHECK(pthread_sigmask(SIG_UNBLOCK, &set, nullptr) == 0);
}

void GuardedCommand::Poke() { ITEMGATE_CHECK(kill(getpid(), SIGUSR1) == 0); }

void GuardedCommand::WaitFor(const std::function<bool()>& done, std::stop_source& interrupted) {
  while (!done()) {
    const int signal = *NextSignal(std::nullopt);
    if (signal == SIGINT || signal == SIGTERM) interrupted.request_stop();
  }
}

CommandEnd GuardedCommand::Run(const std::vector<std::string>& command, const std::stop_token& lost,
                               Duration patience) {
  const pid_t pid = StartProgram(command);
  const std::stop_callback poke(lost, [] { Poke(); });
  bool was_stopped = false;
  bool was_killed = false;
  while (true) {
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid)
      return {.status = WIFSIGNALED(status) ? kSignalled + WTERMSIG(status) : WEXITSTATUS(status),
              .was_stopped = was_stopped};
    if (lost.stop_requested() && !was_stopped) {
      was_stopped = true;
      kill(pid, SIGTERM);
    }
    const auto signal =
        NextSignal(was_stopped && !was_killed ? std::optional(patience) : std::nullopt);
    if (!signal && !was_killed) {
      was_killed = true;
      kill(pid, SIGKILL);
    }
    if (signal == SIGINT || signal == SIGTERM) kill(pid, *signal);
  }
}

}  // namespace itemgate::cli
