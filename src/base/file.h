#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/error.h"

namespace itemgate {

/// An open file. Safe from several threads as long as their ranges do not overlap. Closed when destroyed.
class File {
 public:
  virtual ~File() = default;

  /// Reads up to buffer.size() bytes; fewer only at the end of the file.
  [[nodiscard]] virtual Result<std::size_t> ReadAt(std::uint64_t offset,
                                                   std::span<char> buffer) = 0;
  /// Writes all of `data`, growing the file where needed. On failure any part of it may have been written.
  [[nodiscard]] virtual Result<void> WriteAt(std::uint64_t offset, std::string_view data) = 0;
  /// Forces what was written to the disk. After a failure nobody knows what is on the disk; never just call it again.
  [[nodiscard]] virtual Result<void> Sync() = 0;
  [[nodiscard]] virtual Result<void> Truncate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> Size() = 0;
};

/// Held by one process at a time; released when destroyed, and by the system when the process ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // must not exist
};

struct DirectoryEntry {
  std::string name;
  std::uint64_t size = 0;  // bytes; 0 for a directory
  bool is_directory = false;
};

/// The seam to the disk: every file of a store is reached through it, so that tests can put faults there.
///
/// Safe from any thread. Errors carry the path: kNotFound, kBusy, kStorageFull, else kIo.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  [[nodiscard]] virtual Result<std::unique_ptr<File>> Open(const std::string& path,
                                                           OpenMode mode) = 0;
  /// Takes the lock of the file at `path`, creating it. kBusy if another process, or this one, has it.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
  /// The entries of a directory, sorted by name.
  [[nodiscard]] virtual Result<std::vector<DirectoryEntry>> List(const std::string& path) = 0;
  /// Creates a directory and its parents; no error if it is there already.
  [[nodiscard]] virtual Result<void> CreateDirectories(const std::string& path) = 0;
  /// Removes a file or an empty directory.
  [[nodiscard]] virtual Result<void> Remove(const std::string& path) = 0;
  /// Renames a file, replacing what was at `to`.
  [[nodiscard]] virtual Result<void> Rename(const std::string& from, const std::string& to) = 0;
  /// Makes created, removed and renamed entries of a directory durable.
  [[nodiscard]] virtual Result<void> SyncDirectory(const std::string& path) = 0;
};

/// The operating system's files.
class PosixFileSystem final : public FileSystem {
 public:
  [[nodiscard]] Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  [[nodiscard]] Result<std::vector<DirectoryEntry>> List(const std::string& path) override;
  [[nodiscard]] Result<void> CreateDirectories(const std::string& path) override;
  [[nodiscard]] Result<void> Remove(const std::string& path) override;
  [[nodiscard]] Result<void> Rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> SyncDirectory(const std::string& path) override;
};

/// The whole content of a small file.
[[nodiscard]] Result<std::string> ReadWholeFile(FileSystem& files, const std::string& path);

/// Puts `data` at `path` so that a crash leaves either the old file or the new one: writes beside it, syncs, renames,
/// syncs the directory.
[[nodiscard]] Result<void> ReplaceFile(FileSystem& files, const std::string& directory,
                                       const std::string& name, std::string_view data);

}  // namespace itemgate
