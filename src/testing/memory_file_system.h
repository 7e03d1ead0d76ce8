#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/file.h"
#include "base/mutex.h"
#include "base/random.h"

namespace itemgate {

/// A disk in memory that can fail and crash.
///
/// Fault model. A file's bytes are durable up to its last Sync; what was written or cut since may survive a crash
/// whole, in part (any mixture of 512-byte sectors, old and new) or not at all. Names are durable once written: the
/// code under test syncs directories, but losing names is not modelled. Any operation can be made to fail: the n-th
/// from now, once or for good; a failing WriteAt may have written any prefix, a failing Sync leaves the data unsynced.
/// A disk can be full: writes that grow a file beyond the room left fail with kStorageFull.
///
/// Safe from any thread. Open files stay usable after a crash only to be dropped.
class MemoryFileSystem final : public FileSystem {
 public:
  explicit MemoryFileSystem(std::uint64_t seed = 1);
  ~MemoryFileSystem() override;

  [[nodiscard]] Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  [[nodiscard]] Result<std::vector<DirectoryEntry>> List(const std::string& path) override;
  [[nodiscard]] Result<void> CreateDirectories(const std::string& path) override;
  [[nodiscard]] Result<void> Remove(const std::string& path) override;
  [[nodiscard]] Result<void> Rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> SyncDirectory(const std::string& path) override;

  /// The power fails and comes back. REQUIRES: whoever had files open has been destroyed, or never uses them again.
  void Crash();

  enum class Failing { kOnce, kForGood };
  /// Lets `countdown` operations that change or sync something pass, then fails. Disarmed by DisarmFaults.
  void FailAfter(std::uint64_t countdown, Failing failing);
  void DisarmFaults();
  /// How many operations that change or sync something there were.
  [[nodiscard]] std::uint64_t mutation_count() const;

  /// Room left for files to grow, in bytes; nothing: no limit.
  void SetRoom(std::optional<std::uint64_t> bytes);

  /// The bytes of a file as they are now; a test may change them, to play a disk that lies.
  [[nodiscard]] std::string& Bytes(const std::string& path);

 private:
  struct Node;
  class OpenFile;
  class HeldLock;
  struct State;

  std::shared_ptr<State> state_;  // shared with open files and locks, which may outlive a crash
};

}  // namespace itemgate
