#include "transfer/output_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace itemgate {
namespace {

constexpr mode_t kReadableAndWritable = 0666;  // less the umask, as files of a user are

std::unexpected<Error> CannotWrite(int error_number, const std::string& path) {
  ErrorCode code = ErrorCode::kIo;
  if (error_number == ENOENT) code = ErrorCode::kNotFound;
  if (error_number == ENOSPC || error_number == EDQUOT) code = ErrorCode::kStorageFull;
  return Fail(code, "cannot write " + path + ": " + std::generic_category().message(error_number));
}

}  // namespace

OutputFile::OutputFile(int descriptor, std::string path, std::string draft)
    : descriptor_(descriptor),
      path_(std::move(path)),
      draft_(std::move(draft)),
      sink_(descriptor, path_) {}

OutputFile::~OutputFile() {
  ::close(descriptor_);
  if (!committed_ && !draft_.empty()) ::unlink(draft_.c_str());
}

Result<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  struct stat status{};
  const bool is_special = ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
  const std::string draft = is_special ? "" : path + ".part";
  const int flags = O_WRONLY | O_CLOEXEC | (is_special ? 0 : O_CREAT | O_TRUNC);
  const int descriptor =
      ::open(is_special ? path.c_str() : draft.c_str(), flags, kReadableAndWritable);
  if (descriptor < 0) return CannotWrite(errno, path);
  return std::unique_ptr<OutputFile>(new OutputFile(descriptor, path, draft));
}

Result<void> OutputFile::Commit() {
  if (auto flushed = sink_.Flush(); !flushed) return flushed;
  if (!draft_.empty()) {
    if (::fsync(descriptor_) != 0) return CannotWrite(errno, path_);
    if (::rename(draft_.c_str(), path_.c_str()) != 0) return CannotWrite(errno, path_);
  }
  committed_ = true;
  return {};
}

}  // namespace itemgate
