#include "client/answer_json.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "key/digest.h"
#include "key/item_json.h"

namespace itemgate::client {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

TEST(AnswerJson, ReadsItemsAsTheyWereWritten) {
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
  std::vector<Item> items;
  for (const std::string& content :
       {std::string("plain"), std::string("a\0\"\\\n\u2028\U0001F600"sv), all_bytes}) {
    const Scope scope = Scope::Named("feed.a+json").value();
    items.push_back({.id = ItemId{items.size() + 7},
                     .key = {.digest = Sha256(content), .scope = scope},
                     .content = content,
                     .media_type = items.empty() ? "" : "text/\"x\"",
                     .saved_at = WallTime(1714564799s + 999999us)});
  }
  std::string body;
  for (const Item& item : items)
    body += (body.empty() ? "{\"items\":[" : ",") + ItemJson(item, ItemContent::kInclude);
  const auto read = ParseItems(body + "],\"next\":9}");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ((*read)[i].id, items[i].id);
    EXPECT_EQ((*read)[i].key, items[i].key);
    EXPECT_EQ((*read)[i].content, items[i].content);
    EXPECT_EQ((*read)[i].media_type, items[i].media_type);
    EXPECT_EQ((*read)[i].saved_at, items[i].saved_at);
  }
}

TEST(AnswerJson, RefusesItemsThatAreNotWhole) {
  const Item item{.id = ItemId{1}, .key = {.digest = Sha256("x")}, .content = "x"};
  const std::string good = ItemJson(item, ItemContent::kInclude);
  EXPECT_TRUE(ParseItems("{\"items\":[" + good + "]}"));
  for (const auto& [part, instead] :
       {std::pair{"\"id\":1", "\"id\":0"}, std::pair{"\"length\":1", "\"length\":2"},
        std::pair{"\"saved_at\":\"1970", "\"saved_at\":\"197"},
        std::pair{"\"saved_at\":\"1970-01", "\"saved_at\":\"1970-13"},
        std::pair{"\"scope\":\"default", "\"scope\":\"no scope"},
        std::pair{"\"sha256\":\"", "\"sha256\":\"x"}, std::pair{"\"content\"", "\"c\""}}) {
    std::string bad = good;
    const std::size_t at = bad.find(part);
    ASSERT_NE(at, std::string::npos) << part;
    bad.replace(at, std::string_view(part).size(), instead);
    EXPECT_FALSE(ParseItems("{\"items\":[" + bad + "]}")) << bad;
  }
  for (const char* body : {"", "{", "[]", "{}", "{\"items\":[1]}", "{\"items\":{}}"})
    EXPECT_FALSE(ParseItems(body)) << body;
}

TEST(AnswerJson, ReadsTheAnswersToASave) {
  EXPECT_EQ(SaveResultOf(201, R"({"outcome":"created","id":3})").outcome, Outcome::kCreated);
  EXPECT_EQ(SaveResultOf(201, R"({"outcome":"created","id":3})").id, ItemId{3});
  EXPECT_TRUE(SaveResultOf(200, R"({"outcome":"joined","id":3})").joined);
  EXPECT_EQ(SaveResultOf(200, R"({"outcome":"joined","id":3})").outcome, Outcome::kDuplicate);
  EXPECT_EQ(SaveResultOf(202, R"({"outcome":"in-progress","operation":"x"})").outcome,
            Outcome::kInProgress);
  EXPECT_EQ(SaveResultOf(409, R"({"code":"content-in-progress"})").outcome, Outcome::kInProgress);
  const SaveResult there = SaveResultOf(412, R"({"code":"already-exists","itemId":9})");
  EXPECT_EQ(there.outcome, Outcome::kDuplicate);
  EXPECT_EQ(there.id, ItemId{9});
}

TEST(AnswerJson, NeverTakesForSavedWhatIsNotSaidToBe) {
  for (const char* body : {"", "OK", "{}", R"({"outcome":"created"})", R"({"outcome":"x","id":1})",
                           R"({"outcome":"rejected"})", R"({"id":1})"}) {
    const SaveResult result = SaveResultOf(200, body);
    EXPECT_EQ(result.outcome, Outcome::kUnknown) << body;
    EXPECT_TRUE(result.error) << body;
  }
}

TEST(AnswerJson, MapsProblemsByTheirCode) {
  const auto result = [](int status, const std::string& code) {
    return SaveResultOf(status, R"({"code":")" + code + R"(","detail":"what to do"})");
  };
  EXPECT_EQ(result(400, "empty-content").outcome, Outcome::kRejected);
  EXPECT_EQ(result(413, "too-large").error->code, ErrorCode::kTooLarge);
  EXPECT_EQ(result(422, "not-canonical").error->code, ErrorCode::kNotCanonical);
  EXPECT_EQ(result(422, "not-canonical").error->message, "what to do");
  EXPECT_EQ(result(502, "save-failed").outcome, Outcome::kFailed);
  EXPECT_EQ(result(502, "save-unknown").outcome, Outcome::kUnknown);
  EXPECT_EQ(result(409, "parked").outcome, Outcome::kUnknown);
  EXPECT_EQ(result(409, "parked").error->code, ErrorCode::kParked);
  EXPECT_EQ(result(503, "draining").outcome, Outcome::kUnavailable);
  EXPECT_EQ(result(507, "storage-full").error->code, ErrorCode::kStorageFull);
  EXPECT_EQ(result(418, "new-code").outcome, Outcome::kRejected);
  EXPECT_EQ(result(599, "new-code").outcome, Outcome::kUnknown);
}

TEST(AnswerJson, MakesDoWithTheStatusOfAnAnswerThatIsNoJson) {
  const SaveResult bad_gateway = SaveResultOf(502, "<html>Bad Gateway</html>");
  EXPECT_EQ(bad_gateway.outcome, Outcome::kUnknown);
  EXPECT_EQ(bad_gateway.error->message, "the server answered 502 Bad Gateway");
  EXPECT_EQ(ErrorOfProblem(404, "").code, ErrorCode::kNotFound);
  EXPECT_EQ(ErrorOfProblem(503, "").code, ErrorCode::kUnavailable);
}

TEST(AnswerJson, ReadsHowASaveStands) {
  EXPECT_EQ(OperationResultOf(200, R"({"state":"saved","id":4})").id, ItemId{4});
  EXPECT_EQ(OperationResultOf(200, R"({"state":"saved","id":4})").outcome, Outcome::kDuplicate);
  EXPECT_EQ(OperationResultOf(200, R"({"state":"in-progress"})").outcome, Outcome::kInProgress);
  const SaveResult failed = OperationResultOf(
      200, R"({"state":"failed","problem":{"status":502,"code":"save-failed","detail":"no"}})");
  EXPECT_EQ(failed.outcome, Outcome::kFailed);
  EXPECT_EQ(failed.error->message, "no");
  EXPECT_EQ(OperationResultOf(404, R"({"code":"not-found"})").error->code, ErrorCode::kNotFound);
  EXPECT_EQ(OperationResultOf(200, R"({"state":"x"})").outcome, Outcome::kUnknown);
}

TEST(AnswerJson, ReadsStatisticsInFlightAndVerify) {
  const auto statistics =
      ParseStatistics(R"({"items":5,"content_bytes":6,"disk_bytes":7,"syncs":8,"created":9})");
  ASSERT_TRUE(statistics);
  EXPECT_EQ(statistics->store.items, 5u);
  EXPECT_EQ(statistics->store.syncs, 8u);
  EXPECT_EQ(statistics->service.created, 9u);
  EXPECT_FALSE(ParseStatistics("{}"));

  const std::string hex = Sha256("x").ToHex();
  const auto saves = ParseInFlight(
      R"({"in_flight":1,"saves":[{"scope":"default","sha256":")" + hex +
      R"(","since":"1970-01-01T00:00:01.000002Z","sender":"me",)" + R"("waiters":3}]})");
  ASSERT_TRUE(saves) << saves.error().message;
  EXPECT_EQ(saves->front().key.digest, Sha256("x"));
  EXPECT_EQ(saves->front().since, WallTime(1s + 2us));
  EXPECT_EQ(saves->front().sender, "me");
  EXPECT_EQ(saves->front().waiters, 3u);

  EXPECT_EQ(std::get<std::uint64_t>(*ParseVerifyLine(R"({"items_done":12})")), 12u);
  const auto report = ParseVerifyLine(
      R"({"done":true,"items":2,"content_bytes":3,"problem_count":1,"problems":["bad"]})");
  ASSERT_TRUE(report);
  EXPECT_EQ(std::get<VerifyReport>(*report).problems, std::vector<std::string>{"bad"});
}

}  // namespace
}  // namespace itemgate::client
