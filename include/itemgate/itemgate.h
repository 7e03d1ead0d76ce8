#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "itemgate/membership.h"
#include "itemgate/parked.h"
#include "itemgate/service.h"

namespace itemgate {

/// How a database is used that many servers share.
struct DatabaseOptions {
  std::size_t connections_max = 4;
  /// How long one call may take, with waiting for a database that went away and comes back.
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);
};

/// The Redis servers that the servers of a database share. They save work, and nothing depends on them: none has to be
/// there, ever.
struct RedisOptions {
  /// Connection texts (docs/redis.md). Together they remember what is saved; each is one vote of the locks.
  std::vector<std::string> servers;
  /// How long the lock of a content outlives a server that died with it. Whether locks are used: ServiceOptions.
  std::chrono::milliseconds lock_expiry = std::chrono::seconds(10);
};

/// How to open Itemgate. The defaults suit; only the directory, or the database, must be chosen.
struct OpenOptions {
  /// Where the embedded store lies; created if absent. Empty: a store in memory, gone with the process.
  std::string directory;

  /// The database that many servers share, instead of a directory: "postgres://user@host/name", as libpq reads it. It
  /// must have been prepared by `Migrate`. Empty: none.
  std::string database;
  DatabaseOptions database_options;
  RedisOptions redis;  // only with a database

  /// Fail with kNotFound instead of creating a store.
  bool must_exist = false;

  /// An outside system that each item must reach, or null. Must outlive the opened service.
  ItemBackend* backend = nullptr;

  /// A lock of the caller's, instead of RedLock over the Redis servers; or null. Must outlive the opened service.
  ContentLock* lock = nullptr;

  /// Called after saves that made items, from any thread, often for several at once; soon after, if other servers made
  /// them. Must be quick, must not call the service, and must outlive it.
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

/// A service with everything it runs on: threads, clock and store. Closing it (the destructor) finishes what was begun;
/// with a backend that servers share, it waits for a database that is away, however long.
class Itemgate {
 public:
  virtual ~Itemgate() = default;

  [[nodiscard]] virtual ItemIntegrationService& service() = 0;
  /// May block on the disk.
  [[nodiscard]] virtual StoreStatistics StoreStatisticsNow() const = 0;
  /// What StoreStatistics says of it, at once.
  [[nodiscard]] virtual bool MayHaveLostItems() const = 0;

  /// Reads the whole store and proves that log and index say the same: ids without gaps, checksums and digests right,
  /// each key known once and under the right id. Items may be saved meanwhile; those that were there at the start are
  /// looked at for certain. Calls `progress` now and then with the items done so far. kUnsupported for a store in
  /// memory.
  [[nodiscard]] virtual Result<VerifyReport> Verify(
      std::move_only_function<void(std::uint64_t)> progress) = 0;

  /// Who else serves the store. Lives as long as this.
  [[nodiscard]] virtual Membership& membership() = 0;

  /// What is parked, that for longest first; at most 10,000. Nothing in a store that nobody shares.
  [[nodiscard]] virtual Result<std::vector<ParkedContent>> ParkedContents() = 0;

  /// For an operator who knows more. A digest and a scope are enough of a key; kNotFound if nothing is parked under it.
  [[nodiscard]] virtual Result<void> ResolveParked(const ContentKey& key,
                                                   Resolution resolution) = 0;
};

/// Opens or creates a store and starts a service on it. Fails with kBusy if another process has the directory, with
/// kUnsupported or kCorrupt if it cannot be trusted, with kUnavailable if the database cannot be reached; the message
/// says what to do.
[[nodiscard]] Result<std::unique_ptr<Itemgate>> Open(const OpenOptions& options);

struct MigrateOptions {
  std::string database;  // as OpenOptions has it
  /// Into how many parts to cut the table of items, by digest, when it is created; 0: one table.
  std::uint32_t partitions = 0;
  std::chrono::nanoseconds timeout =
      std::chrono::seconds(60);  // for connecting, and for others who migrate
};

/// The versions of the tables before and after.
struct Migrated {
  int from = 0;  // 0: there were none
  int to = 0;
};

/// Creates the tables in a database, or brings them up to date: all or nothing. Several may run at the same time: one
/// does it, the others find it done. Blocks. Fails with kUnsupported if the tables are those of a newer program, and
/// with kUnavailable if the database cannot be reached.
[[nodiscard]] Result<Migrated> Migrate(const MigrateOptions& options);

}  // namespace itemgate
