#pragma once

#include <string>

#include "itemgate/error.h"

namespace itemgate::cli {

/// How the program ends. The numbers are stable: scripts rely on them.
enum class ExitStatus : int {
  kOk = 0,
  kSomeItems = 1,
  kUsage = 2,
  kBusy = 3,
  kStore = 4,
  kNotFound = 5,
  kInputOutput = 6,
  kServer = 7,
  kLockLost = 8,
  kInterrupted = 130,
};

/// The status that an error of an operation ends the program with.
[[nodiscard]] ExitStatus StatusOf(ErrorCode code);

/// The same for an error of opening a store.
[[nodiscard]] ExitStatus StatusOfOpening(ErrorCode code);

/// The same for an error of connecting to a server.
[[nodiscard]] ExitStatus StatusOfConnecting(ErrorCode code);

/// The table of all exit codes, for people.
[[nodiscard]] std::string ExitStatusTable();

}  // namespace itemgate::cli
