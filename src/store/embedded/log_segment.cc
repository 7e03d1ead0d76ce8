#include "store/embedded/log_segment.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "store/embedded/frame_reader.h"

namespace itemgate {

using log_format::FrameHeader;
using log_format::kAlignment;
using log_format::ParseRecord;
using log_format::SegmentHeader;
using log_format::SegmentTrailer;

namespace {

// A sync of a file that grows costs about twice that of one that does not, since it also commits the new length. So a
// small commit that must grow the file grows it by this much; a large one is dominated by its data either way.
constexpr std::size_t kWrittenAheadBytes = 1 << 20;
constexpr std::size_t kSmallFrameBytes = kWrittenAheadBytes / 4;

// At most this many records are read at a time.
constexpr std::uint64_t kRecordsAtOnce = 4096;

template <typename Header>
std::string_view BytesOf(const Header& header) {
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

}  // namespace

LogSegment::LogSegment(Place place, std::unique_ptr<File> file, ItemId first)
    : place_(std::move(place)), file_(std::move(file)), first_(first) {}

std::unexpected<Error> LogSegment::Corrupt(std::uint64_t offset, std::string_view what) const {
  return Fail(ErrorCode::kCorrupt, "the item log is damaged: " + std::string(what) + " (" +
                                       place_.path + ", byte " + std::to_string(offset) +
                                       "); restore this file from a copy");
}

Result<std::unique_ptr<LogSegment>> LogSegment::Create(Place place, ItemId first) {
  // What is there already is what a crash or a full disk left of an earlier try; it never held an item.
  if (auto removed = place.files.Remove(place.path);
      !removed && removed.error().code != ErrorCode::kNotFound)
    return std::unexpected(removed.error());
  auto file = place.files.Open(place.path, OpenMode::kCreate);
  if (!file) return std::unexpected(file.error());
  const SegmentHeader header = log_format::MakeSegmentHeader(place.store, first);
  if (auto written = (*file)->WriteAt(0, BytesOf(header)); !written)
    return std::unexpected(written.error());
  if (auto synced = (*file)->Sync(); !synced) return std::unexpected(synced.error());
  std::unique_ptr<LogSegment> segment(new LogSegment(std::move(place), std::move(*file), first));
  segment->written_end_ = sizeof header;
  return segment;
}

Result<std::unique_ptr<LogSegment>> LogSegment::Open(Place place, ItemId first, Position position,
                                                     ItemId known_last) {
  auto file = place.files.Open(place.path, OpenMode::kReadWrite);
  if (!file) return std::unexpected(file.error());
  std::unique_ptr<LogSegment> segment(new LogSegment(std::move(place), std::move(*file), first));
  const Result<std::uint64_t> size = segment->file_->Size();
  if (!size) return std::unexpected(size.error());
  segment->written_end_ = *size;

  const Result<bool> header = segment->CheckHeader();
  if (!header) return std::unexpected(header.error());
  const Result<bool> sealed = segment->ReadTrailer(position);
  if (!sealed) return std::unexpected(sealed.error());
  if (position == Position::kEarlier) {
    if (*header && *sealed) return segment;
    return segment->Corrupt(*size, "it is not sealed");
  }
  if (!*header && first <= known_last) return segment->Corrupt(0, "its header is missing");
  if (!*header) return Create(segment->place_, first);
  if (!*sealed) {
    if (auto recovered = segment->RecoverFrames(known_last); !recovered)
      return std::unexpected(recovered.error());
  }
  // What a process wrote that was killed before it synced may be in memory only; from here on it counts as saved.
  if (auto synced = segment->file_->Sync(); !synced) return std::unexpected(synced.error());
  return segment;
}

Result<bool> LogSegment::CheckHeader() const {
  const std::uint64_t size = std::min(written_end_, sizeof(SegmentHeader));
  const Result<std::string> head = ReadBytes(0, size);
  if (!head) return std::unexpected(head.error());
  const auto header = log_format::ParseSegmentHeader(*head, place_.store);
  if (header && header->first_id == first_.value) return true;

  // The header is synced before anything else is written: a file that never got it never held an item.
  const bool empty = std::ranges::all_of(*head, [](char c) { return c == 0; });
  if (size < sizeof(SegmentHeader) || empty) {
    FrameReader reader(*file_, place_.store, ItemId{first_.value - 1});
    const Result<bool> any_frame = reader.AnyFrameBehind();
    if (!any_frame || !*any_frame) return any_frame;
  }
  return Corrupt(0, "not a segment of this store, or its header was overwritten");
}

Result<bool> LogSegment::ReadTrailer(Position position) {
  const std::uint64_t size = std::min(written_end_, sizeof(SegmentTrailer));
  const Result<std::string> tail = ReadBytes(written_end_ - size, size);
  if (!tail) return std::unexpected(tail.error());
  const auto trailer = log_format::ParseTrailer(*tail, place_.store);
  if (!trailer || trailer->first_id != first_.value) return false;
  if (position == Position::kLast) {  // power may have failed while it was sealed
    const std::uint64_t table_bytes = trailer->count * sizeof(std::uint32_t);
    if (trailer->frames_end + table_bytes + sizeof *trailer != written_end_) return false;
    const Result<std::string> table = ReadBytes(trailer->frames_end, table_bytes);
    if (!table) return std::unexpected(table.error());
    if (!log_format::TableIsIntact(*trailer, *table)) return false;
  }
  const WriterLock lock(mutex_);
  sealed_ = true;
  count_ = trailer->count;
  frames_end_ = trailer->frames_end;
  content_bytes_ = trailer->content_bytes;
  return true;
}

Result<void> LogSegment::RecoverFrames(ItemId known_last) {
  std::vector<std::uint32_t> found;
  std::uint64_t content_bytes = 0;
  FrameReader reader(*file_, place_.store, first_);
  for (;;) {
    const Result<bool> whole = reader.Next([&](const auto& record, std::uint64_t offset) {
      found.push_back(static_cast<std::uint32_t>(offset / kAlignment));
      content_bytes += record.content.size();
    });
    if (!whole) return std::unexpected(whole.error());
    if (!*whole) break;
  }
  // A commit is written only after the one before it is on the disk. So what a crash tore is the last frame, which
  // nobody was told of; a whole frame behind a damaged place means that acknowledged items were damaged.
  const Result<bool> more = reader.AnyFrameBehind();
  if (!more) return std::unexpected(more.error());
  if (*more || reader.next_id() <= known_last) {
    return Corrupt(reader.offset(), "items from " + std::to_string(reader.next_id().value) +
                                        " on cannot be read, though they were saved");
  }
  {
    const WriterLock lock(mutex_);
    count_ = found.size();
    frames_end_ = reader.offset();
    content_bytes_ = content_bytes;
    offsets_ = std::move(found);
  }
  if (written_end_ == reader.offset()) return {};
  written_end_ = reader.offset();
  return file_->Truncate(reader.offset());
}

Result<void> LogSegment::Append(std::string& frame, std::span<const std::uint32_t> offsets,
                                std::uint64_t content_bytes) {
  ITEMGATE_CHECK(!offsets.empty());
  const std::uint64_t start = bytes();
  const std::uint64_t end = start + frame.size();
  const FrameHeader header = log_format::MakeFrameHeader(
      place_.store, ItemId{last().value + 1}, static_cast<std::uint32_t>(offsets.size()),
      std::string_view(frame).substr(sizeof(FrameHeader)));
  std::memcpy(frame.data(), &header, sizeof header);

  const std::size_t frame_bytes = frame.size();
  if (end > written_end_ && frame_bytes <= kSmallFrameBytes) frame.append(kWrittenAheadBytes, '\0');
  auto written = file_->WriteAt(start, frame);
  if (!written && frame.size() > frame_bytes) {  // perhaps there is room for the frame alone
    frame.resize(frame_bytes);
    written = file_->WriteAt(start, frame);
  }
  if (!written) {
    // None of it may be taken for a commit later on.
    written_end_ = start;
    if (file_->Truncate(start) && file_->Sync()) return written;
    return Fail(ErrorCode::kUnknown, written.error().message, written.error().where);
  }
  written_end_ = std::max(written_end_, start + frame.size());
  if (auto synced = file_->Sync(); !synced)
    return Fail(ErrorCode::kUnknown, synced.error().message, synced.error().where);

  const WriterLock lock(mutex_);
  for (const std::uint32_t offset : offsets)
    offsets_.push_back(static_cast<std::uint32_t>((start + offset) / kAlignment));
  count_ += offsets.size();
  frames_end_ = end;
  content_bytes_ += content_bytes;
  return {};
}

Result<void> LogSegment::Seal() {
  const std::uint64_t frames_end = bytes();
  std::string table;
  {
    const ReaderLock lock(mutex_);
    table.assign(reinterpret_cast<const char*>(offsets_.data()),
                 offsets_.size() * sizeof(std::uint32_t));
  }
  const std::string seal =
      log_format::MakeSeal(place_.store, first_, frames_end, content_bytes(), table);
  if (auto written = file_->WriteAt(frames_end, seal); !written) return written;
  written_end_ = frames_end + seal.size();
  auto sealed = file_->Truncate(written_end_);
  if (sealed) sealed = file_->Sync();
  // Even a full disk counts as a broken one here: nobody knows whether the seal is on it.
  if (!sealed) return Fail(ErrorCode::kIo, sealed.error().message, sealed.error().where);

  const WriterLock lock(mutex_);
  sealed_ = true;
  offsets_ = {};
  return {};
}

void LogSegment::Close() {
  if (sealed() || written_end_ == bytes()) return;
  // Only saves work at the next start: a failure leaves the space written beforehand in place.
  if (file_->Truncate(bytes())) static_cast<void>(file_->Sync());
}

ItemId LogSegment::last() const {
  const ReaderLock lock(mutex_);
  return ItemId{first_.value + count_ - 1};
}

std::uint64_t LogSegment::bytes() const {
  const ReaderLock lock(mutex_);
  return frames_end_;
}

std::uint64_t LogSegment::content_bytes() const {
  const ReaderLock lock(mutex_);
  return content_bytes_;
}

bool LogSegment::sealed() const {
  const ReaderLock lock(mutex_);
  return sealed_;
}

Result<std::string> LogSegment::ReadBytes(std::uint64_t offset, std::uint64_t size) const {
  std::string bytes(size, '\0');
  const Result<std::size_t> read = file_->ReadAt(offset, bytes);
  if (!read) return std::unexpected(read.error());
  if (*read != size) return Corrupt(offset + *read, "the file ends too early");
  return bytes;
}

Result<std::vector<std::uint64_t>> LogSegment::Offsets(ItemId from, PageLimits limits) const {
  const std::uint64_t index = from.value - first_.value;
  std::vector<std::uint32_t>
      units;              // one more than the records, so that the last one's end is known
  std::uint64_t end = 0;  // of the last record, if the segment ends with it
  bool sealed = false;
  {
    const ReaderLock lock(mutex_);
    ITEMGATE_CHECK(index < count_);
    const std::uint64_t records_max =
        std::clamp<std::uint64_t>(limits.items_max, 1, kRecordsAtOnce);
    units.resize(std::min(count_ - index, records_max + 1));
    sealed = sealed_;
    if (!sealed) std::copy_n(&offsets_[index], units.size(), units.data());
    if (index + units.size() == count_) end = frames_end_;
  }
  if (sealed) {
    const std::uint64_t size = units.size() * sizeof(std::uint32_t);
    const auto table = ReadBytes(bytes() + index * sizeof(std::uint32_t), size);
    if (!table) return std::unexpected(table.error());
    std::memcpy(units.data(), table->data(), size);
  }
  std::vector<std::uint64_t> offsets;
  for (const std::uint32_t unit : units) offsets.push_back(unit * kAlignment);
  if (end != 0) offsets.push_back(end);
  if (!std::ranges::is_sorted(offsets)) return Corrupt(bytes(), "its offset table is damaged");

  while (offsets.size() > 2 && offsets.back() - offsets.front() > limits.content_bytes_max)
    offsets.pop_back();
  return offsets;
}

Result<void> LogSegment::Read(ItemId from, PageLimits limits, const Visitor& visit) const {
  const auto offsets = Offsets(from, limits);
  if (!offsets) return std::unexpected(offsets.error());
  const std::uint64_t start = offsets->front();
  const Result<std::string> bytes = ReadBytes(start, offsets->back() - start);
  if (!bytes) return std::unexpected(bytes.error());
  for (std::size_t i = 0; i + 1 < offsets->size(); ++i) {
    const std::string_view at = std::string_view(*bytes).substr((*offsets)[i] - start);
    const auto record = ParseRecord(at, place_.store);
    const std::uint64_t id = from.value + i;
    if (!record && record.error().code != ErrorCode::kCorrupt)
      return std::unexpected(record.error());
    if (!record || record->id.value != id)
      return Corrupt((*offsets)[i], "item " + std::to_string(id) + " cannot be read");
    if (!visit(*record)) return {};
  }
  return {};
}

Result<void> LogSegment::Scrub(const Visitor& visit) const {
  FrameReader reader(*file_, place_.store, first_);
  std::string table;
  std::uint64_t content_bytes = 0;
  bool wanted = true;
  const bool complete = sealed();  // asked first: what is appended from here on is not looked at
  const ItemId last_id = last();
  while (wanted && reader.next_id() <= last_id) {
    const Result<bool> whole = reader.Next([&](const auto& record, std::uint64_t offset) {
      const auto unit = static_cast<std::uint32_t>(offset / kAlignment);
      table.append(reinterpret_cast<const char*>(&unit), sizeof unit);
      content_bytes += record.content.size();
      wanted = wanted && visit(record);
    });
    if (!whole) return std::unexpected(whole.error());
    if (!*whole)
      return Corrupt(reader.offset(),
                     "item " + std::to_string(reader.next_id().value) + " cannot be read");
  }
  if (!wanted || !complete) return {};
  const Result<std::string> seal = ReadBytes(bytes(), table.size() + sizeof(SegmentTrailer));
  if (!seal) return std::unexpected(seal.error());
  const auto trailer = log_format::ParseTrailer(*seal, place_.store);
  if (!trailer || !log_format::TableIsIntact(*trailer, table) || !seal->starts_with(table))
    return Corrupt(bytes(), "its offset table is damaged");
  if (trailer->content_bytes != content_bytes)
    return Corrupt(bytes(), "its trailer counts other contents");
  return {};
}

}  // namespace itemgate
