#include "load/batch_answer.h"

#include <gtest/gtest.h>

namespace itemgate::load {
namespace {

constexpr std::string_view kLines =
    R"({"index":0,"status":201,"outcome":"created","id":17})"
    "\n"
    R"({"index":1,"status":200,"outcome":"duplicate","id":17})"
    "\n"
    R"({"index":2,"status":200,"outcome":"joined","id":17})"
    "\n"
    R"({"index":3,"status":202,"outcome":"in_progress"})"
    "\n"
    R"({"index":4,"status":400,"outcome":"rejected","problem":{"code":"invalid_json"}})"
    "\n"
    R"({"done":true,"created":1,"duplicate":1,"joined":1,"in_progress":1,"failed":1})"
    "\n";

std::string Record(std::uint8_t outcome, std::uint8_t flags, char status_low = 0) {
  std::string record(12, '\0');
  record[0] = static_cast<char>(outcome);
  record[1] = static_cast<char>(flags);
  record[2] = status_low;
  return record;
}

void ExpectOneOfEach(const BatchAnswer& answer) {
  EXPECT_TRUE(answer.complete());
  for (std::size_t i = 0; i < kItemOutcomeCount; ++i) {
    EXPECT_EQ(answer.outcomes().counts[i], 1u) << i;
  }
  EXPECT_EQ(answer.outcomes().Saved(), 3u);
}

TEST(BatchAnswer, CountsLinesHoweverTheyCome) {
  for (std::size_t size = 1; size <= kLines.size(); ++size) {
    BatchAnswer answer(BatchFraming::kNdjson);
    for (std::size_t at = 0; at < kLines.size(); at += size)
      answer.Consume(kLines.substr(at, size));
    ExpectOneOfEach(answer);
    EXPECT_TRUE(answer.complaint().contains("invalid_json"));
  }
}

TEST(BatchAnswer, CountsRecordsHoweverTheyCome) {
  const std::string records = Record(0, 0) + Record(1, 0) + Record(1, 1) + Record(2, 0) +
                              Record(4, 0, 100) + Record(255, 0);
  for (std::size_t size = 1; size <= records.size(); ++size) {
    BatchAnswer answer(BatchFraming::kBinary);
    for (std::size_t at = 0; at < records.size(); at += size) {
      answer.Consume(std::string_view(records).substr(at, size));
    }
    ExpectOneOfEach(answer);
    EXPECT_EQ(answer.complaint(), "an item with status 100");
  }
}

TEST(BatchAnswer, AnAnswerWithoutItsLastLineIsIncomplete) {
  BatchAnswer answer(BatchFraming::kNdjson);
  answer.Consume(kLines.substr(0, kLines.find("{\"done\"")));
  EXPECT_FALSE(answer.complete());
  EXPECT_EQ(answer.outcomes().Total(), 5u);
}

TEST(BatchAnswer, ALineThatIsNoResultIsShown) {
  BatchAnswer answer(BatchFraming::kNdjson);
  answer.Consume("<html>\n");
  EXPECT_EQ(answer.complaint(), "<html>");
  EXPECT_EQ(answer.outcomes().Total(), 0u);
}

TEST(BatchAnswer, ARestartForgetsEverything) {
  BatchAnswer answer(BatchFraming::kNdjson);
  answer.Consume(kLines);
  answer.Consume("{\"half");
  answer.Restart();
  answer.Consume(kLines);
  ExpectOneOfEach(answer);
}

}  // namespace
}  // namespace itemgate::load
