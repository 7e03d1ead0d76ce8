#include "cli/guarded_command.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/check.h"

namespace itemgate::cli {
namespace {

constexpr int kNotExecutable = 126;
constexpr int kNoProgram = 127;
constexpr int kSignalled = 128;

constexpr int kInterrupts[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

bool IsInterrupt(int signal) {
  return std::ranges::find(kInterrupts, signal) != std::end(kInterrupts);
}

bool IsIgnored(int signal) {
  struct sigaction action{};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t AwaitedSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGUSR1}) sigaddset(&set, signal);
  for (const int signal : kInterrupts)
    if (!IsIgnored(signal)) sigaddset(&set, signal);  // nohup, or in a script's background
  return set;
}

constexpr Instant kNever = Instant::max();

/// The next signal; nothing if none comes until then.
std::optional<int> NextSignal(Instant end) {
  const sigset_t set = AwaitedSignals();
  while (true) {
    int signal = 0;
    if (end == kNever) {
      signal = sigwaitinfo(&set, nullptr);
    } else {
      const Duration left = std::max(end - SystemClock().Now(), Duration::zero());
      const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
      const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
      signal = sigtimedwait(&set, nullptr, &timeout);
    }
    if (signal >= 0) return signal;
    if (errno == EAGAIN) return std::nullopt;
    ITEMGATE_CHECK(errno == EINTR);
  }
}

/// The controlling terminal, if we are in its foreground.
class Terminal {
 public:
  Terminal() : file_(open("/dev/tty", O_RDWR | O_CLOEXEC)) {
    is_ours_ = file_ >= 0 && tcgetpgrp(file_) == getpgrp();
  }
  ~Terminal() {
    if (file_ >= 0) close(file_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void GiveTo(pid_t group) const {
    if (!is_ours_) return;
    sigset_t set;  // else who is not in the foreground is stopped here
    sigset_t before;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    (void)sigprocmask(SIG_BLOCK, &set, &before);
    (void)tcsetpgrp(file_, group);
    (void)sigprocmask(SIG_SETMASK, &before, nullptr);
  }

 private:
  int file_;
  bool is_ours_ = false;
};

/// Writes errno to `failure` if it cannot become it.
[[noreturn]] void BecomeProgram(char* const* argv, int failure, const Terminal& terminal,
                                pid_t parent) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kSignalled + SIGKILL);  // it has ended already
  (void)setpgid(0, 0);
  terminal.GiveTo(getpid());
  const sigset_t set = AwaitedSignals();
  (void)sigprocmask(SIG_UNBLOCK, &set, nullptr);
  (void)signal(SIGPIPE, SIG_DFL);
  execvp(argv[0], argv);
  const int error = errno;
  (void)!write(failure, &error, sizeof error);
  _exit(error == ENOENT ? kNoProgram : kNotExecutable);
}

struct Started {
  pid_t pid;
  int failure;  // a pipe: errno if it could not become the program, else nothing
};

Started StartProgram(const std::vector<std::string>& command, const Terminal& terminal) {
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int failure[2];
  ITEMGATE_CHECK(pipe2(failure, O_CLOEXEC) == 0);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  ITEMGATE_CHECK(pid >= 0);
  if (pid == 0) BecomeProgram(argv.data(), failure[1], terminal, parent);
  (void)setpgid(pid, pid);  // here too: whichever is first
  close(failure[1]);
  return {.pid = pid, .failure = failure[0]};
}

/// Once it has ended, and once.
int StartErrorOf(const Started& program) {
  int error = 0;
  const ssize_t bytes = read(program.failure, &error, sizeof error);
  close(program.failure);
  return bytes == static_cast<ssize_t>(sizeof error) ? error : 0;
}

/// Whether it has ended. It stays a zombie, so that its number remains its group's.
bool HasEnded(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

/// One that the keyboard has stopped would keep the lock, and nobody would get the terminal: it goes on.
void ContinueIfSuspended(pid_t pid) {
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOHANG) == 0 && info.si_pid == pid &&
      info.si_status == SIGTSTP)
    kill(-pid, SIGCONT);
}

int StatusOf(pid_t pid) {
  int status = 0;
  ITEMGATE_CHECK(waitpid(pid, &status, 0) == pid);
  return WIFSIGNALED(status) ? kSignalled + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

GuardedCommand::GuardedCommand() {
  const sigset_t set = AwaitedSignals();
  ITEMGATE_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
}

GuardedCommand::~GuardedCommand() {
  while (NextSignal(Instant{})) {
  }
  const sigset_t set = AwaitedSignals();
  ITEMGATE_CHECK(pthread_sigmask(SIG_UNBLOCK, &set, nullptr) == 0);
}

void GuardedCommand::Poke() { ITEMGATE_CHECK(kill(getpid(), SIGUSR1) == 0); }

void GuardedCommand::WaitFor(const std::function<bool()>& done, std::stop_source& interrupted) {
  while (!done()) {
    const int signal = *NextSignal(kNever);
    if (IsInterrupt(signal)) interrupted.request_stop();
  }
}

CommandEnd GuardedCommand::Run(const std::vector<std::string>& command, const std::stop_token& lost,
                               const std::function<Instant()>& kill_at) {
  const Terminal terminal;
  const Started program = StartProgram(command, terminal);
  const pid_t pid = program.pid;
  const std::stop_callback poke(lost, [] { Poke(); });
  Instant kill_time = kNever;
  bool was_stopped = false;
  while (!HasEnded(pid)) {
    ContinueIfSuspended(pid);
    if (lost.stop_requested() && !was_stopped) {
      was_stopped = true;
      kill_time = kill_at();
      kill(-pid, SIGTERM);
      kill(-pid, SIGCONT);  // one that is stopped would not notice
    }
    const auto signal = NextSignal(kill_time);
    if (!signal) {
      kill_time = kNever;
      kill(-pid, SIGKILL);
    } else if (IsInterrupt(*signal)) {
      kill(-pid, *signal);
    }
  }
  if (was_stopped) kill(-pid, SIGKILL);  // what it has started and left behind
  terminal.GiveTo(getpgrp());
  return {
      .status = StatusOf(pid), .was_stopped = was_stopped, .start_error = StartErrorOf(program)};
}

}  // namespace itemgate::cli
