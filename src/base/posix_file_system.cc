#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/file.h"

namespace itemgate {
namespace {

ErrorCode CodeOf(int error_number) {
  switch (error_number) {
    case ENOENT:
      return ErrorCode::kNotFound;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kStorageFull;
    case EWOULDBLOCK:
      return ErrorCode::kBusy;
    default:
      return ErrorCode::kIo;
  }
}

std::unexpected<Error> FailWith(int error_number, std::string_view action, std::string_view path) {
  return Fail(CodeOf(error_number),
              std::string("cannot ").append(action).append(" ").append(path).append(": ").append(
                  std::generic_category().message(error_number)));
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() { ::close(value_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<char> buffer) override {
    std::size_t done = 0;
    while (done < buffer.size()) {
      const ssize_t n = ::pread(descriptor_.get(), buffer.data() + done, buffer.size() - done,
                                static_cast<off_t>(offset + done));
      if (n == 0) break;
      if (n > 0) {
        done += static_cast<std::size_t>(n);
      } else if (errno != EINTR) {
        return FailWith(errno, "read", path_);
      }
    }
    return done;
  }

  Result<void> WriteAt(std::uint64_t offset, std::string_view data) override {
    while (!data.empty()) {
      const ssize_t n =
          ::pwrite(descriptor_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      if (n >= 0) {
        data.remove_prefix(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
      } else if (errno != EINTR) {
        return FailWith(errno, "write", path_);
      }
    }
    return {};
  }

  Result<void> Sync() override {
    if (::fdatasync(descriptor_.get()) != 0) return FailWith(errno, "sync", path_);
    return {};
  }

  Result<void> Truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_.get(), static_cast<off_t>(size)) != 0)
      return FailWith(errno, "truncate", path_);
    return {};
  }

  Result<std::uint64_t> Size() override {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) != 0) return FailWith(errno, "inspect", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  Descriptor descriptor_;
  std::string path_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(int descriptor) : descriptor_(descriptor) {}

 private:
  Descriptor descriptor_;
};

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::Open(const std::string& path, OpenMode mode) {
  const int flags = mode == OpenMode::kRead        ? O_RDONLY
                    : mode == OpenMode::kReadWrite ? O_RDWR
                                                   : O_RDWR | O_CREAT | O_EXCL;
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (descriptor < 0) return FailWith(errno, "open", path);
  return std::make_unique<PosixFile>(descriptor, path);
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::Lock(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return FailWith(errno, "open", path);
  auto lock = std::make_unique<PosixFileLock>(descriptor);
  char holder[24] = "";
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FailWith(errno, "lock", path);
    const ssize_t length = ::pread(descriptor, holder, sizeof holder - 1, 0);
    return Fail(ErrorCode::kBusy,
                path + " is held by process " +
                    std::string(holder, static_cast<std::size_t>(std::max(length, ssize_t{0}))));
  }
  // The number only helps whoever finds the lock taken, so that failing to write it does not matter.
  const std::string self = std::to_string(::getpid());
  if (::ftruncate(descriptor, 0) == 0)
    static_cast<void>(::pwrite(descriptor, self.data(), self.size(), 0));
  return lock;
}

Result<std::vector<DirectoryEntry>> PosixFileSystem::List(const std::string& path) {
  std::error_code error;
  std::vector<DirectoryEntry> entries;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;  // an entry that vanishes meanwhile counts as an empty file
    const bool is_directory = it->is_directory(ignored);
    const std::uint64_t size = is_directory ? 0 : it->file_size(ignored);
    entries.push_back({it->path().filename().string(), ignored ? 0 : size, is_directory});
  }
  if (error) return FailWith(error.value(), "list", path);
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<void> PosixFileSystem::CreateDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return FailWith(error.value(), "create directory", path);
  return {};
}

Result<void> PosixFileSystem::Remove(const std::string& path) {
  if (::remove(path.c_str()) != 0) return FailWith(errno, "remove", path);
  return {};
}

Result<void> PosixFileSystem::Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return FailWith(errno, "rename", from);
  return {};
}

Result<void> PosixFileSystem::SyncDirectory(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return FailWith(errno, "open directory", path);
  const Descriptor directory(descriptor);
  if (::fsync(descriptor) != 0) return FailWith(errno, "sync directory", path);
  return {};
}

}  // namespace itemgate
