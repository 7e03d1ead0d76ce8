#include "cli/write_file.h"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace itemgate::cli {

Result<void> WriteFile(const std::string& path, std::string_view text) {
  const std::filesystem::path target(path);
  std::error_code error;  // if this fails, opening the file tells
  if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), error);
  std::ofstream file(target, std::ios::binary);
  file << text;
  file.close();
  if (!file) return Fail(ErrorCode::kIo, "cannot write " + path);
  return {};
}

}  // namespace itemgate::cli
