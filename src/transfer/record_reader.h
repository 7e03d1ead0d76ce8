#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transfer/byte_stream.h"

namespace itemgate {

/// What of a stream is one record.
enum class RecordSplit {
  kLines,  // each line; its line end is not part of it
  kParagraphs,  // lines up to the next empty line; line ends between them are part of it, the last one is not
  kWhole,  // the whole stream
};

/// Lines end with LF or CR LF. kKeepCarriageReturn: with LF only, so that a CR in front of it belongs to the line.
enum class LineEnds { kDropCarriageReturn, kKeepCarriageReturn };

struct RecordOptions {
  RecordSplit split = RecordSplit::kLines;
  LineEnds line_ends = LineEnds::kDropCarriageReturn;
  std::size_t record_bytes_max = 16 << 20;
};

struct Record {
  enum class Kind {
    kComplete,
    kEmpty,     // an empty line, or an empty stream taken whole; never between paragraphs
    kTooLarge,  // longer than record_bytes_max; passed over, and content is empty
  };

  Kind kind = Kind::kComplete;
  std::string_view content;  // valid until the next call
  std::uint64_t line = 1;    // on which it begins, counted from 1
};

/// Takes a stream apart into records. Every other byte is kept as it is, NUL included; a last line without a line end
/// is a line. One thread at a time. Memory: record_bytes_max and one buffer more.
class RecordReader {
 public:
  /// `source` must outlive the reader.
  RecordReader(ByteSource& source, const RecordOptions& options);

  /// The next record, or nothing at the end. An error of the source ends the stream and drops the unfinished record.
  [[nodiscard]] Result<std::optional<Record>> Next();

 private:
  using Found = Result<std::optional<Record>>;

  enum class Fit {
    kLine,     // lies in the buffer
    kEnd,      // there is none
    kTooLong,  // its end is not in sight, and the record is too large already
  };
  struct Line {
    Fit fit = Fit::kEnd;
    std::size_t content_bytes = 0;
    std::size_t bytes = 0;  // with its line end
  };
  /// A record as it lies at the front of what is unread.
  struct Extent {
    std::size_t content_bytes = 0;
    std::size_t bytes = 0;  // with what ends it
    std::uint64_t lines = 0;
  };
  enum class Skipped { kEmptyLine, kLine, kEnd };

  [[nodiscard]] Found NextLine();
  [[nodiscard]] Found NextParagraph();
  [[nodiscard]] Found NextWhole();
  [[nodiscard]] Found PassOver(Extent known);
  [[nodiscard]] Result<Line> FindLine(std::size_t offset);
  [[nodiscard]] Result<Skipped> SkipLine();
  [[nodiscard]] Result<void> Fill();
  [[nodiscard]] std::size_t LineContentBytes(std::string_view line_with_end) const;
  [[nodiscard]] std::string_view Unread() const;
  Record Take(Extent extent);

  ByteSource& source_;
  const RecordOptions options_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is unread
  std::size_t end_ = 0;
  bool at_end_ = false;
  std::uint64_t line_ = 1;  // of begin_
};

}  // namespace itemgate
