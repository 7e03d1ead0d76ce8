#include "cli/command_line.h"

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/suggestion.h"
#include "cli/command.h"
#include "cli/version.h"

namespace itemgate::cli {
namespace {

constexpr const char* kDescription =
    "Itemgate saves each distinct content exactly once and tells every sender its id.";

constexpr const char* kRootFooter =
    "Examples:\n"
    "  itemgate save 'hello'                  save one item; again, and it is a duplicate\n"
    "  itemgate import events.ndjson.gz       each line an item, with many senders at once\n"
    "  itemgate list                          what is saved\n"
    "  itemgate COMMAND --help                options and examples of one command\n"
    "\n"
    "The items are those of --data DIR or of --server URL; if neither is given, of "
    "$ITEMGATE_SERVER, else of\n"
    "$ITEMGATE_DATA, else of ./itemgate-data.\n"
    "\n";

// The parser takes an argument like `[a,b]` apart, and hands what is behind `--` to the wrong command. Arguments cannot
// hold a NUL: one behind a bracket keeps such a text whole, and one in front makes it no option, whatever it begins
// with. A validator in front of all others takes the marks off again.
constexpr char kMark = '\0';

std::vector<std::string> Marked(std::vector<std::string> arguments) {
  const auto dashes = std::ranges::find(arguments, "--");
  for (auto argument = arguments.begin(); argument != arguments.end(); ++argument) {
    if (argument > dashes) argument->insert(argument->begin(), kMark);
    if (argument->ends_with(']')) argument->push_back(kMark);
  }
  if (dashes != arguments.end()) arguments.erase(dashes);
  return arguments;
}

std::string Unmarked(std::string argument) {
  std::erase(argument, kMark);
  return argument;
}

void KeepTextsWhole(CLI::App& app) {
  for (CLI::Option* option : app.get_options(nullptr))
    if (option->get_expected_max() > 0) option->transform(Unmarked, "", "");
  for (CLI::App* command : app.get_subcommands(nullptr)) KeepTextsWhole(*command);
}

std::vector<std::string> CommandNames(const CLI::App& root) {
  std::vector<std::string> names;
  for (const CLI::App* command : root.get_subcommands(nullptr))
    names.push_back(command->get_name());
  return names;
}

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string WithSuggestion(std::string message, const std::optional<std::string>& nearest) {
  return nearest ? message + "; did you mean '" + *nearest + "'?" : message;
}

bool BelongsToACommand(const CLI::App& app, const std::string& option) {
  return std::ranges::any_of(app.get_subcommands(nullptr), [&](const CLI::App* command) {
    return command->get_option_no_throw(option) != nullptr;
  });
}

/// What is said about an argument that `app` did not expect.
std::string UnexpectedMessage(const CLI::App& app, const std::string& argument) {
  if (argument.size() > 1 && argument.starts_with('-')) {
    const std::string name = argument.substr(0, argument.find('='));
    if (BelongsToACommand(app, name)) return "the option " + name + " goes behind the command";
    return WithSuggestion("unknown option " + name, NearestName(name, OptionNames(app)));
  }
  if (app.get_parent() == nullptr)
    return WithSuggestion("unknown command '" + argument + "'",
                          NearestName(argument, CommandNames(app)));
  return "unexpected argument '" + argument + "'";
}

/// The first argument that nothing expected, if there is one.
std::optional<std::string> Unexpected(const CLI::App& root) {
  if (const auto rest = root.remaining(); !rest.empty())
    return UnexpectedMessage(root, Unmarked(rest.front()));
  for (const CLI::App* command : root.get_subcommands())
    if (const auto rest = command->remaining(); !rest.empty())
      return UnexpectedMessage(*command, Unmarked(rest.front()));
  return std::nullopt;
}

ExitStatus ReportUsage(const CLI::App& root, Context& context, const std::string& message) {
  const auto chosen = root.get_subcommands();
  const std::string help =
      chosen.empty() ? "itemgate --help" : "itemgate " + chosen.front()->get_name() + " --help";
  return context.Report({ErrorCode::kInvalidArgument, message + " (see: " + help + ")"});
}

/// Parses; gives the status to end with at once, or nothing if there is a command to run.
std::optional<ExitStatus> Parse(CLI::App& root, Context& context,
                                std::vector<std::string> arguments) {
  arguments = Marked(std::move(arguments));
  std::ranges::reverse(arguments);  // as the parser wants them
  try {
    root.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    context.out().Print(root.help());
    return ExitStatus::kOk;
  } catch (const CLI::CallForVersion&) {
    context.out().PrintLine(fmt::format("itemgate {}", Version()));
    return ExitStatus::kOk;
  } catch (const CLI::ParseError& error) {
    return ReportUsage(root, context, Unexpected(root).value_or(Unmarked(error.what())));
  }
  if (const auto unexpected = Unexpected(root)) return ReportUsage(root, context, *unexpected);
  return std::nullopt;
}

/// `itemgate help import` means `itemgate import --help`.
void RewriteHelp(std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() != "help") return;
  arguments.erase(arguments.begin());
  arguments.resize(std::min<std::size_t>(arguments.size(), 1));
  arguments.emplace_back("--help");
}

}  // namespace

void BuildCommandLine(CLI::App& root, Context& context) {
  root.description(kDescription);
  root.footer(kRootFooter + ExitStatusTable());
  root.set_help_flag("-h,--help", "Print this help");
  root.set_version_flag("--version", Version(), "Print the version");
  root.require_subcommand(1);
  root.allow_extras();
  for (const auto add :
       {AddSaveCommand,   AddImportCommand,  AddFindCommand,    AddGetCommand,
        AddListCommand,   AddExportCommand,  AddStatsCommand,   AddVerifyCommand,
        AddServeCommand,  AddClusterCommand, AddMigrateCommand, AddParkedCommand,
        AddConfigCommand, AddLockCommand,    AddDoctorCommand,  AddRedisAclCommand,
        AddDemoCommand,   AddBenchCommand,   AddVersionCommand, AddCompletionCommand})
    add(root, context);
  for (CLI::App* command : root.get_subcommands(nullptr)) command->allow_extras();
  KeepTextsWhole(root);
}

int RunProgram(const Clock& clock, std::vector<std::string> arguments,
               const OutputDescriptors& descriptors) {
  (void)std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write, handled there
  Context context(clock, arguments, descriptors);
  CLI::App root{"", "itemgate"};
  BuildCommandLine(root, context);
  if (arguments.size() <= 1) {
    context.err().Print(root.help());
    return std::to_underlying(context.Finish(ExitStatus::kUsage));
  }
  arguments.erase(arguments.begin());
  RewriteHelp(arguments);
  const auto ended = Parse(root, context, std::move(arguments));
  const ExitStatus status = ended ? *ended : context.chosen()();
  return std::to_underlying(context.Finish(status));
}

}  // namespace itemgate::cli
