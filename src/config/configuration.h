#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "config/setting.h"
#include "config/settings.h"

namespace itemgate::config {

enum class Source { kDefault, kFile, kEnvironment, kFlag };

/// "default", "file", …
[[nodiscard]] std::string_view SourceName(Source source);

/// Where a value comes from.
struct Origin {
  Source source = Source::kDefault;
  std::string place;  // "itemgate.toml:12", "ITEMGATE_LISTEN", "--listen"; empty for a default

  friend bool operator==(const Origin&, const Origin&) = default;
};

/// The settings as they take effect.
struct Configuration {
  Settings settings;
  std::vector<Origin> origins;  // of each row of SettingTable()
  std::vector<std::string>
      notes;  // what is probably a mistake, but not certainly: one sentence each
};

/// What is wrong with one value.
struct Problem {
  std::string place;    // as Origin::place
  std::string key;      // of the setting; empty if the file as a whole is meant
  std::string message;  // what is expected

  /// "itemgate.toml:12: limits.body_bytes: expected …".
  [[nodiscard]] std::string ToString() const;
};
using Problems = std::vector<Problem>;

struct NamedText {
  std::string name;
  std::string text;
};

/// Where settings are looked for; each beats those before it.
struct Inputs {
  std::string file;                    // its path; empty: none
  std::vector<NamedText> environment;  // all of it; what is not ITEMGATE_… does not matter
  std::vector<NamedText> flags;        // by the setting's key
};

/// Reads and checks all of them. Gives all problems at once.
[[nodiscard]] std::expected<Configuration, Problems> Load(FileSystem& files, const Inputs& inputs);

/// The keys of those settings that differ, of those with that kind of reload.
[[nodiscard]] std::vector<std::string_view> Changed(const Settings& before, const Settings& after,
                                                    Reload reload);
/// `running` with the reloadable settings of `loaded`.
[[nodiscard]] Settings Reloaded(const Settings& running, const Settings& loaded);

/// {"listen":["127.0.0.1:8080"],"limits.in_flight":1000000,"http.idle_time":"75s",…}
[[nodiscard]] std::string SettingsJson(const Settings& settings);
/// The same with origins: {"listen":{"value":[…],"source":"file","place":"itemgate.toml:1"},…}
[[nodiscard]] std::string ConfigurationJson(const Configuration& configuration);
/// For people: a line for each setting.
[[nodiscard]] std::string ConfigurationTable(const Configuration& configuration);
/// A TOML file that sets nothing and shows everything, with defaults and explanations.
[[nodiscard]] std::string ExampleFile();

}  // namespace itemgate::config
