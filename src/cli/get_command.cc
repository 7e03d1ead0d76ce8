#include <memory>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/command.h"
#include "key/item_json.h"
#include "transfer/output_file.h"

namespace itemgate::cli {
namespace {

struct GetSettings {
  std::vector<std::uint64_t> ids;
  std::string output;
};

/// Hands each item to `write`, which gives a Result<void>.
template <typename Write>
Result<void> ForEachItem(Items& items, const std::vector<std::uint64_t>& ids, Write write) {
  for (const std::uint64_t id : ids) {
    const auto item = items.GetItem(ItemId{id});
    if (!item) {
      if (item.error().code != ErrorCode::kNotFound) return std::unexpected(item.error());
      return Fail(ErrorCode::kNotFound, fmt::format("no item has the id {}", id));
    }
    if (auto written = write(*item); !written) return written;
  }
  return {};
}

ExitStatus RunGet(Context& context, const GetSettings& settings) {
  const auto store = context.OpenStore(StoreMode::kMustExist);
  if (!store) return context.ReportOpening(store.error());
  const auto show = [&](const Item& item) {
    return context.options().json ? ItemJson(item, ItemContent::kInclude) + "\n" : item.content;
  };
  if (settings.output.empty()) {
    const auto printed = ForEachItem(**store, settings.ids, [&](const Item& item) -> Result<void> {
      context.out().Print(show(item));
      return {};
    });
    return printed ? ExitStatus::kOk : context.Report(printed.error());
  }
  const auto file = OutputFile::Create(settings.output);
  if (!file) return context.Report({ErrorCode::kIo, file.error().message});
  const auto written = ForEachItem(
      **store, settings.ids, [&](const Item& item) { return (*file)->sink().Write(show(item)); });
  if (!written) return context.Report(written.error());
  if (const auto committed = (*file)->Commit(); !committed)
    return context.Report(committed.error());
  return ExitStatus::kOk;
}

}  // namespace

void AddGetCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<GetSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "get",
       .summary = "Print the content of items, byte for byte",
       .details = "Several contents are written one behind the other, with nothing between them. "
                  "With --json: one\n"
                  "line for each, with the content as text, or in Base64 if it is not UTF-8.\n",
       .examples = "  itemgate get 17\n"
                   "  itemgate get 17 --output photo.jpg\n"
                   "  itemgate get 17 18 --json\n"},
      [&context, settings] { return RunGet(context, *settings); });
  command.add_option("ID", settings->ids, "Of the items")
      ->required()
      ->transform(WholeBetween(0, UINT64_MAX))
      ->type_name("");
  command
      .add_option("-o,--output", settings->output,
                  "Write to a file; it appears when it is complete")
      ->type_name("FILE");
  AddStoreOptions(command, context);
}

}  // namespace itemgate::cli
