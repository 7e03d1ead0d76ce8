#include "base/file.h"

namespace itemgate {

Result<std::string> ReadWholeFile(FileSystem& files, const std::string& path) {
  auto file = files.Open(path, OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->Size();
  if (!size) return std::unexpected(size.error());
  std::string content(*size, '\0');
  const auto read = (*file)->ReadAt(0, content);
  if (!read) return std::unexpected(read.error());
  content.resize(*read);
  return content;
}

Result<void> ReplaceFile(FileSystem& files, const std::string& directory, const std::string& name,
                         std::string_view data) {
  const std::string path = directory + "/" + name;
  const std::string draft = path + ".new";
  if (const auto removed = files.Remove(draft);
      !removed && removed.error().code != ErrorCode::kNotFound)
    return removed;
  auto file = files.Open(draft, OpenMode::kCreate);
  if (!file) return std::unexpected(file.error());
  if (auto written = (*file)->WriteAt(0, data); !written) return written;
  if (auto synced = (*file)->Sync(); !synced) return synced;
  if (auto renamed = files.Rename(draft, path); !renamed) return renamed;
  return files.SyncDirectory(directory);
}

}  // namespace itemgate
