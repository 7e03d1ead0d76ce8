#include "cli/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "base/check.h"
#include "cli/exit_status.h"

namespace itemgate::cli {
namespace {

// What the signal handler uses. Relaxed order suffices: nothing else is published through them.
std::atomic<int> event_descriptor = -1;
std::atomic<bool> was_signalled = false;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "a signal handler must not take locks");

void Raise(int descriptor) {
  const std::uint64_t one = 1;
  (void)!::write(descriptor, &one, sizeof one);
}

void OnSignal(int /*signal*/) {
  if (was_signalled.exchange(true, std::memory_order_relaxed))
    ::_exit(static_cast<int>(ExitStatus::kInterrupted));
  const int saved_errno = errno;
  Raise(event_descriptor.load(std::memory_order_relaxed));
  errno = saved_errno;
}

int MakeEvent() {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ITEMGATE_CHECK(descriptor >= 0);
  return descriptor;
}

void WatchFor(int signalled, int closing, std::stop_source stop) {
  std::array<pollfd, 2> events{{{.fd = signalled, .events = POLLIN, .revents = 0},
                                {.fd = closing, .events = POLLIN, .revents = 0}}};
  while (::poll(events.data(), events.size(), -1) < 0) ITEMGATE_CHECK(errno == EINTR);
  if (events[0].revents != 0) stop.request_stop();
}

}  // namespace

Interrupt::Interrupt()
    : signalled_(MakeEvent()),
      closing_(MakeEvent()),
      watcher_([this] { WatchFor(signalled_, closing_, stop_); }) {
  ITEMGATE_CHECK(event_descriptor.exchange(signalled_, std::memory_order_relaxed) == -1);
  was_signalled.store(false, std::memory_order_relaxed);
  struct sigaction action{};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  ITEMGATE_CHECK(::sigaction(SIGINT, &action, &previous_int_) == 0);
  ITEMGATE_CHECK(::sigaction(SIGTERM, &action, &previous_term_) == 0);
}

Interrupt::~Interrupt() {
  (void)::sigaction(SIGINT, &previous_int_, nullptr);
  (void)::sigaction(SIGTERM, &previous_term_, nullptr);
  event_descriptor.store(-1, std::memory_order_relaxed);
  Raise(closing_);
  watcher_.join();
  ::close(signalled_);
  ::close(closing_);
}

bool Interrupt::requested() const { return was_signalled.load(std::memory_order_relaxed); }

}  // namespace itemgate::cli
