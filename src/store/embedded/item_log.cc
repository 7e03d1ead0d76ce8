#include "store/embedded/item_log.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/check.h"

namespace itemgate {
namespace {

constexpr std::size_t kNameDigits = 20;  // of the largest 64-bit number
constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kFrameBytesMax = std::size_t{2}
                                       << 30;  // offsets in a frame are 32-bit numbers

std::string NameOf(ItemId first) {
  const std::string digits = std::to_string(first.value);
  return std::string(kNameDigits - digits.size(), '0').append(digits).append(kSuffix);
}

std::optional<ItemId> FirstOf(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  ItemId first;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kNameDigits, first.value);
  if (error != std::errc() || end != name.data() + kNameDigits) return std::nullopt;
  return first;
}

}  // namespace

Result<std::unique_ptr<ItemLog>> ItemLog::Open(Options options) {
  if (auto made = options.files.CreateDirectories(options.directory); !made)
    return std::unexpected(made.error());
  if (auto synced = options.files.SyncDirectory(options.directory); !synced)
    return std::unexpected(synced.error());
  std::unique_ptr<ItemLog> log(new ItemLog(std::move(options)));
  if (auto opened = log->OpenSegments(); !opened) return std::unexpected(opened.error());
  return log;
}

LogSegment::Place ItemLog::PlaceOf(ItemId first) const {
  return {options_.files, options_.directory + "/" + NameOf(first), options_.store};
}

Result<void> ItemLog::OpenSegments() {
  const auto entries = options_.files.List(options_.directory);
  if (!entries) return std::unexpected(entries.error());
  std::vector<ItemId> firsts;
  for (const DirectoryEntry& entry : *entries) {
    if (const auto first = FirstOf(entry.name)) firsts.push_back(*first);
  }
  Segments segments;
  ItemId expected{1};
  for (const ItemId first : firsts) {
    if (first != expected) {
      return Fail(ErrorCode::kCorrupt, "the item log is incomplete: items from " +
                                           std::to_string(expected.value) +
                                           " on are missing before " + PlaceOf(first).path +
                                           "; restore the missing file from a copy");
    }
    const auto position =
        first == firsts.back() ? LogSegment::Position::kLast : LogSegment::Position::kEarlier;
    auto segment = LogSegment::Open(PlaceOf(first), first, position, options_.known_last);
    if (!segment) return std::unexpected(segment.error());
    expected = ItemId{(*segment)->last().value + 1};
    segments.push_back(std::move(*segment));
  }
  if (expected <= options_.known_last) {
    return Fail(ErrorCode::kCorrupt,
                "the item log is incomplete: items from " + std::to_string(expected.value) +
                    " to " + std::to_string(options_.known_last.value) + " are missing in " +
                    options_.directory + "; restore the missing file from a copy");
  }
  const MutexLock lock(mutex_);
  segments_ = std::move(segments);
  return {};
}

Result<void> ItemLog::Roll() {
  if (const auto full = LastSegment(); full != nullptr && !full->sealed()) {
    if (auto sealed = full->Seal(); !sealed) return sealed;
  }
  const ItemId first{last().value + 1};
  auto next = LogSegment::Create(PlaceOf(first), first);
  if (!next) return std::unexpected(next.error());
  if (auto synced = options_.files.SyncDirectory(options_.directory); !synced) return synced;
  const MutexLock lock(mutex_);
  segments_.push_back(std::move(*next));
  return {};
}

Result<void> ItemLog::Append(std::span<Insertion* const> items, WallTime saved_at) {
  frame_.assign(sizeof(log_format::FrameHeader), '\0');
  offsets_.clear();
  std::uint64_t content_bytes = 0;
  for (const Insertion* item : items) {
    content_bytes += item->content.size();
    offsets_.push_back(static_cast<std::uint32_t>(frame_.size()));
    log_format::AppendRecord(frame_, *item, saved_at, options_.store);
  }
  if (frame_.size() > kFrameBytesMax)
    return Fail(ErrorCode::kTooLarge,
                "a commit of more than 2 GiB; send fewer or smaller items at once");
  std::shared_ptr<LogSegment> segment = LastSegment();
  const bool full = segment == nullptr || segment->sealed() ||
                    (segment->last() >= segment->first() &&
                     segment->bytes() + frame_.size() > options_.segment_bytes);
  if (full) {
    if (auto rolled = Roll(); !rolled) return rolled;
    segment = LastSegment();
  }
  ITEMGATE_CHECK(items.front()->id.value == segment->last().value + 1);
  auto appended = segment->Append(frame_, offsets_, content_bytes);
  const MutexLock lock(mutex_);
  ++sync_count_;
  return appended;
}

void ItemLog::Close() {
  if (const auto segment = LastSegment()) segment->Close();
}

Result<void> ItemLog::Read(ItemId from, PageLimits limits_of_one_read,
                           const LogSegment::Visitor& visit) const {
  const Segments segments = CopySegments();
  const auto behind = std::ranges::upper_bound(segments, from, {}, &LogSegment::first);
  bool wanted = true;
  for (auto it = behind == segments.begin() ? behind : behind - 1; it != segments.end(); ++it) {
    const ItemId last_id = (*it)->last();
    while (wanted && from <= last_id) {
      auto read = (*it)->Read(from, limits_of_one_read, [&](const log_format::RecordView& record) {
        from = ItemId{record.id.value + 1};
        return wanted = visit(record);
      });
      if (!read) return read;
    }
  }
  return {};
}

Result<void> ItemLog::Scrub(const LogSegment::Visitor& visit) const {
  bool wanted = true;
  for (const auto& segment : CopySegments()) {
    if (!wanted) break;
    auto scrubbed = segment->Scrub(
        [&](const log_format::RecordView& record) { return wanted = visit(record); });
    if (!scrubbed) return scrubbed;
  }
  return {};
}

ItemLog::Segments ItemLog::CopySegments() const {
  const MutexLock lock(mutex_);
  return segments_;
}

std::shared_ptr<LogSegment> ItemLog::LastSegment() const {
  const MutexLock lock(mutex_);
  return segments_.empty() ? nullptr : segments_.back();
}

ItemId ItemLog::last() const {
  const auto segment = LastSegment();
  return segment == nullptr ? ItemId{} : segment->last();
}

std::uint64_t ItemLog::content_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& segment : CopySegments()) bytes += segment->content_bytes();
  return bytes;
}

std::uint64_t ItemLog::sync_count() const {
  const MutexLock lock(mutex_);
  return sync_count_;
}

}  // namespace itemgate
