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

Error CannotRead(const fs::path& path, const std::error_code& error) {
  const bool absent = error == std::errc::no_such_file_or_directory;
  return {absent ? ErrorCode::kNotFound : ErrorCode::kIo,
          "cannot read " + path.string() + ": " + error.message()};
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

  void Add(const std::string& argument) {
    if (argument == "-") return inputs_.files.push_back({"-", std::nullopt});
    std::error_code error;
    const fs::file_status status = fs::status(argument, error);
    if (fs::is_directory(status)) return AddFolder(argument);
    if (fs::exists(status)) return inputs_.files.push_back(FileAt(argument));
    if (HasWildcard(argument)) return AddPattern(argument);
    inputs_.unreadable.push_back({argument, CannotRead(argument, error)});
  }

  Inputs Take() { return std::move(inputs_); }

 private:
  using Names = std::vector<std::string>;

  bool IsSkipped(const fs::path& folder) const {
    std::error_code error;
    return has_skipped_ && fs::equivalent(folder, skipped_, error);
  }

  /// As many as can be read.
  std::vector<fs::directory_entry> Entries(const fs::path& folder) {
    const fs::path place = folder.empty() ? fs::path(".") : folder;
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    fs::directory_iterator entry(place, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error))
      entries.push_back(*entry);
    if (error) AddUnreadableFolder(place, error);
    std::ranges::sort(entries, {}, [](const auto& e) { return e.path().filename().string(); });
    return entries;
  }

  /// A pattern may look into it several times.
  void AddUnreadableFolder(const fs::path& folder, const std::error_code& error) {
    const std::string path = folder.string();
    if (std::ranges::find(inputs_.unreadable, path, &UnreadableInput::path) ==
        inputs_.unreadable.end())
      inputs_.unreadable.push_back({path, CannotRead(folder, error)});
  }

  void AddFolder(const fs::path& folder) {
    if (IsSkipped(folder)) return;
    for (const fs::directory_entry& entry : Entries(folder)) {
      if (entry.path().filename().string().starts_with('.')) continue;
      std::error_code vanished;
      if (entry.is_directory(vanished) && !entry.is_symlink(vanished)) {
        AddFolder(entry.path());
      } else if (entry.is_regular_file(vanished)) {
        inputs_.files.push_back(FileAt(entry.path()));
      }
    }
  }

  void AddPattern(const std::string& pattern) {
    Names names;
    for (const fs::path& name : fs::path(pattern)) names.push_back(name.string());
    fs::path start;
    if (!names.empty() && names.front() == "/") {
      start = "/";
      names.erase(names.begin());
    }
    const std::size_t count_before = inputs_.files.size() + inputs_.unreadable.size();
    Match(start, names);
    if (inputs_.files.size() + inputs_.unreadable.size() == count_before)
      inputs_.unreadable.push_back(
          {pattern, Error(ErrorCode::kNotFound, "no file matches " + pattern)});
  }

  /// Adds what the rest of a pattern matches in a folder.
  void Match(const fs::path& folder, std::span<const std::string> names) {
    const std::string& name = names.front();
    const auto rest = names.subspan(1);
    if (!HasWildcard(name)) return MatchEntry(folder / name, rest);
    std::error_code not_a_folder;
    if (!fs::is_directory(folder.empty() ? fs::path(".") : folder, not_a_folder)) return;
    if (name == "**") return MatchBelow(folder, rest);
    for (const fs::directory_entry& entry : Entries(folder)) {
      const std::string found = entry.path().filename().string();
      if (MatchesName(name, found)) MatchEntry(folder / found, rest);
    }
  }

  void MatchEntry(const fs::path& path, std::span<const std::string> rest) {
    std::error_code absent;
    const fs::file_status status = fs::status(path, absent);
    if (!rest.empty()) {
      if (fs::is_directory(status)) Match(path, rest);
    } else if (fs::is_directory(status)) {
      AddFolder(path);
    } else if (fs::exists(status)) {
      inputs_.files.push_back(FileAt(path));
    }
  }

  /// `**`: the folder itself and every folder below it.
  void MatchBelow(const fs::path& folder, std::span<const std::string> rest) {
    if (IsSkipped(folder)) return;
    if (rest.empty()) return AddFolder(folder.empty() ? fs::path(".") : folder);
    Match(folder, rest);
    for (const fs::directory_entry& entry : Entries(folder)) {
      const std::string name = entry.path().filename().string();
      std::error_code vanished;
      if (name.starts_with('.') || entry.is_symlink(vanished) || !entry.is_directory(vanished))
        continue;
      MatchBelow(folder / name, rest);
    }
  }

  fs::path skipped_;
  bool has_skipped_ = false;
  Inputs inputs_;
};

}  // namespace

Inputs ExpandInputs(std::span<const std::string> arguments, const std::string& skipped_directory) {
  Expansion expansion(skipped_directory);
  for (const std::string& argument : arguments) expansion.Add(argument);
  return expansion.Take();
}

}  // namespace itemgate
