#include "load/answer_scanner.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate::load {
namespace {

struct Seen final : AnswerSink {
  void BodyArrived(const Answer& /*answer*/, std::string_view piece) override { body += piece; }
  void AnswerEnded(const Answer& answer) override {
    answers.push_back(answer);
    bodies.push_back(std::exchange(body, {}));
  }

  std::string body;
  std::vector<Answer> answers;
  std::vector<std::string> bodies;
};

constexpr std::string_view kCreated =
    "HTTP/1.1 201 Created\r\nItem-Outcome: created\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\nA;name=value\r\n0123456789\r\n0\r\nA-Trailer: x\r\n\r\n";
constexpr std::string_view kClosing =
    "HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\nCONNECTION: Close\r\n\r\n";

TEST(AnswerScanner, FindsEveryAnswerOfOneRead) {
  Seen seen;
  AnswerScanner scanner(seen);
  const std::string bytes = std::string(kCreated) + std::string(kChunked) + std::string(kClosing);
  ASSERT_TRUE(scanner.Consume(bytes));
  ASSERT_EQ(seen.answers.size(), 3u);
  EXPECT_EQ(seen.answers[0].status, 201);
  EXPECT_EQ(seen.answers[0].outcome, ItemOutcome::kCreated);
  EXPECT_FALSE(seen.answers[0].closes);
  EXPECT_EQ(seen.answers[1].outcome, std::nullopt);
  EXPECT_EQ(seen.answers[2].status, 503);
  EXPECT_TRUE(seen.answers[2].closes);
  EXPECT_EQ(seen.bodies, (std::vector<std::string>{"hello", "abc0123456789", ""}));
}

TEST(AnswerScanner, PiecesOfAnySizeMakeNoDifference) {
  const std::string bytes = std::string(kCreated) + std::string(kChunked) + std::string(kClosing);
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    Seen seen;
    AnswerScanner scanner(seen);
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      ASSERT_TRUE(scanner.Consume(std::string_view(bytes).substr(at, size))) << size;
    }
    ASSERT_EQ(seen.bodies, (std::vector<std::string>{"hello", "abc0123456789", ""})) << size;
    ASSERT_EQ(seen.answers[2].status, 503);
  }
}

TEST(AnswerScanner, InterimAnswersDoNotCountAndSomeStatusesHaveNoBody) {
  Seen seen;
  AnswerScanner scanner(seen);
  ASSERT_TRUE(scanner.Consume(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"
      "HTTP/1.1 204 No Content\r\n\r\n"));
  ASSERT_EQ(seen.answers.size(), 2u);
  EXPECT_EQ(seen.answers[0].status, 304);
  EXPECT_EQ(seen.answers[1].status, 204);
}

TEST(AnswerScanner, AnAnswerOfHttp10ClosesTheConnection) {
  Seen seen;
  AnswerScanner scanner(seen);
  ASSERT_TRUE(scanner.Consume("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(seen.answers.at(0).closes);
}

TEST(AnswerScanner, RefusesWhatItCannotFollow) {
  const std::vector<std::string> wrong = {
      "SSH-2.0-OpenSSH\r\n",
      "HTTP/1.1 abc OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\n",  // no length
      "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
      "HTTP/1.1 200 OK\r\nLong: " + std::string(100'000, 'x'),
  };
  for (const std::string& bytes : wrong) {
    Seen seen;
    AnswerScanner scanner(seen);
    const auto consumed = scanner.Consume(bytes);
    ASSERT_FALSE(consumed) << bytes.substr(0, 80);
    EXPECT_EQ(consumed.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(AnswerScanner, ARestartForgetsHalfAnAnswer) {
  Seen seen;
  AnswerScanner scanner(seen);
  ASSERT_TRUE(scanner.Consume("HTTP/1.1 200 OK\r\nContent-Le"));
  scanner.Restart();
  ASSERT_TRUE(scanner.Consume(kCreated));
  EXPECT_EQ(seen.answers.at(0).status, 201);
}

}  // namespace
}  // namespace itemgate::load
