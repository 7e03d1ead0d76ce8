#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "cli/setting_options.h"

namespace itemgate::cli {
namespace {

void TellNotes(Context& context, const config::Configuration& configuration) {
  for (const std::string& note : configuration.notes)
    context.err().PrintLine("itemgate: note: " + note);
}

ExitStatus RunCheck(Context& context, const SettingOptions& options) {
  const auto loaded = LoadSettings(options);
  if (!loaded) return ReportProblems(context, loaded.error());
  TellNotes(context, *loaded);
  if (context.options().json)
    context.out().PrintLine("{\"valid\":true}");
  else
    context.out().PrintLine(options.file.empty() ? "The settings are valid."
                                                 : options.file + " is valid.");
  return ExitStatus::kOk;
}

ExitStatus RunShow(Context& context, const SettingOptions& options) {
  const auto loaded = LoadSettings(options);
  if (!loaded) return ReportProblems(context, loaded.error());
  TellNotes(context, *loaded);
  if (context.options().json)
    context.out().PrintLine(config::ConfigurationJson(*loaded));
  else
    context.out().Print(config::ConfigurationTable(*loaded));
  return ExitStatus::kOk;
}

ExitStatus RunExample(Context& context) {
  context.out().Print(config::ExampleFile());
  return ExitStatus::kOk;
}

}  // namespace

void AddConfigCommand(CLI::App& root, Context& context) {
  const auto action = std::make_shared<std::string>();  // these two are shared by the parser and
  const auto options = std::make_shared<std::shared_ptr<SettingOptions>>();  // the command
  CLI::App& command = AddCommand(
      root, context,
      {.name = "config",
       .summary = "Check, show or explain the settings of `itemgate serve`",
       .details =
           "check: are file, environment and flags valid? Exit code 2 if not, with every mistake.\n"
           "show: the settings that would take effect, and where each comes from.\n"
           "example: a file that sets nothing and explains everything.\n",
       .examples = "  itemgate config example > itemgate.toml\n"
                   "  itemgate config check --config itemgate.toml\n"
                   "  itemgate config show --config itemgate.toml --json\n"},
      [&context, action, options] {
        if (*action == "check") return RunCheck(context, **options);
        return *action == "show" ? RunShow(context, **options) : RunExample(context);
      });
  command.add_option("ACTION", *action, "check, show or example")
      ->required()
      ->check(CLI::IsMember({"check", "show", "example"}))
      ->type_name("");
  *options = AddSettingOptions(command);
}

}  // namespace itemgate::cli
