#include "cli/setting_options.h"

#include <unistd.h>

#include <cstdlib>

#include <CLI/CLI.hpp>

namespace itemgate::cli {
namespace {

std::vector<config::NamedText> Environment() {
  std::vector<config::NamedText> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != text.npos)
      variables.push_back(
          {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))});
  }
  return variables;
}

std::string HelpOf(const config::Setting& setting) {
  std::string help(setting.help);
  const std::string value = setting.Text(config::Settings());
  return value.empty() ? help : help + " [" + value + "]";
}

}  // namespace

std::shared_ptr<SettingOptions> AddSettingOptions(CLI::App& command) {
  const auto options = std::make_shared<SettingOptions>();  // co-owned by the parser's callbacks
  if (const char* file = std::getenv("ITEMGATE_CONFIG"); file != nullptr) options->file = file;
  command
      .add_option("-c,--config", options->file,
                  "A TOML file with settings; $ITEMGATE_CONFIG if not given")
      ->type_name("FILE");
  for (const config::Setting& setting : config::SettingTable()) {
    const std::string names = (setting.key == "data" ? "-d," : "") + setting.FlagName();
    CLI::Option& option =
        *command
             .add_option_function<std::string>(
                 names,
                 [options, key = std::string(setting.key)](const std::string& text) {
                   options->flags.push_back({key, text});
                 },
                 HelpOf(setting))
             ->type_name(setting.TypeName())
             ->group(
                 "Settings (also in the file as section.name, and in the environment as "
                 "ITEMGATE_SECTION_NAME)");
    if (setting.is_list()) option.delimiter(',')->multi_option_policy(CLI::MultiOptionPolicy::Join);
  }
  return options;
}

std::expected<config::Configuration, config::Problems> LoadSettings(const SettingOptions& options) {
  PosixFileSystem files;
  return config::Load(files,
                      {.file = options.file, .environment = Environment(), .flags = options.flags});
}

ExitStatus ReportProblems(Context& context, const config::Problems& problems) {
  for (const config::Problem& problem : problems)
    context.Report({ErrorCode::kInvalidArgument, problem.ToString()});
  return ExitStatus::kUsage;
}

}  // namespace itemgate::cli
