#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/time_text.h"
#include "cli/command.h"
#include "cli/item_pages.h"
#include "cli/text.h"
#include "key/item_json.h"

namespace itemgate::cli {
namespace {

constexpr std::uint64_t kTableItems = 100;
constexpr int kPipeColumns = 120;  // where nobody says how wide a line may be

struct ListSettings {
  std::uint64_t after = 0;
  std::optional<std::uint64_t> items_max;
  std::optional<std::uint64_t> last;
  std::string scope;
};

ItemRange RangeOf(const Context& context, const ListSettings& settings, std::uint64_t last_id) {
  ItemRange range{.after = ItemId{settings.after}, .scope = settings.scope};
  range.items_max = settings.items_max.value_or(context.options().json ? UINT64_MAX : kTableItems);
  if (settings.last) {
    range.after = ItemId{last_id - std::min(*settings.last, last_id)};
    range.items_max = *settings.last;
  }
  return range;
}

struct Widths {
  std::size_t id = 2;
  std::size_t scope = 5;
  std::size_t length = 6;
  std::size_t media_type = 4;
};

/// Wide enough for all of the page, never narrower than before.
Widths WidthsFor(const std::vector<Item>& items, Widths widths) {
  constexpr std::size_t kTextColumnsMax = 24;
  for (const Item& item : items) {
    widths.id = std::max(widths.id, fmt::formatted_size("{}", item.id.value));
    widths.length = std::max(widths.length, fmt::formatted_size("{}", item.content.size()));
    widths.scope = std::max(widths.scope, std::min(item.key.scope.name().size(), kTextColumnsMax));
    widths.media_type =
        std::max(widths.media_type, std::min(item.media_type.size(), kTextColumnsMax));
  }
  return widths;
}

std::string Row(const Item& item, const Widths& widths, std::size_t columns) {
  std::string row = fmt::format(
      "{:>{}}  {}  {:<{}}  {:>{}}  {:<{}}  ", item.id.value, widths.id, FormatTime(item.saved_at),
      Preview(item.key.scope.name(), widths.scope), widths.scope, item.content.size(),
      widths.length, Preview(item.media_type, widths.media_type), widths.media_type);
  constexpr std::size_t kPreviewColumnsMin = 16;
  const std::size_t left = columns > row.size() ? columns - row.size() : 0;
  return row + Preview(item.content, std::max(left, kPreviewColumnsMin));
}

std::string HeadRow(const Widths& widths) {
  return fmt::format("{:>{}}  {:<27}  {:<{}}  {:>{}}  {:<{}}  {}", "ID", widths.id, "SAVED AT",
                     "SCOPE", widths.scope, "LENGTH", widths.length, "TYPE", widths.media_type,
                     "CONTENT");
}

/// Prints one page, as lines of JSON or rows of a table.
class ListPrinter {
 public:
  explicit ListPrinter(Context& context) : context_(context) {}

  void Print(const std::vector<Item>& items) {
    Output& out = context_.out();
    if (context_.options().json) {
      for (const Item& item : items) out.PrintLine(ItemJson(item, ItemContent::kInclude));
      return;
    }
    widths_ = WidthsFor(items, widths_);
    const auto columns = static_cast<std::size_t>(out.is_terminal() ? out.columns() : kPipeColumns);
    if (!std::exchange(began_, true)) out.PrintLine(HeadRow(widths_));
    for (const Item& item : items) out.PrintLine(Row(item, widths_, columns));
  }

 private:
  Context& context_;
  Widths widths_;
  bool began_ = false;
};

ExitStatus RunList(Context& context, const ListSettings& settings) {
  if (settings.last && (settings.after > 0 || settings.items_max))
    return context.Report(
        {ErrorCode::kInvalidArgument, "--last does not go with --after or --limit"});
  const auto store = context.OpenStore(StoreMode::kMustExist);
  if (!store) return context.ReportOpening(store.error());
  const auto statistics = (*store)->Statistics();
  if (!statistics) return context.Report(statistics.error());
  const std::uint64_t last_id = statistics->items;
  ItemPages pages(**store, RangeOf(context, settings, last_id));
  ListPrinter printer(context);
  while (!context.out().failed()) {
    const auto items = pages.Next();
    if (!items) return context.Report(items.error());
    if (items->empty()) break;
    printer.Print(*items);
  }
  context.out().Flush();
  const bool is_cut_short = !context.options().json && !settings.items_max && !settings.last &&
                            pages.after().value < last_id;
  if (is_cut_short && !context.out().failed()) {
    context.err().PrintLine(
        fmt::format("{} items in all; the next ones: --after {}; the newest: --last 10",
                    FormatCount(last_id), pages.after().value));
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddListCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<ListSettings>();
  CLI::App& command =
      AddCommand(root, context,
                 {.name = "list",
                  .summary = "List saved items, by id",
                  .details = "The table shows the first 100, and of each content the beginning, "
                             "made safe to look at. With\n"
                             "--json: all items, one line each, with their contents.\n",
                  .examples = "  itemgate list --last 10\n"
                              "  itemgate list --after 1000 --limit 50\n"
                              "  itemgate list --scope orders --json | jq .content\n"},
                 [&context, settings] { return RunList(context, *settings); });
  command.add_option("--after", settings->after, "Only items with greater ids")
      ->transform(WholeBetween(0, UINT64_MAX))
      ->type_name("ID");
  command.add_option("-n,--limit", settings->items_max, "At most that many")
      ->transform(WholeBetween(0, UINT64_MAX))
      ->type_name("ITEMS");
  command.add_option("--last", settings->last, "The newest so many")
      ->transform(WholeBetween(0, UINT64_MAX))
      ->type_name("ITEMS");
  command.add_option("-s,--scope", settings->scope, "Only items of that scope")->type_name("NAME");
  AddStoreOptions(command, context);
}

}  // namespace itemgate::cli
