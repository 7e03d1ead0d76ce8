#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/time_text.h"
#include "cli/command.h"
#include "cli/shared_store.h"
#include "cli/text.h"
#include "key/parked_json.h"

namespace itemgate::cli {
namespace {

struct ParkedSettings {
  std::string action;
  std::string digest;
  std::string as;
  bool yes = false;
};

void PrintJson(Output& out, const ParkedContent& parked) {
  JsonWriter json;
  WriteParked(json, parked);
  out.PrintLine(json.Take());
}

void PrintLine(Output& out, const ParkedContent& parked) {
  out.PrintLine(fmt::format(
      "{}  {}  scope {}  by {}{}", parked.key.digest.ToHex(), FormatTime(parked.since),
      Preview(parked.key.scope.name(), 200),
      parked.by.empty() ? "a server without a name" : Preview(parked.by, 200),
      parked.is_resolved_as_saved ? "  resolved: an item as soon as it is sent again" : ""));
}

ExitStatus RunList(Context& context) {
  const auto store = OpenSharedStore(context.options());
  if (!store) return context.ReportOpening(store.error());
  const auto parked = std::visit([](const auto& place) { return place->ParkedContents(); }, *store);
  if (!parked) return context.Report(parked.error());
  for (const ParkedContent& content : *parked) {
    if (context.options().json)
      PrintJson(context.out(), content);
    else
      PrintLine(context.out(), content);
  }
  if (parked->empty() && !context.options().json) context.out().PrintLine("Nothing is parked.");
  return ExitStatus::kOk;
}

/// What the operator has to be sure of, and what follows.
constexpr std::string_view kSaved =
    "Be sure that the backend has this content. It will not be sent there: when somebody sends it "
    "here next, it\nbecomes an item at once, without asking the backend. If the backend does not "
    "have it, it never gets it.\n";
constexpr std::string_view kSendAgain =
    "Be sure that the backend does not have this content, and that no server that was stopped, and "
    "no call under\nway, can still give it the content. When somebody sends it here next, it is "
    "given to the backend. If the\nbackend has it after all, it has it twice.\n";

ExitStatus RunResolve(Context& context, const ParkedSettings& settings) {
  const auto digest = Digest::FromHex(settings.digest);
  if (!digest)
    return context.Report({ErrorCode::kInvalidArgument,
                           "--digest must be the 64 hexadecimal digits that `itemgate parked list` "
                           "shows"});
  const auto scope = context.ChosenScope();
  if (!scope) return context.Report(scope.error());
  if (settings.as.empty())
    return context.Report({ErrorCode::kInvalidArgument, "say --as saved, or --as send-again"});
  const bool is_saved = settings.as == "saved";
  if (!settings.yes) {
    context.err().Print(is_saved ? kSaved : kSendAgain);
    return context.Report(
        {ErrorCode::kInvalidArgument, "nothing was done; if you are sure, add --yes"});
  }
  const auto store = OpenSharedStore(context.options());
  if (!store) return context.ReportOpening(store.error());
  const ContentKey key{.digest = *digest, .scope = *scope};
  const auto resolution = is_saved ? Resolution::kSaved : Resolution::kSendAgain;
  const auto resolved =
      std::visit([&](const auto& place) { return place->ResolveParked(key, resolution); }, *store);
  if (!resolved) return context.Report(resolved.error());
  if (!context.options().json)
    context.out().PrintLine(is_saved ? "It becomes an item when it is sent next."
                                     : "It is given to the backend when it is sent next.");
  return ExitStatus::kOk;
}

}  // namespace

void AddParkedCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<ParkedSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "parked",
       .summary = "List and resolve contents of which nobody knows whether the backend has them",
       .details =
           "A content is parked when a server died, or got no answer, while it gave it to a slow "
           "backend that cannot\n"
           "tell. It is never sent again by itself; sending it answers \"unknown\", or becomes an "
           "item once the backend\n"
           "is found to have it. list: what is parked, since when, and which server had it. "
           "resolve: what you know of one.\n" +
           std::string("\n--as saved. ") + std::string(kSaved) + "\n--as send-again. " +
           std::string(kSendAgain),
       .examples = "  itemgate parked list --server http://127.0.0.1:8080\n"
                   "  itemgate parked list --store postgres://itemgate@db/items --json\n"
                   "  itemgate parked resolve --server http://127.0.0.1:8080 --digest 2cf24d… --as "
                   "saved --yes\n"},
      [&context, settings] {
        return settings->action == "list" ? RunList(context) : RunResolve(context, *settings);
      });
  command.add_option("ACTION", settings->action, "list or resolve")
      ->required()
      ->check(CLI::IsMember({"list", "resolve"}))
      ->type_name("");
  AddSharedStoreOptions(command, context);
  command.add_option("--digest", settings->digest, "resolve: which, as list shows it")
      ->type_name("SHA256");
  AddScopeOptions(command, context);
  command.add_option("--as", settings->as, "resolve: what you know of the backend")
      ->check(CLI::IsMember({"saved", "send-again"}))
      ->type_name("WHAT");
  command.add_flag("--yes", settings->yes,
                   "resolve: you are sure; without it, says what it would do");
}

}  // namespace itemgate::cli
