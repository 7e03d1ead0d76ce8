#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "itemgate/item.h"
#include "itemgate/store.h"

namespace itemgate::log_format {

// The bytes of the item log, version 1. docs/item-log-format.md describes them with a worked example; whoever changes
// one changes the other. All integers are little-endian. Frames and records start at multiples of 8 bytes.
//
//   segment = SegmentHeader frame* zeros                           while it is written to
//           | SegmentHeader frame* offset-table SegmentTrailer     once it is sealed
//   frame   = FrameHeader record*                                  one commit: written and synced as one
//   record  = RecordHeader scope media-type content padding

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint64_t kAlignment = 8;

/// The secret of a store: seeds every checksum, so that no content can imitate a frame and no file of another store is
/// taken for ours.
enum class StoreId : std::uint64_t {};

struct SegmentHeader {
  char magic[8];           // "ITEMLOG1"
  std::uint32_t checksum;  // of the rest
  std::uint32_t version;
  std::uint64_t store_id;
  std::uint64_t first_id;  // of the first record
  std::uint8_t zeros[32];
};
static_assert(sizeof(SegmentHeader) == 64);

struct FrameHeader {
  std::uint32_t magic;     // kFrameMagic
  std::uint32_t checksum;  // of the rest of this header
  std::uint64_t first_id;  // of its first record
  std::uint64_t bytes;     // of the whole frame
  std::uint32_t count;     // of its records, at least 1
  std::uint32_t
      records_checksum;  // of all that follows; torn old and new sectors must not pass for a frame
};
static_assert(sizeof(FrameHeader) == 32);
inline constexpr std::uint32_t kFrameMagic = 0x454D5246;  // "FRME"

struct RecordHeader {
  std::uint32_t checksum;  // of the rest of the record, without the padding
  std::uint32_t content_length;
  std::uint64_t id;
  std::int64_t saved_at;  // microseconds since 1970-01-01 UTC
  std::uint8_t digest[32];
  std::uint32_t
      key_length;  // of what was digested; differs from content_length for canonical JSON only
  std::uint8_t scope_length;  // 0 for the default scope
  std::uint8_t media_type_length;
  std::uint16_t zeros;
};
static_assert(sizeof(RecordHeader) == 64, "one cache line, and no hidden padding");

struct SegmentTrailer {
  char magic[8];           // "ITEMSEAL"
  std::uint32_t checksum;  // of the rest of this trailer
  std::uint32_t version;
  std::uint64_t store_id;
  std::uint64_t first_id;
  std::uint64_t count;       // of records; the table holds a 4-byte offset for each, in kAlignment
  std::uint64_t frames_end;  // where the table begins
  std::uint32_t table_checksum;  // of the offset table
  std::uint32_t zeros;
  std::uint64_t content_bytes;  // of all records
};
static_assert(sizeof(SegmentTrailer) == 64);

[[nodiscard]] constexpr std::uint64_t AlignUp(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) & ~(kAlignment - 1);
}

/// A record as it lies in a buffer.
struct RecordView {
  ItemId id;
  ContentKey key;
  WallTime saved_at;
  std::string_view content;
  std::string_view media_type;
  std::uint64_t bytes = 0;  // of the whole record, padding included

  [[nodiscard]] Item ToItem() const;
};

/// Appends the record of one new item.
void AppendRecord(std::string& buffer, const Insertion& insertion, WallTime saved_at,
                  StoreId store);

/// The record at the start of `bytes`; kCorrupt if it is cut off or its checksum is wrong, kBusy if this process cannot
/// know any more scopes.
[[nodiscard]] Result<RecordView> ParseRecord(std::string_view bytes, StoreId store);

[[nodiscard]] SegmentHeader MakeSegmentHeader(StoreId store, ItemId first);
/// Nothing if the header is damaged, of another version or of another store.
[[nodiscard]] std::optional<SegmentHeader> ParseSegmentHeader(std::string_view bytes,
                                                              StoreId store);

/// The header of a frame of `count` records.
[[nodiscard]] FrameHeader MakeFrameHeader(StoreId store, ItemId first, std::uint32_t count,
                                          std::string_view records);
[[nodiscard]] std::optional<FrameHeader> ParseFrameHeader(std::string_view bytes, StoreId store);
/// Whether what follows the header is what it was made for.
[[nodiscard]] bool FrameIsWhole(const FrameHeader& header, std::string_view records, StoreId store);

/// The offset table and the trailer that seal a segment.
[[nodiscard]] std::string MakeSeal(StoreId store, ItemId first, std::uint64_t frames_end,
                                   std::uint64_t content_bytes, std::string_view offset_table);
/// The trailer at the end of a file whose last bytes are `bytes`; the table is not checked.
[[nodiscard]] std::optional<SegmentTrailer> ParseTrailer(std::string_view bytes, StoreId store);
[[nodiscard]] bool TableIsIntact(const SegmentTrailer& trailer, std::string_view offset_table);

}  // namespace itemgate::log_format
