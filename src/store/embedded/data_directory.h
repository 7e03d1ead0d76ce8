#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file.h"
#include "store/embedded/log_format.h"

namespace itemgate {

/// A data directory that is ours alone: locked against other processes, and known by its identity file.
///
///   LOCK      held while a process has the store open
///   IDENTITY  text: the format version and the store's id
///   CLOSED    text: the last id when the store was last closed in order; absent before that
///   log/      the item log
///   index/    the key index, which can be rebuilt from the log
class DataDirectory {
 public:
  enum class IfAbsent { kCreate, kFail };

  /// Locks the directory and reads its identity; creates both with the given id where there is no store yet.
  /// kBusy: another process has it. kNotFound: there is none and none was to be created. kUnsupported: another format.
  /// kCorrupt: a log without an identity.
  [[nodiscard]] static Result<DataDirectory> Open(FileSystem& files, std::string path,
                                                  IfAbsent if_absent, std::uint64_t new_id);

  [[nodiscard]] log_format::StoreId store() const { return store_; }
  /// The log must reach at least to this id: it did when the store was last closed in order.
  [[nodiscard]] ItemId closed_with() const { return closed_with_; }
  /// Records the last id of a log that is complete on the disk. That it fails only leaves less to check against.
  void RecordClosed(FileSystem& files, ItemId last);

  [[nodiscard]] std::string log() const { return path_ + "/log"; }
  [[nodiscard]] std::string index() const { return path_ + "/index"; }

 private:
  DataDirectory(std::string path, std::unique_ptr<FileLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  std::unique_ptr<FileLock> lock_;
  log_format::StoreId store_{};
  ItemId closed_with_;
};

}  // namespace itemgate
