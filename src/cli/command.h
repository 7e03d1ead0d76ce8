#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cli/context.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace itemgate::cli {

/// What the help of a command says.
struct CommandText {
  std::string name;
  std::string summary;   // one line
  std::string details;   // paragraphs under the options; may be empty
  std::string examples;  // lines "  itemgate …"
};

/// Adds a command to the program. `run` is called after the whole command line was parsed, if this command was chosen.
/// Every command has --json.
CLI::App& AddCommand(CLI::App& root, Context& context, const CommandText& text,
                     std::function<ExitStatus()> run);

/// The shared options, for the commands that have a use for them.
void AddDataOption(CLI::App& command, Context& context);
void AddDatabaseOption(CLI::App& command, Context& context);
/// --data, --store and --server: where the items are.
void AddStoreOptions(CLI::App& command, Context& context);
/// --store and --server: for what is about the servers of a database.
void AddSharedStoreOptions(CLI::App& command, Context& context);
void AddScopeOptions(CLI::App& command, Context& context);
void AddItemLimitOption(CLI::App& command, Context& context);

/// Lets numbers of that range through, the ends included, and no NaN. The limits do not show in the help.
[[nodiscard]] CLI::Validator Between(double lowest, double highest);

/// The same for whole decimal numbers; for `transform`, since the parser takes 010 for 8 and -1 for the largest number.
[[nodiscard]] CLI::Validator WholeBetween(std::uint64_t lowest, std::uint64_t highest);

// The commands, each in a file of its own (save_command.cc, …): adds itself to the program.
void AddSaveCommand(CLI::App& root, Context& context);
void AddImportCommand(CLI::App& root, Context& context);
void AddFindCommand(CLI::App& root, Context& context);
void AddGetCommand(CLI::App& root, Context& context);
void AddListCommand(CLI::App& root, Context& context);
void AddExportCommand(CLI::App& root, Context& context);
void AddStatsCommand(CLI::App& root, Context& context);
void AddVerifyCommand(CLI::App& root, Context& context);
void AddDemoCommand(CLI::App& root, Context& context);
void AddBenchCommand(CLI::App& root, Context& context);
void AddDoctorCommand(CLI::App& root, Context& context);
void AddRedisAclCommand(CLI::App& root, Context& context);
void AddLockCommand(CLI::App& root, Context& context);
void AddMigrateCommand(CLI::App& root, Context& context);
void AddClusterCommand(CLI::App& root, Context& context);
void AddParkedCommand(CLI::App& root, Context& context);
void AddServeCommand(CLI::App& root, Context& context);
void AddConfigCommand(CLI::App& root, Context& context);
void AddVersionCommand(CLI::App& root, Context& context);
void AddCompletionCommand(CLI::App& root, Context& context);

}  // namespace itemgate::cli
