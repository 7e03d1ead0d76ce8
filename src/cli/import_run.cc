#include "cli/import_run.h"

#include <algorithm>
#include <array>
#include <memory>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "cli/text.h"
#include "client/answer_json.h"
#include "transfer/decompress.h"
#include "transfer/descriptor_source.h"

namespace itemgate::cli {
namespace {

/// Of a record with a content of the greatest size.
std::size_t RecordBytesMax(const ImportRunOptions& options) {
  constexpr std::size_t kEscapedBytes = 6;          // of a byte: \u0001
  constexpr std::size_t kOtherMembersBytes = 4096;  // of an exported item
  return options.form == RecordForm::kContent
             ? options.content_bytes_max
             : kEscapedBytes * options.content_bytes_max + kOtherMembersBytes;
}

/// Also proves that the content is the one that was exported.
Result<Item> ReadExportedItem(std::string_view line) {
  auto item = client::ParseItemLine(line);
  if (!item && item.error().code != ErrorCode::kUnsupported) return item;
  if (!item)
    return Fail(ErrorCode::kInvalidArgument,
                "no item as 'itemgate export' writes it; a line that is a content itself is "
                "imported without --exported");
  const auto key = MakeContentKey(item->key.scope, item->content);
  if (!key) return std::unexpected(key.error());
  if (*key != item->key)
    return Fail(ErrorCode::kInvalidArgument,
                "the content does not have the sha256 beside it: the line was changed");
  return item;
}

std::string_view WithoutCompressionEnding(std::string_view path) {
  for (const std::string_view ending : {".gz", ".zst"})
    if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  return path;
}

}  // namespace

RecordSplit SplitFor(SplitRule rule, std::string_view path) {
  switch (rule) {
    case SplitRule::kLines:
      return RecordSplit::kLines;
    case SplitRule::kParagraphs:
      return RecordSplit::kParagraphs;
    case SplitRule::kWhole:
      return RecordSplit::kWhole;
    case SplitRule::kByName:
      break;
  }
  constexpr std::array<std::string_view, 5> kTextEndings{".ndjson", ".jsonl", ".txt", ".log",
                                                         ".csv"};
  const std::string_view name = WithoutCompressionEnding(path);
  const bool is_text = std::ranges::any_of(
      kTextEndings, [name](std::string_view ending) { return name.ends_with(ending); });
  return is_text || path == "-" ? RecordSplit::kLines : RecordSplit::kWhole;
}

/// The reader's side of a run: one thread.
class ImportRun::Reading {
 public:
  Reading(ImportRun& run, const ImportStop& stop) : run_(run), stop_(stop) {}

  void ReadAll(std::span<const InputFile> inputs) {
    for (const InputFile& input : inputs) {
      if (should_stop()) break;
      Read(input);
    }
    HandOver();
  }

 private:
  [[nodiscard]] bool should_stop() const {
    return stop_.token.stop_requested() || run_.report_.should_stop();
  }

  void Read(const InputFile& input) {
    const auto name = std::make_shared<const std::string>(input.path);
    auto source = Open(input.path);
    if (!source) return Unreadable({name, 1}, source.error());
    RecordReader reader(**source, {.split = SplitOf(input.path),
                                   .line_ends = run_.options_.line_ends,
                                   .record_bytes_max = RecordBytesMax(run_.options_)});
    std::uint64_t next_line = 1;
    while (!should_stop()) {
      const auto record = reader.Next();
      if (!record) {
        Unreadable({name, next_line}, record.error());
        break;
      }
      if (!*record) break;
      next_line = (*record)->line + 1;
      Take(**record, name);
      if (batch_.size() >= run_.options_.batch_items_max ||
          batch_.bytes() >= run_.options_.batch_bytes_max) {
        Account(**source);
        HandOver();
      }
    }
    Account(**source);
    bytes_accounted_ = 0;
  }

  [[nodiscard]] RecordSplit SplitOf(const std::string& path) const {
    return run_.options_.form == RecordForm::kExportedItem ? RecordSplit::kLines
                                                           : SplitFor(run_.options_.split, path);
  }

  Result<std::unique_ptr<ByteSource>> Open(const std::string& path) {
    const DescriptorSourceOptions options{.stop_descriptor = stop_.descriptor,
                                          .before_waiting = [this] { HandOver(); }};
    std::unique_ptr<ByteSource> source;
    if (path == "-") {
      source = DescriptorSource::StandardInput(options);
    } else {
      auto file = DescriptorSource::Open(path, options);
      if (!file) return std::unexpected(file.error());
      source = *std::move(file);
    }
    if (run_.options_.encoding == Encoding::kAsIs) return source;
    const bool whole = SplitOf(path) == RecordSplit::kWhole;
    return Decompressed(std::move(source),
                        whole ? OtherCompression::kTakeAsIs : OtherCompression::kRefuse);
  }

  void Take(const Record& record, const SourceName& name) {
    switch (record.kind) {
      case Record::Kind::kEmpty:
        ++empty_;
        return;
      case Record::Kind::kTooLarge:
        return TooLarge({name, record.line});
      case Record::Kind::kComplete:
        break;
    }
    const ImportBatch::Origin origin{name, record.line};
    if (run_.options_.form == RecordForm::kContent)
      return Add(record.content, run_.options_.terms, origin);
    const auto item = ReadExportedItem(record.content);
    if (!item) return run_.report_.OnRefused(origin, item.error());
    if (item->content.size() > run_.options_.content_bytes_max) return TooLarge(origin);
    Add(item->content, {item->key.scope, item->media_type}, origin);
  }

  void Add(std::string_view content, const ImportTerms& terms, const ImportBatch::Origin& origin) {
    const bool fits = batch_.bytes() + content.size() <= run_.options_.batch_bytes_max;
    if (!fits || batch_.terms() != terms) HandOver();
    batch_.Add(content, terms, origin);
  }

  void TooLarge(const ImportBatch::Origin& origin) {
    run_.report_.OnRefused(
        origin, {ErrorCode::kTooLarge, fmt::format("longer than the limit of {} for an item",
                                                   FormatBytes(run_.options_.content_bytes_max))});
  }

  void Unreadable(const ImportBatch::Origin& origin, const Error& error) {
    if (error.code == ErrorCode::kUnavailable) return;  // not its fault: reading was stopped
    run_.report_.OnUnreadable(origin, error);
  }

  /// Reports what was read since the last time.
  void Account(const ByteSource& source) {
    const std::uint64_t used = source.BytesUsed();
    run_.report_.OnRead(used - bytes_accounted_, std::exchange(empty_, 0));
    bytes_accounted_ = used;
  }

  void HandOver() {
    if (!batch_.empty()) run_.queue_.Push(std::exchange(batch_, {}));
  }

  ImportRun& run_;
  const ImportStop& stop_;
  ImportBatch batch_;
  std::uint64_t empty_ = 0;            // not yet reported
  std::uint64_t bytes_accounted_ = 0;  // of the current input
};

ImportRun::ImportRun(ImportReport& report, SaveBatch save, const ImportRunOptions& options)
    : report_(report),
      save_(std::move(save)),
      options_(options),
      queue_(static_cast<std::size_t>(options.senders)) {
  ITEMGATE_CHECK(options.senders > 0);
}

void ImportRun::Run(std::span<const InputFile> inputs, const ImportStop& stop) {
  std::vector<std::thread> senders;
  for (int i = 0; i < options_.senders; ++i) senders.emplace_back([this] { Send(); });
  Reading(*this, stop).ReadAll(inputs);
  queue_.Close();
  for (std::thread& sender : senders) sender.join();
}

void ImportRun::Send() {
  while (const auto batch = queue_.Pop()) {
    report_.OnSaved(*batch, save_(batch->Contents(), batch->terms()));
    if (report_.store_failure()) queue_.Abandon();
  }
}

}  // namespace itemgate::cli
