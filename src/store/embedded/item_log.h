#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/mutex.h"
#include "itemgate/store.h"
#include "store/embedded/log_segment.h"

namespace itemgate {

/// Every item, in id order, each byte written once: a directory of segments, of which the last is written to.
///
/// Threads: Append and Close by one thread at a time; reading by any, meanwhile.
class ItemLog {
 public:
  struct Options {
    FileSystem& files;  // must outlive the log
    std::string directory;
    log_format::StoreId store;
    ItemId known_last;  // the log is known to have reached this far
    std::uint64_t segment_bytes =
        256 << 20;  // a segment is sealed when its next frame would exceed this
  };

  /// Opens the log, creating its directory; repairs what a crash left at its end. Fails with kCorrupt if acknowledged
  /// items are missing or damaged where that shows without reading everything (Scrub does that).
  [[nodiscard]] static Result<std::unique_ptr<ItemLog>> Open(Options options);

  /// Appends new items, in the order of their ids, as one commit; they are durable when it returns. After kUnknown
  /// nobody knows whether they are; after any other error they are not. REQUIRES: ids follow last() without a gap.
  [[nodiscard]] Result<void> Append(std::span<Insertion* const> items, WallTime saved_at);

  /// Cuts off the space written beforehand. Nothing may be appended afterwards.
  void Close();

  /// Visits records from `from` on, in id order, until the end or until `visit` returns false.
  [[nodiscard]] Result<void> Read(ItemId from, PageLimits limits_of_one_read,
                                  const LogSegment::Visitor& visit) const;

  /// Visits every record, reading all frames and checking all checksums and tables. What is appended meanwhile may be
  /// left out.
  [[nodiscard]] Result<void> Scrub(const LogSegment::Visitor& visit) const;

  [[nodiscard]] ItemId last() const;  // of the newest durable item; 0 if there is none
  [[nodiscard]] std::uint64_t content_bytes() const;  // of the durable items
  [[nodiscard]] std::uint64_t sync_count() const;

 private:
  using Segments = std::vector<std::shared_ptr<LogSegment>>;  // shared with readers under way

  explicit ItemLog(Options options) : options_(std::move(options)) {}

  [[nodiscard]] LogSegment::Place PlaceOf(ItemId first) const;
  [[nodiscard]] Result<void> OpenSegments();
  /// Seals the last segment, if there is one, and starts the next.
  [[nodiscard]] Result<void> Roll();
  [[nodiscard]] Segments CopySegments() const;
  [[nodiscard]] std::shared_ptr<LogSegment> LastSegment() const;  // null if there is none

  const Options options_;

  std::string frame_;                   // the appending thread's, kept for its capacity
  std::vector<std::uint32_t> offsets_;  // likewise

  mutable Mutex mutex_;
  Segments segments_ GUARDED_BY(mutex_);  // in id order
  std::uint64_t sync_count_ GUARDED_BY(mutex_) = 0;
};

}  // namespace itemgate
