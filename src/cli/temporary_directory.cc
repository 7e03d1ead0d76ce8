#include "cli/temporary_directory.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace itemgate::cli {

Result<std::unique_ptr<TemporaryDirectory>> TemporaryDirectory::Make(const std::string& parent) {
  std::error_code error;
  const std::filesystem::path base =
      parent.empty() ? std::filesystem::temp_directory_path(error) : std::filesystem::path(parent);
  if (!error) std::filesystem::create_directories(base, error);
  std::string path = (base / "itemgate-XXXXXX").string();
  if (!error && ::mkdtemp(path.data()) == nullptr) error.assign(errno, std::generic_category());
  if (error)
    return Fail(ErrorCode::kIo,
                "cannot make a temporary directory in " + base.string() + ": " + error.message());
  return std::make_unique<TemporaryDirectory>(std::move(path));
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // nothing is lost by what stays behind
  std::filesystem::remove_all(path_, ignored);
}

bool TemporaryDirectory::IsInMemory() const {
  struct statfs info{};
  return ::statfs(path_.c_str(), &info) == 0 && info.f_type == TMPFS_MAGIC;
}

}  // namespace itemgate::cli
