#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/context.h"
#include "config/configuration.h"

namespace CLI {
class App;
}

namespace itemgate::cli {

/// What the command line says about the service's settings.
struct SettingOptions {
  std::string file;                      // of --config, or $ITEMGATE_CONFIG
  std::vector<config::NamedText> flags;  // by the setting's key
};

/// Adds --config and a flag for each setting. Shared by the parser, which fills it, and the command, which reads it.
[[nodiscard]] std::shared_ptr<SettingOptions> AddSettingOptions(CLI::App& command);

/// Reads file, environment and flags.
[[nodiscard]] std::expected<config::Configuration, config::Problems> LoadSettings(
    const SettingOptions& options);

/// Tells the user what is wrong with the settings, and gives the status to end with.
ExitStatus ReportProblems(Context& context, const config::Problems& problems);

}  // namespace itemgate::cli
