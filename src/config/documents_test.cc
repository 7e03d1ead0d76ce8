#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "config/configuration.h"

namespace itemgate::config {
namespace {

std::string FileOfTheSourceTree(const std::string& path) {
  std::ifstream file(std::string(ITEMGATE_SOURCE_DIR "/") + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The row of the table of docs/operations.md.
std::string RowOf(const Setting& setting) {
  std::string type = setting.TypeName();
  for (std::size_t at = 0; (at = type.find('|', at)) != std::string::npos; at += 2)
    type.insert(at, 1, '\\');
  return "| `" + std::string(setting.key) + "` | " + type + " | `" + setting.Text(Settings()) +
         "` | " + (setting.reload == Reload::kYes ? "yes" : "") + " | " +
         std::string(setting.help) + " |\n";
}

TEST(Documents, TheManualHasEverySettingAsItIs) {
  std::string table;
  for (const Setting& setting : SettingTable()) table += RowOf(setting);
  EXPECT_NE(FileOfTheSourceTree("docs/operations.md").find("| --- |\n" + table + "\n"),
            std::string::npos)
      << "the table of docs/operations.md must be:\n"
      << table;
}

TEST(Documents, ThePackagedExampleIsCurrent) {
  EXPECT_EQ(FileOfTheSourceTree("packaging/itemgate.toml"), ExampleFile())
      << "write it anew: itemgate config example > packaging/itemgate.toml";
}

}  // namespace
}  // namespace itemgate::config
