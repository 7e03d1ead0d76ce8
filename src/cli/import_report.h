#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/mutex.h"
#include "cli/context.h"
#include "cli/import_batch.h"
#include "cli/progress.h"
#include "itemgate/save_result.h"

namespace itemgate::cli {

/// What became of an import's records.
struct ImportTally {
  std::uint64_t created = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t refused = 0;     // rejected by the service, or over the limit of a record
  std::uint64_t failed = 0;      // not saved, or not known to be, through no fault of their own
  std::uint64_t unknown = 0;     // those of them of which nobody knows whether they are saved
  std::uint64_t empty = 0;       // empty lines and files, passed over
  std::uint64_t unreadable = 0;  // inputs that could not be read to their end
  std::uint64_t bytes_read = 0;  // of the inputs, compressed or not

  [[nodiscard]] std::uint64_t saved() const { return created + duplicates; }
};

enum class OnError {
  kSkip,  // tell and go on
  kStop,  // tell and read no further
};

struct ImportReportOptions {
  OnError on_error = OnError::kSkip;
  ProgressStyle progress = ProgressStyle::kNone;
  bool acknowledge_each = false;             // a line on standard output for each saved item
  std::optional<std::uint64_t> bytes_total;  // of all inputs, if known
};

/// Counts what becomes of each record, tells the user, and decides whether to go on. Every method may be called from
/// any thread.
class ImportReport {
 public:
  /// `context` must outlive the report, and nobody else may print meanwhile.
  ImportReport(Context& context, const ImportReportOptions& options);

  /// The answers to a batch.
  void OnSaved(const ImportBatch& batch, std::span<const SaveResult> results) EXCLUDES(mu_);
  /// A record that was not sent at all.
  void OnRefused(const ImportBatch::Origin& origin, const Error& error) EXCLUDES(mu_);
  /// An input that could not be read on from this line.
  void OnUnreadable(const ImportBatch::Origin& origin, const Error& error) EXCLUDES(mu_);
  /// What was read since the last time.
  void OnRead(std::uint64_t bytes, std::uint64_t empty_records) EXCLUDES(mu_);
  /// Takes the bar away and writes out everything.
  void Finish() EXCLUDES(mu_);

  /// True once nothing more should be read.
  [[nodiscard]] bool should_stop() const { return should_stop_.load(std::memory_order_relaxed); }
  /// Why nothing more can be saved, if so; what is still on its way need not be tried.
  [[nodiscard]] std::optional<Error> store_failure() const EXCLUDES(mu_);

  [[nodiscard]] ImportTally tally() const EXCLUDES(mu_);
  [[nodiscard]] Duration elapsed() const { return meter_.elapsed(); }

 private:
  void Count(const ImportBatch::Origin& origin, const SaveResult& result) REQUIRES(mu_);
  void Tell(const ImportBatch::Origin& origin, const Error& error) REQUIRES(mu_);
  void Acknowledge(const ImportBatch& batch, std::span<const SaveResult> results) REQUIRES(mu_);
  void ShowProgress() REQUIRES(mu_);
  void Stop() { should_stop_.store(true, std::memory_order_relaxed); }

  Context& context_;
  const ImportReportOptions options_;
  std::atomic<bool> should_stop_ = false;  // relaxed: a hint, which publishes nothing else

  // Also puts what threads print in order, so it is held while printing.
  mutable Mutex mu_;
  ProgressMeter meter_;
  ImportTally tally_ GUARDED_BY(mu_);
  std::uint64_t told_ GUARDED_BY(mu_) = 0;
  std::optional<Error> store_failure_ GUARDED_BY(mu_);
};

}  // namespace itemgate::cli
