#include "client/batch.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace itemgate::client {
namespace {

using namespace std::string_view_literals;

std::string Record(std::uint8_t outcome, std::uint8_t flags, std::uint16_t status,
                   std::uint64_t id) {
  std::string record(12, '\0');
  record[0] = static_cast<char>(outcome);
  record[1] = static_cast<char>(flags);
  StoreLittle(record.data() + 2, status);
  StoreLittle(record.data() + 4, id);
  return record;
}

struct Taken {
  std::vector<BatchLine> lines;
  bool is_complete = false;
  std::optional<Error> error;
};

/// Fed in pieces of that size.
Taken TakeApart(BatchAnswer::Framing framing, std::string_view body, std::size_t piece) {
  Taken taken;
  BatchAnswer answer(framing, [&](BatchLine line) { taken.lines.push_back(std::move(line)); });
  for (std::size_t at = 0; at < body.size(); at += piece) answer.Feed(body.substr(at, piece));
  taken.is_complete = answer.is_complete();
  taken.error = answer.error();
  return taken;
}

TEST(Batch, WritesContentsInBothFramings) {
  std::string framed;
  AppendFramed(framed, "abc");
  AppendFramed(framed, "");
  EXPECT_EQ(framed, "\3\0\0\0abc\0\0\0\0"sv);
  std::string lines;
  AppendJsonLine(lines, "a\"\n", "");
  AppendJsonLine(lines, "\xFF", "text/\"plain\"");
  EXPECT_EQ(lines,
            "{\"content\":\"a\\\"\\n\"}\n"
            "{\"contentBase64\":\"/w==\",\"mediaType\":\"text/\\\"plain\\\"\"}\n");
}

TEST(Batch, ALineIsAtMostAThirdLongerThanItsContent) {
  std::string lines;
  AppendJsonLine(lines, std::string(12, '\x01'), "");
  EXPECT_EQ(lines, "{\"contentBase64\":\"AQEBAQEBAQEBAQEB\"}\n");
}

TEST(BatchAnswer, TakesRecordsApartWhateverThePieces) {
  const std::string body = Record(0, 0, 201, 1u << 20) + Record(1, 1, 200, 7) +
                           Record(4, 0, 400, 0) + Record(255, 0, 0, 3);
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    const Taken taken = TakeApart(BatchAnswer::Framing::kFramed, body, piece);
    ASSERT_EQ(taken.lines.size(), 3u);
    EXPECT_TRUE(taken.is_complete);
    EXPECT_EQ(taken.lines[0].result.outcome, Outcome::kCreated);
    EXPECT_EQ(taken.lines[0].result.id.value, 1u << 20);
    EXPECT_EQ(taken.lines[1].index, 1u);
    EXPECT_TRUE(taken.lines[1].result.joined);
    EXPECT_EQ(taken.lines[2].status, 400);
    EXPECT_EQ(taken.lines[2].result.outcome, Outcome::kRejected);
  }
}

TEST(BatchAnswer, TakesLinesApartWhateverThePieces) {
  const std::string body =
      R"({"index":0,"status":201,"outcome":"created","id":17}
{"index":1,"status":200,"outcome":"joined","id":5}
{"index":2,"status":202,"outcome":"in-progress","operation":"x"}
{"index":3,"status":400,"outcome":"rejected","problem":{"code":"empty-content","detail":"empty"}}
{"index":4,"status":503,"outcome":"unavailable","problem":{"code":"overloaded","detail":"later"}}
{"done":true,"created":1}
)";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, body.size()}) {
    const Taken taken = TakeApart(BatchAnswer::Framing::kLines, body, piece);
    ASSERT_EQ(taken.lines.size(), 5u);
    EXPECT_TRUE(taken.is_complete);
    EXPECT_EQ(taken.lines[0].result.outcome, Outcome::kCreated);
    EXPECT_EQ(taken.lines[0].result.id, ItemId{17});
    EXPECT_EQ(taken.lines[1].result.outcome, Outcome::kDuplicate);
    EXPECT_TRUE(taken.lines[1].result.joined);
    EXPECT_EQ(taken.lines[2].result.outcome, Outcome::kInProgress);
    EXPECT_EQ(taken.lines[3].result.error->code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(taken.lines[3].result.error->message, "empty");
    EXPECT_EQ(taken.lines[4].result.outcome, Outcome::kUnavailable);
    EXPECT_EQ(taken.lines[4].status, 503);
  }
}

TEST(BatchAnswer, TellsWhatIsIncompleteOrNotUnderstood) {
  EXPECT_FALSE(TakeApart(BatchAnswer::Framing::kFramed, Record(0, 0, 201, 1), 5).is_complete);
  EXPECT_FALSE(TakeApart(BatchAnswer::Framing::kLines, "{\"done\":true}", 5).is_complete);
  EXPECT_TRUE(TakeApart(BatchAnswer::Framing::kFramed, Record(9, 0, 201, 1), 12).error);
  for (const char* line : {"nonsense\n", "[]\n", "{}\n", "{\"outcome\":\"created\"}\n",
                           "{\"outcome\":\"rejected\"}\n", "{\"outcome\":\"x\",\"id\":1}\n"})
    EXPECT_TRUE(TakeApart(BatchAnswer::Framing::kLines, line, 99).error) << line;
}

}  // namespace
}  // namespace itemgate::client
