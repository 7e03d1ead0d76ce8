#include <algorithm>

#include "base/json_writer.h"
#include "config/configuration.h"

namespace itemgate::config {
namespace {

void WriteValue(JsonWriter& json, const Setting& setting, const Settings& settings) {
  if (const auto* count = std::get_if<std::uint64_t Settings::*>(&setting.member)) {
    json.Value(settings.*(*count));
  } else if (setting.is_list()) {
    json.BeginArray();
    for (const std::string& text : setting.ShownTexts(settings)) json.Value(text);
    json.EndArray();
  } else {
    json.Value(setting.Text(settings));
  }
}

/// The value as TOML has it. Defaults hold nothing that would need escapes.
std::string TomlValue(const Setting& setting, const Settings& settings) {
  if (setting.is_count()) return setting.Text(settings);
  if (!setting.is_list()) return '"' + setting.Text(settings) + '"';
  std::string list;
  for (const std::string& text : setting.Texts(settings))
    list += (list.empty() ? "\"" : ", \"") + text + '"';
  return '[' + list + ']';
}

std::string_view SectionOf(std::string_view key) {
  const std::size_t dot = key.find('.');
  return dot == std::string_view::npos ? "" : key.substr(0, dot);
}

}  // namespace

std::string SettingsJson(const Settings& settings) {
  JsonWriter json;
  json.BeginObject();
  for (const Setting& setting : SettingTable()) {
    json.Name(setting.key);
    WriteValue(json, setting, settings);
  }
  return json.EndObject().Take();
}

std::string ConfigurationJson(const Configuration& configuration) {
  JsonWriter json;
  json.BeginObject();
  for (std::size_t i = 0; i < SettingTable().size(); ++i) {
    const Setting& setting = SettingTable()[i];
    const Origin& origin = configuration.origins[i];
    json.Name(setting.key).BeginObject().Name("value");
    WriteValue(json, setting, configuration.settings);
    json.Field("source", SourceName(origin.source));
    if (!origin.place.empty()) json.Field("place", origin.place);
    json.EndObject();
  }
  return json.EndObject().Take();
}

std::string ConfigurationTable(const Configuration& configuration) {
  std::size_t key_width = 0;
  std::size_t value_width = 0;
  for (const Setting& setting : SettingTable()) {
    key_width = std::max(key_width, setting.key.size());
    value_width = std::max(value_width, setting.Text(configuration.settings).size());
  }
  std::string table;
  for (std::size_t i = 0; i < SettingTable().size(); ++i) {
    const Setting& setting = SettingTable()[i];
    const Origin& origin = configuration.origins[i];
    const std::string value = setting.Text(configuration.settings);
    table += std::string(setting.key) + std::string(key_width - setting.key.size() + 2, ' ') +
             value + std::string(value_width - value.size() + 2, ' ') +
             std::string(SourceName(origin.source));
    if (!origin.place.empty()) table += " " + origin.place;
    table += '\n';
  }
  return table;
}

std::string ExampleFile() {
  const Settings defaults;
  std::string file =
      "# The settings of `itemgate serve`, each with its default. Take the # away to change one.\n"
      "# Read from here by: itemgate serve --config FILE. Check it with: itemgate config check "
      "--config FILE\n"
      "# An environment variable (ITEMGATE_LIMITS_BODY_BYTES) beats the file, a flag "
      "(--limits.body-bytes) beats both.\n"
      "# Settings marked (reload) take effect at SIGHUP, the others at the next start.\n";
  std::string_view section;
  for (const Setting& setting : SettingTable()) {
    if (SectionOf(setting.key) != section) {
      section = SectionOf(setting.key);
      file += "\n[" + std::string(section) + "]\n";
    } else {
      file += "\n";
    }
    file += "# " + std::string(setting.help);
    if (!setting.choices.empty()) file += ": " + std::string(setting.choices);
    if (setting.reload == Reload::kYes) file += " (reload)";
    const std::size_t name = section.empty() ? 0 : section.size() + 1;
    file +=
        "\n#" + std::string(setting.key.substr(name)) + " = " + TomlValue(setting, defaults) + "\n";
  }
  return file;
}

}  // namespace itemgate::config
