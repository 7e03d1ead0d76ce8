#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "cli/import_batch.h"
#include "cli/import_report.h"
#include "itemgate/save_result.h"
#include "transfer/input_files.h"
#include "transfer/record_reader.h"

namespace itemgate::cli {

/// How an input is taken apart.
enum class SplitRule {
  kByName,  // text files and standard input by lines, every other file whole
  kLines,
  kParagraphs,
  kWhole,
};

/// The split of an input: that of the rule, or the one that its name suggests, whether or not it is compressed.
[[nodiscard]] RecordSplit SplitFor(SplitRule rule, std::string_view path);

enum class Encoding {
  kDetected,  // gzip and zstd are decompressed
  kAsIs,
};

/// What a record is.
enum class RecordForm {
  kContent,
  kExportedItem,  // a line that `itemgate export` has written: a content, its scope and its media type
};

struct ImportRunOptions {
  RecordForm form = RecordForm::kContent;
  ImportTerms terms;                     // of contents
  SplitRule split = SplitRule::kByName;  // exported items are lines
  LineEnds line_ends = LineEnds::kDropCarriageReturn;
  Encoding encoding = Encoding::kDetected;
  std::size_t content_bytes_max = 16 << 20;
  std::size_t batch_items_max = 1000;
  std::size_t batch_bytes_max = 1 << 20;  // a larger record is a batch by itself
  int senders = 4;
};

/// What stops an import from outside.
struct ImportStop {
  std::stop_token token;
  int descriptor = -1;  // readable from the request on
};

/// Reads inputs one after the other, takes them apart and sends the records, in batches, from several threads.
///
/// The contents of a batch have the same terms. At most as many batches wait as there are senders, so memory is bounded
/// by the limits of a batch or a record, times twice the senders. A reader that has to wait for input sends what it has
/// first.
class ImportRun {
 public:
  using SaveBatch =
      std::function<std::vector<SaveResult>(std::span<const std::string_view>, const ImportTerms&)>;

  /// `report` must outlive the run. `save` is called from all senders at once.
  ImportRun(ImportReport& report, SaveBatch save, const ImportRunOptions& options);

  /// Blocks until everything was sent and answered; after a stop, everything that was read.
  void Run(std::span<const InputFile> inputs, const ImportStop& stop);

 private:
  class Reading;

  void Send();

  ImportReport& report_;
  const SaveBatch save_;
  const ImportRunOptions options_;
  BatchQueue queue_;
};

}  // namespace itemgate::cli
