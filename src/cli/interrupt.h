#pragma once

#include <signal.h>

#include <stop_token>
#include <thread>

namespace itemgate::cli {

/// While it lives, the first SIGINT or SIGTERM is a request to stop, and the second ends the process at once with code
/// 130. At most one exists at a time. Owns a thread that waits for the request. The request may be asked for from any
/// thread.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] bool requested() const;
  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
  /// Readable from the request on; for those who wait for input.
  [[nodiscard]] int descriptor() const { return signalled_; }

 private:
  int signalled_;
  int closing_;
  struct sigaction previous_int_{};
  struct sigaction previous_term_{};
  std::stop_source stop_;
  std::thread watcher_;
};

}  // namespace itemgate::cli
