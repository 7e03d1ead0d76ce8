#include "transfer/record_reader.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate {
namespace {

using namespace std::string_view_literals;

/// Gives its bytes in pieces of one size; after them the end, or an error.
class PieceSource final : public ByteSource {
 public:
  PieceSource(std::string_view bytes, std::size_t piece_bytes)
      : bytes_(bytes), piece_bytes_(piece_bytes) {}

  Result<std::size_t> Read(std::span<char> buffer) override {
    if (fails_at_end_ && bytes_.empty()) return Fail(ErrorCode::kIo, "broken");
    const std::string_view piece = bytes_.substr(0, std::min(piece_bytes_, buffer.size()));
    std::ranges::copy(piece, buffer.begin());
    bytes_.remove_prefix(piece.size());
    return piece.size();
  }
  [[nodiscard]] std::uint64_t BytesUsed() const override { return 0; }

  void FailAtEnd() { fails_at_end_ = true; }

 private:
  std::string_view bytes_;
  std::size_t piece_bytes_;
  bool fails_at_end_ = false;
};

/// "line:content", or what it is instead of a content.
std::string Describe(const Record& record) {
  const std::string line = std::to_string(record.line) + ":";
  if (record.kind == Record::Kind::kEmpty) return line + "<empty>";
  if (record.kind == Record::Kind::kTooLarge) return line + "<too large>";
  return line + std::string(record.content);
}

using Described = std::vector<std::string>;

Described ReadAll(std::string_view text, const RecordOptions& options, std::size_t piece_bytes) {
  PieceSource source(text, piece_bytes);
  RecordReader reader(source, options);
  Described records;
  while (true) {
    const auto record = reader.Next();
    if (!record) return {"error: " + record.error().message};
    if (!*record) return records;
    records.push_back(Describe(**record));
  }
}

/// Expects the same records wherever the text is cut into pieces.
void ExpectRecords(std::string_view text, const RecordOptions& options, const Described& expected) {
  for (std::size_t piece = 1; piece <= text.size() + 1; ++piece)
    EXPECT_EQ(ReadAll(text, options, piece), expected) << "in pieces of " << piece;
}

TEST(RecordReader, TakesEachLineWithoutItsEnd) {
  ExpectRecords("a\nbc\n\nd\n", {}, {"1:a", "2:bc", "3:<empty>", "4:d"});
}

TEST(RecordReader, TakesALastLineWithoutAnEnd) {
  ExpectRecords("a\nb", {}, {"1:a", "2:b"});
  ExpectRecords("a\nb\r", {}, {"1:a", "2:b\r"});
}

TEST(RecordReader, FindsNothingInAnEmptyStream) {
  ExpectRecords("", {}, {});
  ExpectRecords("", {.split = RecordSplit::kParagraphs}, {});
  ExpectRecords("", {.split = RecordSplit::kWhole}, {"1:<empty>"});
}

TEST(RecordReader, DropsTheCarriageReturnOfALineEndOnly) {
  ExpectRecords("a\r\nb\rc\r\r\n\r\n", {}, {"1:a", "2:b\rc\r", "3:<empty>"});
}

TEST(RecordReader, KeepsTheCarriageReturnIfAsked) {
  ExpectRecords("a\r\n\r\nb\n", {.line_ends = LineEnds::kKeepCarriageReturn},
                {"1:a\r", "2:\r", "3:b"});
}

TEST(RecordReader, KeepsNulAndEveryOtherByte) {
  const auto text = "\0a\0\n\xFF\xFE\n"sv;
  ExpectRecords(text, {}, {"1:" + std::string("\0a\0"sv), "2:\xFF\xFE"});
}

TEST(RecordReader, SplitsParagraphsAtEmptyLines) {
  ExpectRecords("\n\na: 1\nb: 2\n\n\n\nc\n\n", {.split = RecordSplit::kParagraphs},
                {"3:a: 1\nb: 2", "8:c"});
  ExpectRecords("a\n\nb", {.split = RecordSplit::kParagraphs}, {"1:a", "3:b"});
}

TEST(RecordReader, SplitsParagraphsWithCarriageReturns) {
  ExpectRecords("a\r\nb\r\n\r\nc\r\n", {.split = RecordSplit::kParagraphs}, {"1:a\r\nb", "4:c"});
  ExpectRecords("a\r\n\r\nb\r\n",
                {.split = RecordSplit::kParagraphs, .line_ends = LineEnds::kKeepCarriageReturn},
                {"1:a\r\n\r\nb\r"});
}

TEST(RecordReader, TakesTheWholeStream) {
  ExpectRecords("a\n\nb\r\n", {.split = RecordSplit::kWhole}, {"1:a\n\nb\r\n"});
}

TEST(RecordReader, PassesOverLinesBeyondTheLimit) {
  const RecordOptions options{.record_bytes_max = 3};
  ExpectRecords("abc\nabcd\nabc\r\nabcd\r\nabcdefghij\nx\n", options,
                {"1:abc", "2:<too large>", "3:abc", "4:<too large>", "5:<too large>", "6:x"});
  ExpectRecords("x\nabcd", options, {"1:x", "2:<too large>"});
}

TEST(RecordReader, PassesOverParagraphsBeyondTheLimit) {
  const RecordOptions options{.split = RecordSplit::kParagraphs, .record_bytes_max = 5};
  ExpectRecords("ab\ncd\n\nab\ncde\nf\n\nx\n", options, {"1:ab\ncd", "4:<too large>", "8:x"});
  ExpectRecords("a\nb\nc\nd\n\r\nx\n", options, {"1:<too large>", "6:x"});
  ExpectRecords("abcdefghijkl\r\n\r\nx", options, {"1:<too large>", "3:x"});
}

TEST(RecordReader, PassesOverAStreamBeyondTheLimit) {
  const RecordOptions options{.split = RecordSplit::kWhole, .record_bytes_max = 5};
  ExpectRecords("abcde", options, {"1:abcde"});
  ExpectRecords("abcdef", options, {"1:<too large>"});
}

TEST(RecordReader, ReadsRecordsLongerThanItsBuffer) {
  const std::string one(700'000, 'a');
  const std::string two(300'000, 'b');
  EXPECT_EQ(ReadAll(one + "\n" + two + "\nc\n", {}, 100'000),
            (Described{"1:" + one, "2:" + two, "3:c"}));
}

TEST(RecordReader, GivesAllCompleteRecordsInFrontOfAnError) {
  PieceSource source("a\nb\nunfinished", 4);
  source.FailAtEnd();
  RecordReader reader(source, {});
  EXPECT_EQ(reader.Next().value()->content, "a");
  EXPECT_EQ(reader.Next().value()->content, "b");
  EXPECT_EQ(reader.Next().error().message, "broken");
  EXPECT_FALSE(reader.Next().value().has_value());
}

}  // namespace
}  // namespace itemgate
