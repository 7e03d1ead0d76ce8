#include "store/embedded/frame_reader.h"

#include <algorithm>

namespace itemgate {

using log_format::FrameHeader;
using log_format::ParseFrameHeader;
using log_format::ParseRecord;

Result<bool> FrameReader::LoadFrame(std::uint64_t offset, const FrameHeader& header) {
  const Result<std::uint64_t> file_bytes = file_.Size();
  if (!file_bytes) return std::unexpected(file_bytes.error());
  if (header.bytes < sizeof header || header.bytes > *file_bytes - offset) return false;
  buffer_.resize(header.bytes);
  const Result<std::size_t> read = file_.ReadAt(offset, buffer_);
  if (!read) return std::unexpected(read.error());
  return log_format::FrameIsWhole(header, std::string_view(buffer_).substr(sizeof header), store_);
}

Result<bool> FrameReader::Next(const Visitor& visit) {
  char bytes[sizeof(FrameHeader)];
  const Result<std::size_t> read = file_.ReadAt(offset_, bytes);
  if (!read) return std::unexpected(read.error());
  const auto header = ParseFrameHeader({bytes, *read}, store_);
  if (!header || header->first_id != next_id_.value) return false;
  const Result<bool> whole = LoadFrame(offset_, *header);
  if (!whole || !*whole) return whole;
  std::uint64_t at = sizeof *header;
  for (std::uint32_t i = 0; i < header->count; ++i) {
    const auto record = ParseRecord(
        std::string_view(buffer_).substr(std::min<std::uint64_t>(at, buffer_.size())), store_);
    if (!record) return std::unexpected(record.error());
    visit(*record, offset_ + at);
    at += record->bytes;
  }
  offset_ += header->bytes;
  next_id_.value += header->count;
  return true;
}

Result<bool> FrameReader::AnyFrameBehind() {
  constexpr std::size_t kChunkBytes = 1 << 20;
  std::string chunk(kChunkBytes + sizeof(FrameHeader), '\0');  // overlaps the next by one header
  for (std::uint64_t start = offset_;; start += kChunkBytes) {
    const Result<std::size_t> read = file_.ReadAt(start, chunk);
    if (!read) return std::unexpected(read.error());
    const std::string_view bytes(chunk.data(), *read);
    for (std::size_t at = 0; at < std::min(kChunkBytes, *read); at += log_format::kAlignment) {
      const auto header = ParseFrameHeader(bytes.substr(at), store_);
      if (!header || header->first_id <= next_id_.value) continue;
      const Result<bool> whole = LoadFrame(start + at, *header);
      if (!whole || *whole) return whole;
    }
    if (*read < chunk.size()) return false;
  }
}

}  // namespace itemgate
