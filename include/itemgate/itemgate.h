#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "itemgate/service.h"

namespace itemgate {

/// How to open Itemgate on one server. The defaults suit; only the directory must be chosen.
struct OpenOptions {
  /// Where the embedded store lies; created if absent. Empty: a store in memory, gone with the process.
  std::string directory;

  /// Fail with kNotFound instead of creating a store.
  bool must_exist = false;

  /// An outside system that each item must reach, or null. Must outlive the opened service.
  ItemBackend* backend = nullptr;

  /// Called after saves that made items, from any thread, often for several at once. Must be quick, must not call the
  /// service, and must outlive it.
  std::function<void()> on_saved;

  ServiceOptions service;
};

/// What `Verify` found. A clean store has no problems.
struct VerifyReport {
  std::uint64_t items = 0;
  std::uint64_t content_bytes = 0;
  std::vector<std::string> problems;  // one sentence each; at most 100 are kept
  std::uint64_t problem_count = 0;
};

/// A service with everything it runs on: threads, clock and store. Closing it (the destructor) finishes what was
/// begun.
class Itemgate {
 public:
  virtual ~Itemgate() = default;

  [[nodiscard]] virtual ItemIntegrationService& service() = 0;
  [[nodiscard]] virtual StoreStatistics StoreStatisticsNow() const = 0;

  /// Reads the whole store and proves that log and index say the same: ids without gaps, checksums and digests right,
  /// each key known once and under the right id. Items may be saved meanwhile; those that were there at the start are
  /// looked at for certain. Calls `progress` now and then with the items done so far. kUnsupported for a store in
  /// memory.
  [[nodiscard]] virtual Result<VerifyReport> Verify(
      std::move_only_function<void(std::uint64_t)> progress) = 0;
};

/// Opens or creates a store and starts a service on it. Fails with kBusy if another process has the directory, with
/// kUnsupported or kCorrupt if it cannot be trusted; the message says what to do.
[[nodiscard]] Result<std::unique_ptr<Itemgate>> Open(const OpenOptions& options);

}  // namespace itemgate
