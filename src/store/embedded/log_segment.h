#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/mutex.h"
#include "store/embedded/log_format.h"

namespace itemgate {

/// One file of the item log: consecutive items, appended in commits (frames), later sealed and then immutable.
///
/// Threads: Append, Seal and Close by one thread at a time; reading by any, meanwhile.
class LogSegment {
 public:
  /// Called for each record; false stops.
  using Visitor = std::function<bool(const log_format::RecordView&)>;

  /// What a segment is part of. `files` must outlive it.
  struct Place {
    FileSystem& files;
    std::string path;
    log_format::StoreId store;
  };

  /// Creates a segment whose first item will be `first`, durable but for the directory entry.
  [[nodiscard]] static Result<std::unique_ptr<LogSegment>> Create(Place place, ItemId first);

  enum class Position {
    kEarlier,  // others follow, so it must be sealed
    kLast,
  };

  /// Opens a sealed segment, or the last one of a log: of that, reads the frames and cuts off what a crash left behind
  /// the last whole one. Fails with kCorrupt, and leaves the file as it is, if it is not what an undisturbed store or a
  /// crash leaves: whole frames behind a damaged place, or a last segment that ends before the item `known_last`; for
  /// then acknowledged items would be lost.
  [[nodiscard]] static Result<std::unique_ptr<LogSegment>> Open(Place place, ItemId first,
                                                                Position position,
                                                                ItemId known_last);

  /// Appends one frame and makes it durable. `frame` holds room for the FrameHeader, which is filled in, and then the
  /// next records in id order, each at its offset in `frame`, with contents of `content_bytes` in all; it may come back
  /// longer. After kUnknown nobody knows what is on the disk; after any other error the segment is as before.
  [[nodiscard]] Result<void> Append(std::string& frame, std::span<const std::uint32_t> offsets,
                                    std::uint64_t content_bytes);

  /// Writes the offset table and makes the segment immutable. After kStorageFull it is as before; after any other error
  /// nobody knows what is on the disk.
  [[nodiscard]] Result<void> Seal();

  /// Cuts off the space that was written beforehand, so that the next Open has nothing to search.
  void Close();

  /// Reads records from `from` on, in one read, at most as many as the limits and the segment allow but at least one.
  /// kCorrupt names the item and the place. REQUIRES: first() <= from <= last().
  [[nodiscard]] Result<void> Read(ItemId from, PageLimits limits, const Visitor& visit) const;

  /// Reads the whole file frame by frame, without the offset table, and checks everything, the table included.
  [[nodiscard]] Result<void> Scrub(const Visitor& visit) const;

  [[nodiscard]] ItemId first() const { return first_; }
  [[nodiscard]] ItemId last() const;  // first() - 1 while empty
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::uint64_t content_bytes() const;
  [[nodiscard]] bool sealed() const;

 private:
  LogSegment(Place place, std::unique_ptr<File> file, ItemId first);

  /// False if the segment was never begun: it has no header, and nothing else.
  [[nodiscard]] Result<bool> CheckHeader() const;
  /// False if the segment is not sealed.
  [[nodiscard]] Result<bool> ReadTrailer(Position position);
  [[nodiscard]] Result<void> RecoverFrames(ItemId known_last);
  [[nodiscard]] Result<std::string> ReadBytes(std::uint64_t offset, std::uint64_t size) const;
  /// Where the records from `from` on begin, as many as the limits allow but at least one, and at the end where the
  /// last of them ends at the latest.
  [[nodiscard]] Result<std::vector<std::uint64_t>> Offsets(ItemId from, PageLimits limits) const;
  [[nodiscard]] std::unexpected<Error> Corrupt(std::uint64_t offset, std::string_view what) const;

  // Constant after construction.
  const Place place_;
  const std::unique_ptr<File> file_;
  const ItemId first_;

  std::uint64_t written_end_ = 0;  // end of the file; the appending thread's

  mutable SharedMutex mutex_;
  bool sealed_ GUARDED_BY(mutex_) = false;
  std::uint64_t count_ GUARDED_BY(mutex_) = 0;
  std::uint64_t frames_end_ GUARDED_BY(mutex_) = sizeof(log_format::SegmentHeader);
  std::uint64_t content_bytes_ GUARDED_BY(mutex_) = 0;
  std::vector<std::uint32_t> offsets_ GUARDED_BY(mutex_);  // in kAlignment; empty once sealed
};

}  // namespace itemgate
