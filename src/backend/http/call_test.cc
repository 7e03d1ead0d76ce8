#include "backend/http/call.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace itemgate::backend {
namespace {

Target Backend() {
  return {.url = *client::ServerUrl::Parse("http://backend:81/deep"), .fields = "Key: s3cret\r\n"};
}

std::string HeadFor(std::string_view media_type) {
  const auto key = *MakeContentKey({}, "x");
  return SaveCall(Backend(), {.key = key, .content = "x", .media_type = media_type},
                  [](Result<void>) {})
      .head;
}

ContentKey KeyOf(std::string_view scope, std::string_view content) {
  return *MakeContentKey(*Scope::Named(scope), content);
}

Verdict Meaning(Call::Kind kind, int status, std::string_view fields = "") {
  http::ResponseParser answer;
  answer.Begin(kind == Call::Kind::kFind ? http::ResponseParser::Expect::kHeadOnly
                                         : http::ResponseParser::Expect::kBody);
  const auto fed = answer.Feed("HTTP/1.1 " + std::to_string(status) + " X\r\n" +
                               std::string(fields) + "Content-Length: 0\r\n\r\n");
  EXPECT_TRUE(fed && answer.is_complete());
  return MeaningOf(kind, answer);
}

std::optional<ErrorCode> CodeOf(const Verdict& verdict) {
  if (verdict) return std::nullopt;
  return verdict.error().code;
}

TEST(Call, ASaveSaysEverythingThatABackendCanUse) {
  const std::string content = "hello";
  const Call call = SaveCall(Backend(),
                             {.key = KeyOf("tenant", content),
                              .content = content,
                              .media_type = "text/plain; charset=utf-8"},
                             [](Result<void>) {});
  EXPECT_EQ(call.head,
            "POST /deep/v1/items HTTP/1.1\r\nHost: backend:81\r\nUser-Agent: itemgate\r\n"
            "Key: s3cret\r\nItem-Scope: tenant\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 5\r\n"
            "Idempotency-Key: "
            "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"\r\n"
            "Content-Digest: sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:\r\n\r\n");
  EXPECT_EQ(call.body.data(), content.data());  // not a copy
}

TEST(Call, AMediaTypeThatCouldStandInNoHeaderIsLeftOut) {
  EXPECT_TRUE(HeadFor("text/csv").contains("\r\nContent-Type: text/csv\r\n"));
  for (const std::string_view type :
       {"", "a\r\nHost: evil", "a\n", "\xC3\xA9", " a", "a ", "Application/Vnd.itemgate.item+json"})
    EXPECT_TRUE(HeadFor(type).contains("\r\nContent-Type: application/octet-stream\r\n")) << type;
}

TEST(Call, OfJsonTheDigestIsNotThatOfTheBytesAndSoIsNotSaid) {
  const Call call = SaveCall(Backend(), {.key = KeyOf("feed+json", "{ }"), .content = "{ }"},
                             [](Result<void>) {});
  EXPECT_EQ(call.head.find("Content-Digest"), std::string::npos);
  EXPECT_NE(call.head.find("Idempotency-Key: \"44136fa355b3678a"), std::string::npos);  // of {}
}

TEST(Call, AFindAsksByDigestAndScope) {
  const Call call = FindCall(Backend(), KeyOf("tenant", "hello"), [](Result<std::uint64_t>) {});
  EXPECT_EQ(
      call.head,
      "HEAD /deep/v1/contents/sha256/"
      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 HTTP/1.1\r\n"
      "Host: backend:81\r\nUser-Agent: itemgate\r\nKey: s3cret\r\nItem-Scope: tenant\r\n\r\n");
  EXPECT_TRUE(call.body.empty());
}

TEST(Call, ASaveSucceedsFailsForCertainOrIsUnknown) {
  for (const int status : {200, 201, 204})
    EXPECT_EQ(CodeOf(Meaning(Call::Kind::kSave, status)), std::nullopt);
  for (const int status : {400, 401, 404, 413, 422, 429})
    EXPECT_EQ(CodeOf(Meaning(Call::Kind::kSave, status)), ErrorCode::kFailed) << status;
  for (const int status : {202, 301, 307, 408, 409, 500, 502, 503, 504})
    EXPECT_EQ(CodeOf(Meaning(Call::Kind::kSave, status)), ErrorCode::kUnknown) << status;
}

TEST(Call, AnAnswerMaySayItselfThatNothingWasSaved) {
  for (const std::string outcome : {"failed", "rejected", "unavailable"})
    EXPECT_EQ(CodeOf(Meaning(Call::Kind::kSave, 503, "Item-Outcome: " + outcome + "\r\n")),
              ErrorCode::kFailed);
  for (const std::string outcome : {"unknown", "in-progress"})
    EXPECT_EQ(CodeOf(Meaning(Call::Kind::kSave, 503, "Item-Outcome: " + outcome + "\r\n")),
              ErrorCode::kUnknown);
}

TEST(Call, AFindTellsHowManyThereAre) {
  EXPECT_EQ(Meaning(Call::Kind::kFind, 404), 0U);
  EXPECT_EQ(Meaning(Call::Kind::kFind, 200), 1U);
  EXPECT_EQ(Meaning(Call::Kind::kFind, 204, "Item-Count: 2\r\n"), 2U);
  EXPECT_FALSE(Meaning(Call::Kind::kFind, 200, "Item-Count: many\r\n"));
  for (const int status : {202, 302, 400, 401, 410, 500, 503})
    EXPECT_FALSE(Meaning(Call::Kind::kFind, status)) << status;
}

}  // namespace
}  // namespace itemgate::backend
