#include "transfer/record_reader.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace itemgate {
namespace {

constexpr std::size_t kChunkBytes = 256 << 10;

}  // namespace

RecordReader::RecordReader(ByteSource& source, const RecordOptions& options)
    : source_(source), options_(options) {}

Result<std::optional<Record>> RecordReader::Next() {
  switch (options_.split) {
    case RecordSplit::kLines:
      return NextLine();
    case RecordSplit::kParagraphs:
      return NextParagraph();
    case RecordSplit::kWhole:
      break;
  }
  return NextWhole();
}

RecordReader::Found RecordReader::NextLine() {
  const auto line = FindLine(0);
  if (!line) return std::unexpected(line.error());
  if (line->fit == Fit::kEnd) return std::nullopt;
  if (line->fit == Fit::kTooLong) return PassOver({});
  return Take({.content_bytes = line->content_bytes, .bytes = line->bytes, .lines = 1});
}

RecordReader::Found RecordReader::NextParagraph() {
  Extent extent;
  while (true) {
    const auto line = FindLine(extent.bytes);
    if (!line) return std::unexpected(line.error());
    if (line->fit == Fit::kTooLong) return PassOver(extent);
    if (line->fit == Fit::kEnd) break;
    const bool is_first = extent.lines == 0;
    const bool is_empty = line->content_bytes == 0;
    if (!is_empty) extent.content_bytes = extent.bytes + line->content_bytes;
    extent.bytes += line->bytes;
    ++extent.lines;
    if (is_empty && !is_first) break;
    if (is_empty) {
      Take(extent);
      extent = {};
    }
    if (extent.content_bytes > options_.record_bytes_max) return PassOver(extent);
  }
  if (extent.lines == 0) return std::nullopt;
  return Take(extent);
}

RecordReader::Found RecordReader::NextWhole() {
  if (at_end_) return std::nullopt;
  while (!at_end_ && Unread().size() <= options_.record_bytes_max)
    if (const auto filled = Fill(); !filled) return std::unexpected(filled.error());
  at_end_ = true;  // what is beyond the limit is not looked at
  return Take({.content_bytes = Unread().size(), .bytes = Unread().size()});
}

/// Takes the `known` start of a too large record and all that follows up to its end.
RecordReader::Found RecordReader::PassOver(Extent known) {
  const std::uint64_t first_line = line_;
  Take(known);
  while (true) {
    const auto skipped = SkipLine();
    if (!skipped) return std::unexpected(skipped.error());
    if (*skipped == Skipped::kEnd) break;
    if (*skipped == Skipped::kEmptyLine || options_.split == RecordSplit::kLines) break;
  }
  return Record{.kind = Record::Kind::kTooLarge, .content = {}, .line = first_line};
}

/// The line that begins `offset` bytes into what is unread.
Result<RecordReader::Line> RecordReader::FindLine(std::size_t offset) {
  std::size_t looked_at = 0;
  while (true) {
    const std::string_view rest = Unread().substr(offset);
    const std::size_t line_feed = rest.find('\n', looked_at);
    if (at_end_ && rest.empty()) return Line{};
    if (at_end_ || line_feed != std::string_view::npos) {
      const std::string_view line = rest.substr(0, std::min(line_feed, rest.size() - 1) + 1);
      return Line{Fit::kLine, LineContentBytes(line), line.size()};
    }
    looked_at = rest.size();
    const std::size_t carriage_return =
        1;  // the last byte may be one, in front of a line feed to come
    if (offset + looked_at > options_.record_bytes_max + carriage_return)
      return Line{.fit = Fit::kTooLong};
    if (const auto filled = Fill(); !filled) return std::unexpected(filled.error());
  }
}

/// Takes one line, however long, without keeping it.
Result<RecordReader::Skipped> RecordReader::SkipLine() {
  std::size_t skipped = 0;
  while (true) {
    const std::string_view rest = Unread();
    const std::size_t line_feed = rest.find('\n');
    if (line_feed != std::string_view::npos) {
      const bool is_empty = skipped == 0 && LineContentBytes(rest.substr(0, line_feed + 1)) == 0;
      Take({.bytes = line_feed + 1, .lines = 1});
      return is_empty ? Skipped::kEmptyLine : Skipped::kLine;
    }
    if (at_end_) {
      Take({.bytes = rest.size()});
      return Skipped::kEnd;
    }
    const std::size_t kept = rest.ends_with('\r') ? 1 : 0;
    skipped += rest.size() - kept;
    Take({.bytes = rest.size() - kept});
    if (const auto filled = Fill(); !filled) return std::unexpected(filled.error());
  }
}

Result<void> RecordReader::Fill() {
  if (end_ == buffer_.size()) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    const std::size_t room_max = options_.record_bytes_max + kChunkBytes;
    if (buffer_.size() - end_ < kChunkBytes / 2)
      buffer_.resize(std::min(std::max(buffer_.size() * 2, kChunkBytes), room_max));
  }
  ITEMGATE_CHECK(end_ < buffer_.size());
  const auto read = source_.Read(std::span(buffer_).subspan(end_));
  if (!read) {
    at_end_ = true;
    begin_ = end_;
    return std::unexpected(read.error());
  }
  at_end_ = *read == 0;
  end_ += *read;
  return {};
}

/// Without the line end.
std::size_t RecordReader::LineContentBytes(std::string_view line_with_end) const {
  if (!line_with_end.ends_with('\n')) return line_with_end.size();
  line_with_end.remove_suffix(1);
  const bool drop = options_.line_ends == LineEnds::kDropCarriageReturn;
  return line_with_end.size() - (drop && line_with_end.ends_with('\r') ? 1 : 0);
}

std::string_view RecordReader::Unread() const { return {buffer_.data() + begin_, end_ - begin_}; }

Record RecordReader::Take(Extent extent) {
  Record record{.kind = Record::Kind::kComplete,
                .content = Unread().substr(0, extent.content_bytes),
                .line = line_};
  if (extent.content_bytes == 0) record.kind = Record::Kind::kEmpty;
  if (extent.content_bytes > options_.record_bytes_max) {
    record.kind = Record::Kind::kTooLarge;
    record.content = {};
  }
  begin_ += extent.bytes;
  line_ += extent.lines;
  return record;
}

}  // namespace itemgate
