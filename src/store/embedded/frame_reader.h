#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/file.h"
#include "store/embedded/log_format.h"

namespace itemgate {

/// Walks the frames of a segment from its start, trusting nothing.
class FrameReader {
 public:
  /// Reads `file` from its first frame on, which must begin with item `first`.
  FrameReader(File& file, log_format::StoreId store, ItemId first)
      : file_(file), store_(store), next_id_(first) {}

  /// Called for each record, with its offset in the file.
  using Visitor = std::function<void(const log_format::RecordView&, std::uint64_t offset)>;

  /// Visits the records of the next frame. False, and nothing visited, if no whole frame with the expected ids begins
  /// here.
  [[nodiscard]] Result<bool> Next(const Visitor& visit);

  /// Where the last whole frame ends, and the id expected there.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] ItemId next_id() const { return next_id_; }

  /// Whether a whole frame with a later id than expected begins anywhere behind `offset()`.
  [[nodiscard]] Result<bool> AnyFrameBehind();

 private:
  /// Loads the frame of that header into buffer_; false if it is not whole.
  [[nodiscard]] Result<bool> LoadFrame(std::uint64_t offset, const log_format::FrameHeader& header);

  File& file_;
  log_format::StoreId store_;
  std::uint64_t offset_ = sizeof(log_format::SegmentHeader);
  ItemId next_id_;
  std::string buffer_;
};

}  // namespace itemgate
