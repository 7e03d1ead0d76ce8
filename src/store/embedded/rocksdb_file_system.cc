#include "store/embedded/rocksdb_file_system.h"

#include <algorithm>
#include <string>
#include <utility>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

namespace itemgate {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus StatusOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return IOStatus::PathNotFound(error.message);
    case ErrorCode::kStorageFull:
      return IOStatus::NoSpace(error.message);
    case ErrorCode::kBusy:
      return IOStatus::Busy(error.message);
    default:
      return IOStatus::IOError(error.message);
  }
}

template <typename T>
IOStatus StatusOf(const Result<T>& result) {
  return result ? IOStatus::OK() : StatusOf(result.error());
}

IOStatus ReadInto(File& file, std::uint64_t offset, std::span<char> buffer, Slice* result) {
  const Result<std::size_t> read = file.ReadAt(offset, buffer);
  *result = Slice(buffer.data(), read.value_or(0));
  return StatusOf(read);
}

class SequentialFile final : public rocksdb::FSSequentialFile {
 public:
  explicit SequentialFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  IOStatus Read(std::size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) override {
    const IOStatus status = ReadInto(*file_, offset_, {scratch, n}, result);
    offset_ += result->size();
    return status;
  }
  IOStatus Skip(std::uint64_t n) override {
    offset_ += n;
    return IOStatus::OK();
  }

 private:
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccessFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  IOStatus Read(std::uint64_t offset, std::size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    return ReadInto(*file_, offset, {scratch, n}, result);
  }

 private:
  std::unique_ptr<File> file_;
};

class WritableFile final : public rocksdb::FSWritableFile {
 public:
  WritableFile(std::unique_ptr<File> file, std::uint64_t size)
      : file_(std::move(file)), size_(size) {}

  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    const auto written = file_->WriteAt(size_, {data.data(), data.size()});
    if (written) size_ += data.size();
    return StatusOf(written);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
    size_ = size;
    return StatusOf(file_->Truncate(size));
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return StatusOf(file_->Sync()); }
  /// What has been written so far may as well be synced here, for it all is before the file is used.
  IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return StatusOf(file_->Sync());
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    file_.reset();
    return IOStatus::OK();
  }
  std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

 private:
  std::unique_ptr<File> file_;
  std::uint64_t size_;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return StatusOf(files_.SyncDirectory(path_));
  }

 private:
  FileSystem& files_;
  std::string path_;
};

/// RocksDB's lock of its directory; ours, of the data directory around it, was taken before.
class NoLock final : public rocksdb::FileLock {};

class RocksdbFileSystem final : public rocksdb::FileSystem {
 public:
  explicit RocksdbFileSystem(itemgate::FileSystem& files) : files_(files) {}

  const char* Name() const override { return "itemgate"; }

  IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext*) override {
    auto file = files_.Open(path, OpenMode::kRead);
    if (file) *result = std::make_unique<SequentialFile>(std::move(*file));
    return StatusOf(file);
  }

  IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext*) override {
    auto file = files_.Open(path, OpenMode::kRead);
    if (file) *result = std::make_unique<RandomAccessFile>(std::move(*file));
    return StatusOf(file);
  }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext*) override {
    if (const auto removed = files_.Remove(path);
        !removed && removed.error().code != ErrorCode::kNotFound)
      return StatusOf(removed);
    auto file = files_.Open(path, OpenMode::kCreate);
    if (file) *result = std::make_unique<WritableFile>(std::move(*file), 0);
    return StatusOf(file);
  }

  IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                              IODebugContext*) override {
    auto file = files_.Open(path, OpenMode::kReadWrite);
    if (!file) return StatusOf(file);
    const Result<std::uint64_t> size = (*file)->Size();
    if (size) *result = std::make_unique<WritableFile>(std::move(*file), *size);
    return StatusOf(size);
  }

  IOStatus NewDirectory(const std::string& path, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext*) override {
    *result = std::make_unique<Directory>(files_, path);
    return IOStatus::OK();
  }

  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    return Find(path) ? IOStatus::OK() : IOStatus::NotFound(path);
  }

  IOStatus GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* result,
                       IODebugContext*) override {
    const bool slash = path.ends_with('/');
    const auto entries = files_.List(path.substr(0, path.size() - (slash ? 1 : 0)));
    result->clear();
    for (const DirectoryEntry& entry : entries.value_or(std::vector<DirectoryEntry>()))
      result->push_back(entry.name);
    return StatusOf(entries);
  }

  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    return StatusOf(files_.Remove(path));
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return StatusOf(files_.CreateDirectories(path));
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
    return StatusOf(files_.CreateDirectories(path));
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return StatusOf(files_.Remove(path));
  }

  IOStatus GetFileSize(const std::string& path, const IOOptions&, std::uint64_t* size,
                       IODebugContext*) override {
    const auto entry = Find(path);
    *size = entry ? entry->size : 0;
    return StatusOf(entry);
  }
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&, std::uint64_t* time,
                                   IODebugContext*) override {
    *time = 0;
    return IOStatus::OK();
  }

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
    return StatusOf(files_.Rename(from, to));
  }
  /// Only ever asked for to move a finished run into place, so moving it is enough.
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions&,
                    IODebugContext*) override {
    return StatusOf(files_.Rename(from, to));
  }

  IOStatus LockFile(const std::string&, const IOOptions&, rocksdb::FileLock** lock,
                    IODebugContext*) override {
    *lock = &no_lock_;
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock*, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

  IOStatus GetTestDirectory(const IOOptions&, std::string*, IODebugContext*) override {
    return IOStatus::NotSupported("no directory for tests");
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* result,
                           IODebugContext*) override {
    *result = path;
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* is_directory,
                       IODebugContext*) override {
    const auto entry = Find(path);
    *is_directory = entry && entry->is_directory;
    return StatusOf(entry);
  }
  IOStatus NewLogger(const std::string&, const IOOptions&, std::shared_ptr<rocksdb::Logger>*,
                     IODebugContext*) override {
    return IOStatus::NotSupported("the index keeps no log of its own");
  }

 private:
  [[nodiscard]] Result<DirectoryEntry> Find(const std::string& path) {
    const std::size_t slash = path.find_last_of('/');
    const auto entries = files_.List(path.substr(0, slash));
    if (!entries) return std::unexpected(entries.error());
    const auto found = std::ranges::find(*entries, path.substr(slash + 1), &DirectoryEntry::name);
    if (found == entries->end()) return Fail(ErrorCode::kNotFound, "no file " + path);
    return *found;
  }

  itemgate::FileSystem& files_;
  NoLock no_lock_;
};

}  // namespace

std::shared_ptr<rocksdb::Env> NewRocksdbEnvironment(FileSystem& files) {
  return rocksdb::NewCompositeEnv(std::make_shared<RocksdbFileSystem>(files));
}

}  // namespace itemgate
