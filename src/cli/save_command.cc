#include <algorithm>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "cli/command.h"
#include "cli/content_input.h"

namespace itemgate::cli {
namespace {

constexpr std::size_t kItemsOfOneCall = 1000;

struct SaveSettings {
  ContentArguments contents;
  std::string media_type;
};

std::string ResultJson(const SaveResult& result) {
  JsonWriter json;
  json.BeginObject().Field("outcome", OutcomeName(result.outcome));
  if (result.saved()) json.Field("id", result.id.value);
  if (result.error) {
    json.Name("error").BeginObject();
    json.Field("code", ErrorCodeName(result.error->code)).Field("message", result.error->message);
    json.EndObject();
  }
  return json.EndObject().Take();
}

/// Prints the answer to one content, and gives the status that it alone would end the program with.
ExitStatus PrintResult(Context& context, const SaveResult& result) {
  if (context.options().json) {
    context.out().PrintLine(ResultJson(result));
  } else if (result.saved()) {
    context.out().PrintLine(fmt::format("{} {}", OutcomeName(result.outcome), result.id.value));
  } else {
    context.out().PrintLine(OutcomeName(result.outcome));
    context.err().PrintLine("itemgate: " +
                            (result.error ? result.error->message : result.message()));
  }
  if (result.saved()) return ExitStatus::kOk;
  const bool of_the_item = result.outcome == Outcome::kRejected || !result.error;
  return of_the_item ? ExitStatus::kSomeItems : StatusOf(result.error->code);
}

ExitStatus RunSave(Context& context, const SaveSettings& settings) {
  const auto scope = context.ChosenScope();
  if (!scope) return context.Report(scope.error());
  const auto contents = ReadContents(context, settings.contents);
  if (!contents) return context.Report(contents.error());
  const auto store = context.OpenStore(StoreMode::kCreate);
  if (!store) return context.ReportOpening(store.error());

  const SaveOptions options{.scope = *scope, .media_type = settings.media_type};
  const std::vector<std::string_view> views(contents->begin(), contents->end());
  ExitStatus status = ExitStatus::kOk;
  for (std::size_t done = 0; done < views.size(); done += kItemsOfOneCall) {
    const auto part =
        std::span(views).subspan(done).first(std::min(kItemsOfOneCall, views.size() - done));
    for (const SaveResult& result : (*store)->SaveItems(part, options)) {
      const ExitStatus of_this = PrintResult(context, result);
      if (of_this != ExitStatus::kOk) status = of_this;
    }
    context.out().Flush();
  }
  return status;
}

}  // namespace

void AddSaveCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<SaveSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "save",
       .summary = "Save contents; each distinct one once",
       .details =
           "Prints one line for each content, in their order: \"created 17\" if it is new, "
           "\"duplicate 17\"\n"
           "if it was there, with the id of its item. The bytes are taken exactly as they are.\n",
       .examples =
           "  itemgate save 'hello' 'world'\n"
           "  echo -n hello | itemgate save\n"
           "  itemgate save --file photo.jpg --media-type image/jpeg\n"
           "  itemgate save --key json '{\"a\": 1, \"b\": 2}'     equal to {\"b\":2,\"a\":1}\n"
           "  itemgate save -- -x                            a content that begins with -\n"},
      [&context, settings] { return RunSave(context, *settings); });
  command
      .add_option("CONTENT", settings->contents.texts,
                  "What to save; - or nothing: standard input, whole")
      ->type_name("");
  command
      .add_option("-f,--file", settings->contents.files, "Save the content of files, each whole")
      ->type_name("FILE");
  command
      .add_option("--media-type", settings->media_type, "Kept with new items, such as text/plain")
      ->type_name("TYPE");
  AddScopeOptions(command, context);
  AddItemLimitOption(command, context);
  AddStoreOptions(command, context);
}

}  // namespace itemgate::cli
