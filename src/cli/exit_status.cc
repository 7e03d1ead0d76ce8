#include "cli/exit_status.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace itemgate::cli {
namespace {

struct Meaning {
  ExitStatus status;
  const char* text;
};

constexpr std::array<Meaning, 10> kMeanings{{
    {ExitStatus::kOk, "done; duplicates are no problem"},
    {ExitStatus::kSomeItems,
     "not everything: some items or inputs were refused, verify found problems, or a server is "
     "gone"},
    {ExitStatus::kUsage, "wrong usage"},
    {ExitStatus::kBusy, "another process has the data directory; try again later"},
    {ExitStatus::kStore, "the data directory cannot be opened: damaged, or of another version"},
    {ExitStatus::kNotFound, "no such item, input or data directory"},
    {ExitStatus::kInputOutput,
     "a file cannot be read or written: an input, the output, or in the data directory; the disk "
     "may "
     "be full"},
    {ExitStatus::kServer,
     "no Itemgate server or database answers at that address, or it can do nothing now"},
    {ExitStatus::kLockLost, "the lock was lost, and the command was stopped"},
    {ExitStatus::kInterrupted, "interrupted; what was acknowledged is saved"},
}};

}  // namespace

ExitStatus StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return ExitStatus::kUsage;
    case ErrorCode::kNotFound:
      return ExitStatus::kNotFound;
    case ErrorCode::kBusy:
      return ExitStatus::kBusy;
    case ErrorCode::kStorageFull:
    case ErrorCode::kIo:
      return ExitStatus::kInputOutput;
    case ErrorCode::kCorrupt:
    case ErrorCode::kUnsupported:
      return ExitStatus::kStore;
    case ErrorCode::kUnavailable:
      return ExitStatus::kServer;
    case ErrorCode::kTooLarge:
    case ErrorCode::kNotCanonical:
    case ErrorCode::kFailed:
    case ErrorCode::kCancelled:
    case ErrorCode::kUnknown:
    case ErrorCode::kParked:
      return ExitStatus::kSomeItems;
  }
  return ExitStatus::kStore;
}

ExitStatus StatusOfOpening(ErrorCode code) {
  if (code == ErrorCode::kBusy) return ExitStatus::kBusy;
  if (code == ErrorCode::kNotFound) return ExitStatus::kNotFound;
  if (code == ErrorCode::kStorageFull || code == ErrorCode::kIo) return ExitStatus::kInputOutput;
  if (code == ErrorCode::kUnavailable) return ExitStatus::kServer;
  if (code == ErrorCode::kInvalidArgument) return ExitStatus::kUsage;
  return ExitStatus::kStore;
}

ExitStatus StatusOfConnecting(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument ? ExitStatus::kUsage : ExitStatus::kServer;
}

std::string ExitStatusTable() {
  std::string table = "Exit codes:\n";
  for (const Meaning& meaning : kMeanings)
    table += fmt::format("  {:>3}  {}\n", std::to_underlying(meaning.status), meaning.text);
  return table;
}

}  // namespace itemgate::cli
