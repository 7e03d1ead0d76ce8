#include "config/configuration.h"

#include <algorithm>
#include <optional>

#include "base/suggestion.h"
#include "config/agreement.h"
#include "config/toml_file.h"

namespace itemgate::config {
namespace {

constexpr std::string_view kEnvironmentPrefix = "ITEMGATE_";
constexpr std::string_view kServerOfCommands = "SERVER";  // no setting, but no mistake

std::string DidYouMean(const std::optional<std::string>& nearest) {
  return nearest ? "; did you mean " + *nearest + "?" : "";
}

/// The variable that was probably meant, all without the prefix: one whose name, or its beginning or end of two words
/// and more, is near.
std::optional<std::string> NearestVariable(const std::string& own,
                                           const std::vector<std::string>& known) {
  if (auto nearest = NearestName(own, known)) return nearest;
  std::vector<std::string> parts;
  for (const std::string& name : known) {
    for (std::size_t cut = name.find('_'); cut != std::string::npos; cut = name.find('_', cut + 1))
      for (std::string part : {name.substr(0, cut), name.substr(cut + 1)})
        if (part.contains('_')) parts.push_back(std::move(part));
  }
  const auto part = NearestName(own, parts);
  if (!part) return std::nullopt;
  return *std::ranges::find_if(known, [&](const std::string& name) {
    return name.starts_with(*part) || name.ends_with(*part);
  });
}

/// Gathers values and problems from one source after the other.
class Loader {
 public:
  Loader() { loaded_.origins.resize(SettingTable().size()); }

  void ReadFile(FileSystem& files, const std::string& path) {
    const auto text = ReadWholeFile(files, path);
    if (!text) {
      problems_.push_back({"", "", text.error().message + " (--config, ITEMGATE_CONFIG)"});
      return;
    }
    const auto entries = ReadToml(*text);
    if (!entries) {
      problems_.push_back({Place(path, entries.error().line), "", entries.error().message});
      return;
    }
    for (const FileEntry& entry : *entries)
      Set(entry.key, entry.texts, {Source::kFile, Place(path, entry.line)});
  }

  void ReadEnvironment(const std::vector<NamedText>& environment) {
    std::vector<std::string> known;  // without the prefix, which would make all of them look alike
    for (const Setting& setting : SettingTable())
      known.push_back(setting.EnvironmentName().substr(kEnvironmentPrefix.size()));
    for (const auto& [name, text] : environment) {
      if (!name.starts_with(kEnvironmentPrefix) || text.empty()) continue;
      const std::string own = name.substr(kEnvironmentPrefix.size());
      const auto found = std::ranges::find(known, own);
      if (found != known.end()) {
        const Setting& setting =
            SettingTable()[static_cast<std::size_t>(std::distance(known.begin(), found))];
        Set(setting.key, Parts(setting, text), {Source::kEnvironment, name});
      } else if (const auto nearest = NearestVariable(own, known);
                 nearest && own != kServerOfCommands) {
        // No error: an orchestrator may name such variables after the service.
        loaded_.notes.push_back("the environment's " + name + " is no setting" +
                                DidYouMean(std::string(kEnvironmentPrefix) + *nearest));
      }
    }
  }

  void ReadFlags(const std::vector<NamedText>& flags) {
    for (const auto& [key, text] : flags) {
      const Setting* setting = FindSetting(key);
      if (setting == nullptr) continue;
      Set(key, Parts(*setting, text), {Source::kFlag, setting->FlagName()});
    }
  }

  std::expected<Configuration, Problems> Finish() {
    for (const Contradiction& found : ContradictionsIn(loaded_.settings))
      problems_.push_back({OriginOf(found.key).place, std::string(found.key), found.expected});
    NoteWhatHasNoEffect();
    if (!problems_.empty()) return std::unexpected(std::move(problems_));
    return std::move(loaded_);
  }

 private:
  static std::string Place(const std::string& path, int line) {
    return line > 0 ? path + ":" + std::to_string(line) : path;
  }

  static std::vector<std::string> Parts(const Setting& setting, const std::string& text) {
    return setting.Split(text);
  }

  /// Of what the environment says it is no mistake: that may be meant for others.
  void NoteWhatHasNoEffect() {
    for (const Setting& setting : SettingTable()) {
      const Origin& origin = OriginOf(setting.key);
      if (origin.source != Source::kFile && origin.source != Source::kFlag) continue;
      const std::string_view why = WhyWithoutEffect(setting.key, loaded_.settings);
      if (!why.empty())
        loaded_.notes.push_back(origin.place + ": " + std::string(setting.key) +
                                " has no effect, for " + std::string(why));
    }
  }

  Origin& OriginOf(std::string_view key) {
    return loaded_.origins[static_cast<std::size_t>(FindSetting(key) - SettingTable().data())];
  }

  void Set(std::string_view key, const std::vector<std::string>& texts, Origin origin) {
    const Setting* setting = FindSetting(key);
    if (setting == nullptr) {
      std::vector<std::string> known;
      for (const Setting& row : SettingTable()) known.emplace_back(row.key);
      problems_.push_back({std::move(origin.place), std::string(key),
                           "there is no such setting" + DidYouMean(NearestName(key, known))});
      return;
    }
    if (const auto set = setting->Set(loaded_.settings, texts)) {
      OriginOf(key) = std::move(origin);
    } else {
      problems_.push_back({std::move(origin.place), std::string(key), set.error().message});
    }
  }

  Configuration loaded_;
  Problems problems_;
};

}  // namespace

std::string_view SourceName(Source source) {
  switch (source) {
    case Source::kDefault:
      return "default";
    case Source::kFile:
      return "file";
    case Source::kEnvironment:
      return "environment";
    case Source::kFlag:
      break;
  }
  return "flag";
}

std::string Problem::ToString() const {
  const Setting* setting = FindSetting(key);
  const bool named_by_place =
      setting != nullptr && (place == setting->FlagName() || place == setting->EnvironmentName());
  std::string text = place;
  for (const std::string& part : {named_by_place ? "" : key, message})
    if (!part.empty()) text += (text.empty() ? "" : ": ") + part;
  return text;
}

std::expected<Configuration, Problems> Load(FileSystem& files, const Inputs& inputs) {
  Loader loader;
  if (!inputs.file.empty()) loader.ReadFile(files, inputs.file);
  loader.ReadEnvironment(inputs.environment);
  loader.ReadFlags(inputs.flags);
  return loader.Finish();
}

std::vector<std::string_view> Changed(const Settings& before, const Settings& after,
                                      Reload reload) {
  std::vector<std::string_view> keys;
  for (const Setting& setting : SettingTable())
    if (setting.reload == reload && setting.Texts(before) != setting.Texts(after))
      keys.push_back(setting.key);
  return keys;
}

Settings Reloaded(const Settings& running, const Settings& loaded) {
  Settings settings = running;
  for (const Setting& setting : SettingTable()) {
    if (setting.reload == Reload::kNo) continue;
    std::visit([&](auto member) { settings.*member = loaded.*member; }, setting.member);
  }
  return settings;
}

}  // namespace itemgate::config
