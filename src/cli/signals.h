#pragma once

#include <optional>

#include "base/clock.h"

namespace itemgate::cli {

enum class Signal {
  kEnd,
  kEndRequested,  // by Signals::RequestEnd
  kReload,
};

/// The signals of a server: SIGTERM and SIGINT ask it to end, SIGHUP to read its settings again. While it lives they
/// wait to be taken; make it before any other thread, so that all threads leave them to it. Main thread.
class Signals {
 public:
  Signals();
  /// Drops what has come. Later signals do what they do by default.
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// The next signal; nothing if none comes within `time_max`.
  [[nodiscard]] std::optional<Signal> Wait(Duration time_max);

  /// From now on a request to end ends the process at once, and SIGHUP is ignored.
  void LetEndKill();
  /// Asks for the end, from within this process. From any thread.
  static void RequestEnd();
};

}  // namespace itemgate::cli
