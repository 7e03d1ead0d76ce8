#include "cli/import_run.h"

#include <algorithm>
#include <array>
#include <memory>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "cli/text.h"
#include "transfer/decompress.h"
#include "transfer/descriptor_source.h"

namespace itemgate::cli {
namespace {

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
    RecordReader reader(**source, {.split = SplitFor(run_.options_.split, input.path),
                                   .line_ends = run_.options_.line_ends,
                                   .record_bytes_max = run_.options_.record_bytes_max});
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
    const bool whole = SplitFor(run_.options_.split, path) == RecordSplit::kWhole;
    return Decompressed(std::move(source),
                        whole ? OtherCompression::kTakeAsIs : OtherCompression::kRefuse);
  }

  void Take(const Record& record, const SourceName& name) {
    switch (record.kind) {
      case Record::Kind::kEmpty:
        ++empty_;
        return;
      case Record::Kind::kTooLarge:
        run_.report_.OnRefused(
            {name, record.line},
            {ErrorCode::kTooLarge, fmt::format("longer than the limit of {} for an item",
                                               FormatBytes(run_.options_.record_bytes_max))});
        return;
      case Record::Kind::kComplete:
        break;
    }
    if (batch_.bytes() + record.content.size() > run_.options_.batch_bytes_max) HandOver();
    batch_.Add(record.content, {name, record.line});
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
    report_.OnSaved(*batch, save_(batch->Contents()));
    if (report_.store_failure()) queue_.Abandon();
  }
}

}  // namespace itemgate::cli
