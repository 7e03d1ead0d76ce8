#include <memory>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/import_report.h"
#include "cli/import_run.h"
#include "cli/import_summary.h"
#include "cli/interrupt.h"
#include "cli/text.h"

namespace itemgate::cli {
namespace {

constexpr int kSendersMax = 256;

constexpr const char* kDetails = R"(What is one item (--split):
  lines       each line, without its end; right for NDJSON and text
  paragraphs  lines up to the next empty line, as in Debian's Packages files
  files       each file, whole
  auto        lines for standard input and *.ndjson *.jsonl *.txt *.log *.csv, compressed or not;
              files for every other name
A line ends with LF or CR LF, and its end is no part of the item; with --keep-cr only LF ends a
line. Every other byte is kept as it is. Empty lines and files are passed over and counted.
gzip and zstd are recognised by their first bytes and decompressed. Folders are read with all that
is below them, without hidden files. Patterns may be quoted: '*.gz', 'logs/**/*.ndjson'.

With --exported each line is an item as 'itemgate export' writes it: its content is saved in its
scope and with its media type. Ids and times are new; an empty store that is given all items with
--senders 1 gives the same ids.

Items are saved in about the order of the input; in exactly that order with --senders 1.
Problems are told as FILE:LINE: what. A refused item or unreadable file does not stop the rest,
unless --on-error stop is given; a store that cannot save does. Importing again is harmless: what is
saved already counts as a duplicate. Ctrl-C finishes what was read and says how to go on; a second
one ends at once. With --acks, {"source", "line", "outcome", "id"} is printed for each item as soon
as it is safe on disk; the summary then goes to standard error, or with --json is the last line.
)";

struct ImportSettings {
  std::vector<std::string> paths;
  std::string split = "auto";
  std::string on_error = "skip";
  std::string media_type;
  int senders = 4;
  bool keep_carriage_return = false;
  bool as_is = false;
  bool exported = false;
  bool acknowledge_each = false;
  bool quiet = false;
};

SplitRule RuleOf(const std::string& name) {
  if (name == "lines") return SplitRule::kLines;
  if (name == "paragraphs") return SplitRule::kParagraphs;
  if (name == "files") return SplitRule::kWhole;
  return SplitRule::kByName;
}

/// Of all inputs, if each is known.
std::optional<std::uint64_t> BytesTotal(const std::vector<InputFile>& inputs) {
  std::uint64_t total = 0;
  for (const InputFile& input : inputs) {
    if (!input.bytes) return std::nullopt;
    total += *input.bytes;
  }
  return total;
}

/// One import. Belongs to the main thread.
class Import {
 public:
  Import(Context& context, const ImportSettings& settings, Inputs inputs)
      : context_(context),
        settings_(settings),
        inputs_(std::move(inputs)),
        report_(context, {.on_error = settings.on_error == "stop" ? OnError::kStop : OnError::kSkip,
                          .progress = settings.quiet ? ProgressStyle::kNone
                                                     : ProgressStyleFor(context.err()),
                          .acknowledge_each = settings.acknowledge_each,
                          .bytes_total = BytesTotal(inputs_.files)}) {}

  ExitStatus Run(Items& items, Scope scope) {
    const Interrupt interrupt;
    for (const UnreadableInput& input : inputs_.unreadable)
      report_.OnUnreadable({std::make_shared<const std::string>(input.path), 1}, input.error);
    ImportRun run(
        report_,
        [&](std::span<const std::string_view> contents, const ImportTerms& terms) {
          return items.SaveItems(contents, {.scope = terms.scope, .media_type = terms.media_type});
        },
        RunOptions(scope));
    run.Run(inputs_.files, {.token = interrupt.token(), .descriptor = interrupt.descriptor()});
    report_.Finish();
    const ImportEnd end = interrupt.requested()   ? ImportEnd::kInterrupted
                          : report_.should_stop() ? ImportEnd::kStopped
                                                  : ImportEnd::kDone;
    const ExitStatus status = StatusAfter(end);
    PrintSummary(end);
    return status;
  }

 private:
  [[nodiscard]] ImportRunOptions RunOptions(Scope scope) const {
    return {.form = settings_.exported ? RecordForm::kExportedItem : RecordForm::kContent,
            .terms = {.scope = scope, .media_type = settings_.media_type},
            .split = RuleOf(settings_.split),
            .line_ends = settings_.keep_carriage_return ? LineEnds::kKeepCarriageReturn
                                                        : LineEnds::kDropCarriageReturn,
            .encoding = settings_.as_is ? Encoding::kAsIs : Encoding::kDetected,
            .content_bytes_max = context_.options().item_bytes_max,
            .senders = settings_.senders};
  }

  void PrintSummary(ImportEnd end) {
    ImportSummary summary{.tally = report_.tally(),
                          .elapsed = report_.elapsed(),
                          .inputs = inputs_.files.size() + inputs_.unreadable.size(),
                          .end = end};
    if (end != ImportEnd::kDone) summary.go_on = context_.CommandLine();
    if (context_.options().json) return context_.out().PrintLine(SummaryJson(summary));
    Output& output = settings_.acknowledge_each ? context_.err() : context_.out();
    output.Print(SummaryText(summary));
  }

  /// Also tells why nothing more could be saved.
  ExitStatus StatusAfter(ImportEnd end) {
    const auto failure = report_.store_failure();
    const ExitStatus status = failure ? context_.Report(*failure) : ExitStatus::kOk;
    if (end == ImportEnd::kInterrupted) return ExitStatus::kInterrupted;
    if (failure) return status;
    // Acknowledgements that nobody reads end the import, and it is not complete.
    if (context_.out().failed()) return ExitStatus::kInputOutput;
    const ImportTally tally = report_.tally();
    return tally.refused + tally.unreadable > 0 ? ExitStatus::kSomeItems : ExitStatus::kOk;
  }

  Context& context_;
  const ImportSettings& settings_;
  const Inputs inputs_;
  ImportReport report_;
};

/// Where there is nothing else to import; not even a store is made then.
ExitStatus ReportUnreadable(Context& context, const std::vector<UnreadableInput>& inputs) {
  ExitStatus status = ExitStatus::kOk;
  for (const UnreadableInput& input : inputs) status = context.Report(input.error);
  return status;
}

/// What an exported item says itself.
Result<void> CheckExported(const Context& context, const ImportSettings& settings) {
  if (!settings.exported) return {};
  const CommonOptions& common = context.options();
  const bool chooses_scope = common.scope != Scope::kDefaultName || common.key != "bytes";
  if (settings.split == "auto" && settings.media_type.empty() && !chooses_scope) return {};
  return Fail(
      ErrorCode::kInvalidArgument,
      "exported items are lines, each with its scope and media type: with --exported, leave "
      "out --split, --scope, --key and --media-type");
}

ExitStatus RunImport(Context& context, const ImportSettings& settings) {
  if (const auto sound = CheckExported(context, settings); !sound)
    return context.Report(sound.error());
  const auto scope = context.ChosenScope();
  if (!scope) return context.Report(scope.error());
  const std::vector<std::string> paths =
      settings.paths.empty() ? std::vector<std::string>{"-"} : settings.paths;
  auto inputs = ExpandInputs(paths, context.options().data);
  if (inputs.files.empty() && !inputs.unreadable.empty())
    return ReportUnreadable(context, inputs.unreadable);
  const auto store = context.OpenStore(StoreMode::kCreate);
  if (!store) return context.ReportOpening(store.error());
  return Import(context, settings, std::move(inputs)).Run(**store, *scope);
}

void AddOptions(CLI::App& command, ImportSettings& settings) {
  command
      .add_option("PATH", settings.paths, "Files, folders, patterns; - or nothing: standard input")
      ->type_name("");
  command.add_option("--split", settings.split, "What is one item; auto if not given")
      ->check(CLI::IsMember({"auto", "lines", "paragraphs", "files"}))
      ->type_name("HOW");
  command.add_flag("--keep-cr", settings.keep_carriage_return,
                   "Lines end with LF only: a CR belongs to the item");
  command.add_flag("--raw", settings.as_is, "Take gzip and zstd as they are");
  command
      .add_option("--on-error", settings.on_error,
                  "After a refused item or unreadable file; skip if not given")
      ->check(CLI::IsMember({"skip", "stop"}))
      ->type_name("WHAT");
  command.add_option("--senders", settings.senders, "How many send at once; 4 if not given")
      ->check(CLI::Range(1, kSendersMax))
      ->type_name("COUNT");
  command
      .add_option("--media-type", settings.media_type,
                  "Kept with new items, such as application/json")
      ->type_name("TYPE");
  command.add_flag("--exported", settings.exported,
                   "Lines are items of 'itemgate export', each with its scope and media type");
  command.add_flag("--acks", settings.acknowledge_each,
                   "Print a line of JSON for each item when it is durable");
  command.add_flag("-q,--quiet", settings.quiet, "Show no progress");
}

}  // namespace

void AddImportCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<ImportSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "import",
       .summary = "Save the items of files, folders, patterns or standard input",
       .details = kDetails,
       .examples = "  itemgate import events.ndjson.gz\n"
                   "  itemgate import --split paragraphs /var/lib/apt/lists/*_Packages\n"
                   "  itemgate import --scope photos --split files ~/Pictures\n"
                   "  tail -f events.log | itemgate import --acks\n"
                   "  itemgate export --data old | itemgate import --exported --data new\n"},
      [&context, settings] { return RunImport(context, *settings); });
  AddOptions(command, *settings);
  AddScopeOptions(command, context);
  AddItemLimitOption(command, context);
  AddStoreOptions(command, context);
}

}  // namespace itemgate::cli
