#include "store/embedded/data_directory.h"

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>

namespace itemgate {
namespace {

constexpr std::string_view kIdentityName = "IDENTITY";
constexpr std::string_view kClosedName = "CLOSED";
constexpr std::string_view kFirstLine = "itemgate embedded store\nformat ";

std::string IdentityText(std::uint64_t store_id) {
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(store_id));
  return std::string(kFirstLine) + std::to_string(log_format::kVersion) + "\nstore " + hex + "\n";
}

struct Identity {
  std::uint32_t version = 0;
  std::uint64_t store_id = 0;
};

std::optional<Identity> ParseIdentity(std::string_view text) {
  constexpr std::string_view kSecond = "\nstore ";
  Identity identity;
  if (!text.starts_with(kFirstLine)) return std::nullopt;
  const char* const end = text.data() + text.size();
  const auto version = std::from_chars(text.data() + kFirstLine.size(), end, identity.version);
  if (version.ec != std::errc()) return std::nullopt;
  if (!std::string_view(version.ptr, end).starts_with(kSecond)) return std::nullopt;
  const auto id = std::from_chars(version.ptr + kSecond.size(), end, identity.store_id, 16);
  if (id.ec != std::errc() || std::string_view(id.ptr, end) != "\n") return std::nullopt;
  return identity;
}

Result<ItemId> ReadClosed(FileSystem& files, const std::string& directory) {
  const std::string path = directory + "/" + std::string(kClosedName);
  const Result<std::string> text = ReadWholeFile(files, path);
  if (!text && text.error().code == ErrorCode::kNotFound) return ItemId{};
  if (!text) return std::unexpected(text.error());
  ItemId last;
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, last.value);
  if (parsed.ec != std::errc() || std::string_view(parsed.ptr, end) != "\n")
    return Fail(ErrorCode::kCorrupt,
                path + " is damaged; if you know that the log is whole, remove this file");
  return last;
}

}  // namespace

void DataDirectory::RecordClosed(FileSystem& files, ItemId last) {
  if (last == closed_with_) return;
  if (ReplaceFile(files, path_, std::string(kClosedName), std::to_string(last.value) + "\n"))
    closed_with_ = last;
}

Result<DataDirectory> DataDirectory::Open(FileSystem& files, std::string path, IfAbsent if_absent,
                                          std::uint64_t new_id) {
  const std::string identity_path = path + "/" + std::string(kIdentityName);
  Result<std::string> text = ReadWholeFile(files, identity_path);
  if (!text && text.error().code == ErrorCode::kNotFound && if_absent == IfAbsent::kFail)
    return Fail(ErrorCode::kNotFound,
                "there is no item store in " + path + "; save or import something there first");
  if (auto made = files.CreateDirectories(path); !made) return std::unexpected(made.error());
  auto lock = files.Lock(path + "/LOCK");
  if (!lock && lock.error().code == ErrorCode::kBusy)
    return Fail(ErrorCode::kBusy, "the data directory " + path +
                                      " is in use: " + lock.error().message +
                                      "; stop that process or use another directory");
  if (!lock) return std::unexpected(lock.error());
  DataDirectory directory(std::move(path), std::move(*lock));

  text = ReadWholeFile(files, identity_path);  // again, now that nobody else can create it
  if (!text && text.error().code == ErrorCode::kNotFound) {
    const auto log = files.List(directory.log());
    if (!log && log.error().code != ErrorCode::kNotFound) return std::unexpected(log.error());
    if (log)
      return Fail(ErrorCode::kCorrupt,
                  identity_path + " is missing although there is a log; restore it from a copy");
    const std::string fresh = IdentityText(new_id);
    if (auto made = ReplaceFile(files, directory.path_, std::string(kIdentityName), fresh); !made)
      return std::unexpected(made.error());
    text = fresh;
  }
  if (!text) return std::unexpected(text.error());
  const auto identity = ParseIdentity(*text);
  if (!identity)
    return Fail(ErrorCode::kCorrupt, identity_path + " is damaged; restore it from a copy");
  if (identity->version != log_format::kVersion)
    return Fail(ErrorCode::kUnsupported,
                directory.path_ + " has store format " + std::to_string(identity->version) +
                    ", this program reads format " + std::to_string(log_format::kVersion) +
                    "; use the release that wrote it");
  directory.store_ = log_format::StoreId{identity->store_id};
  const Result<ItemId> closed = ReadClosed(files, directory.path_);
  if (!closed) return std::unexpected(closed.error());
  directory.closed_with_ = *closed;
  for (const std::string& made : {directory.log(), directory.index()}) {
    if (auto created = files.CreateDirectories(made); !created)
      return std::unexpected(created.error());
  }
  // Every time: whoever made an entry may have died before it was durable.
  const auto parent = std::filesystem::path(directory.path_ + "/").parent_path().parent_path();
  for (const std::string& holder : {directory.path_, parent.empty() ? "." : parent.string()}) {
    if (auto synced = files.SyncDirectory(holder); !synced) return std::unexpected(synced.error());
  }
  return directory;
}

}  // namespace itemgate
