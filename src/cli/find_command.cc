#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/time_text.h"
#include "cli/command.h"
#include "cli/content_input.h"
#include "cli/text.h"
#include "key/item_json.h"

namespace itemgate::cli {
namespace {

ExitStatus RunFind(Context& context, const ContentArguments& arguments) {
  const auto scope = context.ChosenScope();
  if (!scope) return context.Report(scope.error());
  const auto contents = ReadContents(context, arguments);
  if (!contents) return context.Report(contents.error());
  if (contents->size() != 1)
    return context.Report({ErrorCode::kInvalidArgument, "find takes one content at a time"});
  const auto store = context.OpenStore(StoreMode::kMustExist);
  if (!store) return context.ReportOpening(store.error());

  const auto items = (*store)->FindItemsWithContent(contents->front(), *scope);
  if (!items) return context.Report(items.error());
  if (items->empty())
    return context.Report({ErrorCode::kNotFound,
                           fmt::format("no item with that content in scope {}", scope->name())});
  for (const Item& item : *items) {
    context.out().PrintLine(context.options().json ? ItemJson(item, ItemContent::kOmit)
                                                   : fmt::format("{}  saved {}", item.id.value,
                                                                 FormatTime(item.saved_at)));
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddFindCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto arguments = std::make_shared<ContentArguments>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "find",
       .summary = "Find the item with a content",
       .details = "Prints its id and when it was saved, or ends with code 5 if there is none.\n",
       .examples = "  itemgate find 'hello'\n"
                   "  itemgate find --file photo.jpg --json\n"
                   "  echo -n hello | itemgate find -\n"},
      [&context, arguments] { return RunFind(context, *arguments); });
  command
      .add_option("CONTENT", arguments->texts, "The content; - or nothing: standard input, whole")
      ->type_name("");
  command.add_option("-f,--file", arguments->files, "The content of a file")->type_name("FILE");
  AddScopeOptions(command, context);
  AddStoreOptions(command, context);
}

}  // namespace itemgate::cli
