#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "itemgate/scope.h"

namespace itemgate::cli {

/// The name of an input, shared by the records that came from it, whose batches end at different times.
using SourceName = std::shared_ptr<const std::string>;

/// Where contents are saved, and as what.
struct ImportTerms {
  Scope scope;
  std::string media_type;

  friend bool operator==(const ImportTerms&, const ImportTerms&) = default;
};

/// Records on their way from the reader to a sender.
class ImportBatch {
 public:
  struct Origin {
    SourceName source;
    std::uint64_t line = 0;
  };

  /// REQUIRES: the batch is empty, or its terms are these.
  void Add(std::string_view content, const ImportTerms& terms, Origin origin);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }
  [[nodiscard]] const ImportTerms& terms() const { return terms_; }
  [[nodiscard]] const Origin& origin(std::size_t i) const { return entries_[i].origin; }
  /// Views of the batch, in order.
  [[nodiscard]] std::vector<std::string_view> Contents() const;

 private:
  struct Entry {
    Origin origin;
    std::size_t begin = 0;
    std::size_t bytes = 0;
  };

  ImportTerms terms_;  // of all of them
  std::string bytes_;  // of all contents, one behind the other
  std::vector<Entry> entries_;
};

/// A bounded queue from one reader to many senders. Every method may be called from any thread.
class BatchQueue {
 public:
  explicit BatchQueue(std::size_t batches_max) : batches_max_(batches_max) {}

  /// Waits for room. Drops the batch if the queue was abandoned.
  void Push(ImportBatch batch) EXCLUDES(mu_);
  /// Waits for a batch; nothing if there will be no more.
  [[nodiscard]] std::optional<ImportBatch> Pop() EXCLUDES(mu_);

  /// There will be no more batches than those in the queue.
  void Close() EXCLUDES(mu_);
  /// Drops what is in the queue and whatever comes.
  void Abandon() EXCLUDES(mu_);

 private:
  enum class State { kOpen, kClosed, kAbandoned };

  const std::size_t batches_max_;

  Mutex mu_;
  ConditionVariable changed_;
  std::deque<ImportBatch> batches_ GUARDED_BY(mu_);
  State state_ GUARDED_BY(mu_) = State::kOpen;
};

}  // namespace itemgate::cli
