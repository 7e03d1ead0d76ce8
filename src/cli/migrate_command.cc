#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/database_url.h"
#include "base/json_writer.h"
#include "cli/command.h"

namespace itemgate::cli {
namespace {

struct MigrateSettings {
  std::uint32_t partitions = 0;  // not given
};

void PrintJson(Context& context, const Migrated& migrated, std::string_view note) {
  JsonWriter json;
  json.BeginObject()
      .Field("from", std::int64_t{migrated.from})
      .Field("to", std::int64_t{migrated.to});
  if (!note.empty()) json.Field("note", note);
  context.out().PrintLine(json.EndObject().Take());
}

void PrintText(Context& context, const Migrated& migrated, std::string_view note) {
  const std::string store = WithoutPassword(context.options().store);
  if (migrated.from == migrated.to)
    context.out().PrintLine(
        fmt::format("{} is up to date (version {} of the tables)", store, migrated.to));
  else
    context.out().PrintLine(
        fmt::format("{}: tables brought from version {} to {}", store, migrated.from, migrated.to));
  if (!note.empty()) context.err().PrintLine(fmt::format("itemgate: note: {}", note));
}

ExitStatus RunMigrate(Context& context, const MigrateSettings& settings) {
  const std::string& store = context.options().store;
  if (store.empty())
    return context.Report(
        {ErrorCode::kInvalidArgument,
         "name the database to prepare, such as --store postgres://user@host/name"});
  const auto migrated = Migrate({.database = store, .partitions = settings.partitions});
  if (!migrated) return context.ReportOpening(migrated.error());
  const bool was_ignored = settings.partitions > 0 && migrated->from > 0;
  const std::string_view note =
      was_ignored ? "the table of items was there already, so --partitions changed nothing" : "";
  if (context.options().json)
    PrintJson(context, *migrated, note);
  else
    PrintText(context, *migrated, note);
  return ExitStatus::kOk;
}

}  // namespace

void AddMigrateCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<MigrateSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "migrate",
       .summary = "Prepare a database, or bring its tables up to date",
       .details = "All or nothing; may run while others do. Needs a user that may create a schema; "
                  "servers need less.\n"
                  "Refuses tables of a newer program. docs/postgres.md says more.\n",
       .examples = "  itemgate migrate --store postgres://itemgate@db/items\n"
                   "  itemgate migrate --partitions 16     with $ITEMGATE_STORE\n"},
      [&context, settings] { return RunMigrate(context, *settings); });
  AddDatabaseOption(command, context);
  command
      .add_option("--partitions", settings->partitions,
                  "Cut the table of items into so many parts when it is created; one table if not "
                  "given")
      ->transform(WholeBetween(1, UINT32_MAX))
      ->type_name("COUNT");
}

}  // namespace itemgate::cli
