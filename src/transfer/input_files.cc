#include "transfer/input_files.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "transfer/path_pattern.h"

namespace itemgate {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> CannotRead(const fs::path& path, const std::error_code& error) {
  const bool absent = error == std::errc::no_such_file_or_directory;
  return Fail(absent ? ErrorCode::kNotFound : ErrorCode::kIo,
              "cannot read " + path.string() + ": " + error.message());
}

InputFile FileAt(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  return {path.string(), error ? std::nullopt : std::optional<std::uint64_t>(bytes)};
}

/// Collects the files that arguments name.
class Expansion {
 public:
  explicit Expansion(const std::string& skipped_directory) : skipped_(skipped_directory) {
    std::error_code absent;
    has_skipped_ = !skipped_directory.empty() && fs::exists(skipped_, absent);
  }

  Result<void> Add(const std::string& argument) {
    if (argument == "-") {
      files_.push_back({"-", std::nullopt});
      return {};
    }
    std::error_code error;
    const fs::file_status status = fs::status(argument, error);
    if (fs::is_directory(status)) return AddFolder(argument);
    if (fs::exists(status)) {
      files_.push_back(FileAt(argument));
      return {};
    }
    if (!HasWildcard(argument)) return CannotRead(argument, error);
    return AddPattern(argument);
  }

  std::vector<InputFile> TakeFiles() { return std::move(files_); }

 private:
  using Names = std::vector<std::string>;

  bool IsSkipped(const fs::path& folder) const {
    std::error_code error;
    return has_skipped_ && fs::equivalent(folder, skipped_, error);
  }

  static Result<std::vector<fs::directory_entry>> Entries(const fs::path& folder) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    fs::directory_iterator entry(folder.empty() ? fs::path(".") : folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error))
      entries.push_back(*entry);
    if (error) return CannotRead(folder, error);
    std::ranges::sort(entries, {}, [](const auto& e) { return e.path().filename().string(); });
    return entries;
  }

  Result<void> AddFolder(const fs::path& folder) {
    if (IsSkipped(folder)) return {};
    const auto entries = Entries(folder);
    if (!entries) return std::unexpected(entries.error());
    for (const fs::directory_entry& entry : *entries) {
      if (entry.path().filename().string().starts_with('.')) continue;
      std::error_code vanished;
      if (entry.is_directory(vanished) && !entry.is_symlink(vanished)) {
        if (auto added = AddFolder(entry.path()); !added) return added;
      } else if (entry.is_regular_file(vanished)) {
        files_.push_back(FileAt(entry.path()));
      }
    }
    return {};
  }

  Result<void> AddPattern(const std::string& pattern) {
    Names names;
    for (const fs::path& name : fs::path(pattern)) names.push_back(name.string());
    fs::path start;
    if (!names.empty() && names.front() == "/") {
      start = "/";
      names.erase(names.begin());
    }
    const std::size_t count_before = files_.size();
    if (auto matched = Match(start, names); !matched) return matched;
    if (files_.size() == count_before)
      return Fail(ErrorCode::kNotFound, "no file matches " + pattern);
    return {};
  }

  /// Adds what the rest of a pattern matches in a folder.
  Result<void> Match(const fs::path& folder, std::span<const std::string> names) {
    const std::string& name = names.front();
    const auto rest = names.subspan(1);
    if (!HasWildcard(name)) return MatchEntry(folder / name, rest);
    std::error_code not_a_folder;
    if (!fs::is_directory(folder.empty() ? fs::path(".") : folder, not_a_folder)) return {};
    if (name == "**") return MatchBelow(folder, rest);
    const auto entries = Entries(folder);
    if (!entries) return std::unexpected(entries.error());
    for (const fs::directory_entry& entry : *entries) {
      const std::string found = entry.path().filename().string();
      if (!MatchesName(name, found)) continue;
      if (auto matched = MatchEntry(folder / found, rest); !matched) return matched;
    }
    return {};
  }

  Result<void> MatchEntry(const fs::path& path, std::span<const std::string> rest) {
    std::error_code absent;
    const fs::file_status status = fs::status(path, absent);
    if (!rest.empty()) return fs::is_directory(status) ? Match(path, rest) : Result<void>{};
    if (fs::is_directory(status)) return AddFolder(path);
    if (fs::exists(status)) files_.push_back(FileAt(path));
    return {};
  }

  /// `**`: the folder itself and every folder below it.
  Result<void> MatchBelow(const fs::path& folder, std::span<const std::string> rest) {
    if (IsSkipped(folder)) return {};
    if (rest.empty()) return AddFolder(folder.empty() ? fs::path(".") : folder);
    if (auto matched = Match(folder, rest); !matched) return matched;
    const auto entries = Entries(folder);
    if (!entries) return std::unexpected(entries.error());
    for (const fs::directory_entry& entry : *entries) {
      const std::string name = entry.path().filename().string();
      std::error_code vanished;
      if (name.starts_with('.') || entry.is_symlink(vanished) || !entry.is_directory(vanished))
        continue;
      if (auto matched = MatchBelow(folder / name, rest); !matched) return matched;
    }
    return {};
  }

  fs::path skipped_;
  bool has_skipped_ = false;
  std::vector<InputFile> files_;
};

}  // namespace

Result<std::vector<InputFile>> ExpandInputs(std::span<const std::string> arguments,
                                            const std::string& skipped_directory) {
  Expansion expansion(skipped_directory);
  for (const std::string& argument : arguments)
    if (const auto added = expansion.Add(argument); !added) return std::unexpected(added.error());
  return expansion.TakeFiles();
}

}  // namespace itemgate
