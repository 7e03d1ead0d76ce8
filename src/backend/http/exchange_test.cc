#include "backend/http/exchange.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace itemgate::backend {
namespace {

constexpr std::string_view kCreated = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";

class ExchangeTest : public testing::Test {
 protected:
  ExchangeTest() { exchange_.Begin(save_); }

  void SendAll() { exchange_.Sent(save_.head.size() + save_.body.size()); }
  static bool IsThere(const std::optional<Verdict>& verdict) {
    return verdict && *verdict && **verdict == 1;
  }
  static ErrorCode CodeOf(const Verdict& verdict) {
    EXPECT_FALSE(verdict);
    return verdict ? ErrorCode::kNotFound : verdict.error().code;
  }

  const Call save_{.kind = Call::Kind::kSave, .head = "head", .body = "content"};
  const Call find_{.kind = Call::Kind::kFind, .head = "head"};
  Exchange exchange_;
};

TEST_F(ExchangeTest, SendsTheHeadAndThenTheContentInAnyPieces) {
  std::string sent;
  while (!exchange_.all_sent()) {
    const auto output = exchange_.Output();
    sent += output[0].empty() ? output[1].substr(0, 3) : output[0].substr(0, 3);
    exchange_.Sent(
        std::min<std::size_t>(3, output[0].empty() ? output[1].size() : output[0].size()));
  }
  EXPECT_EQ(sent, "headcontent");
}

TEST_F(ExchangeTest, ReadsAnAnswerInAnyPieces) {
  SendAll();
  for (std::size_t at = 0; at + 1 < kCreated.size(); ++at)
    ASSERT_FALSE(exchange_.Receive(kCreated.substr(at, 1)));
  EXPECT_TRUE(IsThere(exchange_.Receive("}")));
  EXPECT_TRUE(exchange_.keeps_connection());
}

TEST_F(ExchangeTest, CarriesOneCallAfterTheOther) {
  SendAll();
  ASSERT_TRUE(exchange_.Receive(kCreated));
  exchange_.Begin(find_);
  EXPECT_EQ(exchange_.Output()[0], "head");
  exchange_.Sent(4);
  const auto verdict =
      exchange_.Receive("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");  // of HEAD
  EXPECT_TRUE(IsThere(verdict));
}

TEST_F(ExchangeTest, WhatFailsBeforeAnythingWasSentIsKnownToHaveFailed) {
  EXPECT_EQ(CodeOf(exchange_.GiveUp("no connection")), ErrorCode::kFailed);
  exchange_.Sent(1);
  EXPECT_EQ(CodeOf(exchange_.GiveUp("no connection")), ErrorCode::kUnknown);
}

TEST_F(ExchangeTest, AConnectionThatIsClosedWithoutAnAnswerLeavesItUnknown) {
  SendAll();
  ASSERT_FALSE(exchange_.Receive(kCreated.substr(0, kCreated.size() - 1)));
  EXPECT_EQ(CodeOf(exchange_.PeerClosed()), ErrorCode::kUnknown);
}

TEST_F(ExchangeTest, AConnectionThatIsClosedUnusedIsNoLoss) {
  EXPECT_EQ(CodeOf(exchange_.PeerClosed()), ErrorCode::kFailed);
}

TEST_F(ExchangeTest, AnAnswerMayEndWithItsConnection) {
  SendAll();
  ASSERT_FALSE(exchange_.Receive("HTTP/1.1 201 Created\r\n\r\nsome text"));
  EXPECT_TRUE(IsThere(exchange_.PeerClosed()));
  EXPECT_FALSE(exchange_.keeps_connection());
}

TEST_F(ExchangeTest, ASuccessBeforeTheWholeWasSentIsNone) {
  exchange_.Sent(6);
  EXPECT_EQ(CodeOf(*exchange_.Receive(kCreated)), ErrorCode::kUnknown);
  EXPECT_FALSE(exchange_.keeps_connection());
}

TEST_F(ExchangeTest, ARefusalMayComeBeforeTheWholeWasSent) {
  exchange_.Sent(6);
  const auto verdict = exchange_.Receive("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(CodeOf(*verdict), ErrorCode::kFailed);
  EXPECT_FALSE(exchange_.keeps_connection());
}

TEST_F(ExchangeTest, WhatIsNotHttpIsNoAnswer) {
  SendAll();
  EXPECT_EQ(CodeOf(*exchange_.Receive("220 mail.example ESMTP\r\n")), ErrorCode::kUnknown);
}

TEST_F(ExchangeTest, AnEndlessAnswerIsGivenUp) {
  SendAll();
  ASSERT_FALSE(exchange_.Receive("HTTP/1.1 201 Created\r\n\r\n"));
  const std::string piece(64 << 10, 'x');
  std::optional<Verdict> verdict;
  for (int i = 0; i < 17 && !verdict; ++i) verdict = exchange_.Receive(piece);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(CodeOf(*verdict), ErrorCode::kUnknown);
}

TEST_F(ExchangeTest, InterimAnswersAreSkipped) {
  SendAll();
  ASSERT_FALSE(exchange_.Receive("HTTP/1.1 103 Early Hints\r\n\r\n"));
  EXPECT_TRUE(IsThere(exchange_.Receive(kCreated)));
}

TEST_F(ExchangeTest, BytesBehindAnAnswerEndTheConnection) {
  SendAll();
  EXPECT_TRUE(IsThere(exchange_.Receive(std::string(kCreated) + "HTTP/1.1 200")));
  EXPECT_FALSE(exchange_.keeps_connection());
}

}  // namespace
}  // namespace itemgate::backend
