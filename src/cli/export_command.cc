#include <algorithm>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/item_pages.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "key/item_json.h"
#include "transfer/compress.h"
#include "transfer/output_file.h"

namespace itemgate::cli {
namespace {

constexpr const char* kDetails =
    R"(ndjson: one line for each item, {"id", "scope", "saved_at", "length", "sha256", "media_type" if
given, "content", or "content_base64" if it is no text}. raw: each content and a line feed.
A file appears when it is complete. If its name ends in .gz or .zst, it is compressed.
sha256 is that of the canonical form in a scope that compares JSON.
)";

struct ExportSettings {
  std::string output;  // empty: standard output
  std::string format = "ndjson";
  std::uint64_t after = 0;
  std::string scope;
  bool quiet = false;
};

/// Where the items go: a file, or standard output, whose failures the context reports in the end.
class ExportTarget {
 public:
  [[nodiscard]] static Result<ExportTarget> Open(const std::string& path) {
    if (path.empty()) return ExportTarget();
    auto file = OutputFile::Create(path);
    if (!file) return Fail(ErrorCode::kIo, file.error().message);
    return ExportTarget(*std::move(file), CompressionOfName(path));
  }

  Result<void> Write(Output& out, std::string_view bytes) {
    if (encoder_) return encoder_->Write(bytes);
    out.Print(bytes);
    return {};
  }

  Result<void> Complete() {
    if (!encoder_) return {};
    if (auto finished = encoder_->Finish(); !finished) return finished;
    return file_->Commit();
  }

 private:
  ExportTarget() = default;
  ExportTarget(std::unique_ptr<OutputFile> file, Compression compression)
      : file_(std::move(file)), encoder_(Compressed(compression, file_->sink())) {}

  std::unique_ptr<OutputFile> file_;
  std::unique_ptr<ByteSink> encoder_;  // onto the file
};

/// One export. One thread.
class Export {
 public:
  Export(Context& context, const ExportSettings& settings, Items& items, std::uint64_t last_id)
      : context_(context),
        settings_(settings),
        pages_(items, {.after = ItemId{settings.after}, .scope = settings.scope}),
        last_id_(last_id),
        meter_(context.clock(), context.err(), Style()) {}

  ExitStatus Run() {
    const Interrupt interrupt;
    auto target = ExportTarget::Open(settings_.output);
    if (!target) return context_.Report(target.error());
    while (!interrupt.requested() && !context_.out().failed()) {
      const auto items = pages_.Next();
      if (!items) return Report(items.error());
      if (items->empty()) return Complete(*target);
      if (const auto written = Write(*target, *items); !written) return Report(written.error());
      if (meter_.IsDue()) meter_.Show(Figures());
    }
    meter_.Clear();
    return interrupt.requested() ? ReportInterrupted() : ExitStatus::kOk;
  }

 private:
  ProgressStyle Style() {
    // Lines of progress between lines of items, on one terminal, would help nobody.
    const bool in_the_way = settings_.output.empty() && context_.out().is_terminal();
    return in_the_way || settings_.quiet ? ProgressStyle::kNone : ProgressStyleFor(context_.err());
  }

  Result<void> Write(ExportTarget& target, const std::vector<Item>& items) {
    const bool raw = settings_.format == "raw";
    for (const Item& item : items) {
      const std::string line = (raw ? item.content : ItemJson(item, ItemContent::kInclude)) + "\n";
      if (auto written = target.Write(context_.out(), line); !written) return written;
    }
    count_ += items.size();
    return {};
  }

  ProgressFigures Figures() const {
    const std::uint64_t first = std::min(settings_.after, last_id_);
    return {.items = count_, .done = pages_.after().value - first, .total = last_id_ - first};
  }

  ExitStatus Complete(ExportTarget& target) {
    if (const auto completed = target.Complete(); !completed) return Report(completed.error());
    meter_.Clear();
    if (settings_.output.empty()) return ExitStatus::kOk;
    if (context_.options().json) {
      JsonWriter json;
      json.BeginObject().Field("output", settings_.output).Field("items", count_);
      context_.out().PrintLine(json.Field("last_id", pages_.after().value).EndObject().Take());
    } else {
      context_.out().PrintLine(
          fmt::format("exported {} to {}", Counted(count_, "item"), settings_.output));
    }
    return ExitStatus::kOk;
  }

  ExitStatus Report(const Error& error) {
    meter_.Clear();
    return context_.Report(error);
  }

  ExitStatus ReportInterrupted() {
    const std::string hint =
        settings_.output.empty()
            ? fmt::format("complete up to id {}; to go on: --after {}", pages_.after().value,
                          pages_.after().value)
            : settings_.output + " was not written; to export, run the same command again";
    (void)context_.Report({ErrorCode::kUnavailable, "interrupted: " + hint});
    return ExitStatus::kInterrupted;
  }

  Context& context_;
  const ExportSettings& settings_;
  ItemPages pages_;
  std::uint64_t last_id_;
  ProgressMeter meter_;
  std::uint64_t count_ = 0;
};

ExitStatus RunExport(Context& context, const ExportSettings& settings) {
  const auto store = context.OpenStore(StoreMode::kMustExist);
  if (!store) return context.ReportOpening(store.error());
  const auto statistics = (*store)->Statistics();
  if (!statistics) return context.Report(statistics.error());
  return Export(context, settings, **store, statistics->items).Run();
}

}  // namespace

void AddExportCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<ExportSettings>();
  CLI::App& command =
      AddCommand(root, context,
                 {.name = "export",
                  .summary = "Write out all items, in the order of their ids",
                  .details = kDetails,
                  .examples = "  itemgate export --output items.ndjson.zst\n"
                              "  itemgate export --scope orders --format raw > orders.ndjson\n"
                              "  itemgate export --after 60000 | jq -r .content\n"},
                 [&context, settings] { return RunExport(context, *settings); });
  command.add_option("-o,--output", settings->output, "A file; standard output if not given")
      ->type_name("FILE");
  command.add_option("--format", settings->format, "How items are written; ndjson if not given")
      ->check(CLI::IsMember({"ndjson", "raw"}))
      ->type_name("HOW");
  command.add_option("--after", settings->after, "Only items with greater ids")
      ->transform(WholeBetween(0, UINT64_MAX))
      ->type_name("ID");
  command.add_option("-s,--scope", settings->scope, "Only items of that scope")->type_name("NAME");
  command.add_flag("-q,--quiet", settings->quiet, "Show no progress");
  AddStoreOptions(command, context);
}

}  // namespace itemgate::cli
