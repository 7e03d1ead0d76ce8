#include "cli/signals.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/check.h"

namespace itemgate::cli {
namespace {

sigset_t EndSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

sigset_t AllSignals() {
  sigset_t set = EndSignals();
  sigaddset(&set, SIGHUP);
  return set;
}

void ChangeMask(int how, const sigset_t& set) {
  ITEMGATE_CHECK(pthread_sigmask(how, &set, nullptr) == 0);
}

}  // namespace

Signals::Signals() { ChangeMask(SIG_BLOCK, AllSignals()); }
Signals::~Signals() {
  while (Wait(Duration::zero())) {
  }
  ChangeMask(SIG_UNBLOCK, AllSignals());
}

std::optional<Signal> Signals::Wait(Duration time_max) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time_max);
  const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (time_max - seconds).count()};
  const sigset_t set = AllSignals();
  siginfo_t info{};
  const int signal = sigtimedwait(&set, &info, &timeout);
  if (signal < 0) return std::nullopt;
  if (signal == SIGHUP) return Signal::kReload;
  return info.si_pid == getpid() ? Signal::kEndRequested : Signal::kEnd;
}

void Signals::LetEndKill() {
  // There is nothing left to reload; unblocked at last, a waiting SIGHUP would turn the end into a failure.
  ITEMGATE_CHECK(::signal(SIGHUP, SIG_IGN) != SIG_ERR);
  ChangeMask(SIG_UNBLOCK, EndSignals());
}

void Signals::RequestEnd() { ITEMGATE_CHECK(kill(getpid(), SIGTERM) == 0); }

}  // namespace itemgate::cli
