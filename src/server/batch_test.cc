#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "testing/api_fixture.h"

namespace itemgate::server {
namespace {

using namespace std::chrono_literals;
using http::Method;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const FakeRequest::Headers kLines = {{"Content-Type", "application/x-ndjson"}};
const FakeRequest::Headers kFrames = {{"Content-Type", "application/vnd.itemgate.batch"},
                                      {"Item-Media-Type", "text/plain"}};

std::string Line(std::string_view content) {
  return "{\"content\":\"" + std::string(content) + "\"}\n";
}

std::string Frame(std::string_view content) {
  std::string frame(4, '\0');
  StoreLittle(frame.data(), static_cast<std::uint32_t>(content.size()));
  return frame.append(content);
}

std::string Record(std::uint8_t outcome, std::uint8_t flags, std::uint16_t status,
                   std::uint64_t id) {
  std::string record(12, '\0');
  record[0] = static_cast<char>(outcome);
  record[1] = static_cast<char>(flags);
  StoreLittle(record.data() + 2, status);
  StoreLittle(record.data() + 4, id);
  return record;
}

TEST_F(ApiTest, AnswersEachLineOfABatchInOrder) {
  Save("known");
  EXPECT_EQ(Batch(Line("a") + "\n" + Line("known") + Line("a") + "{\"content\":1}\r\n \r\n" +
                  R"({"content":"a","scope":"s"})"),
            R"({"index":0,"status":201,"outcome":"created","id":2})"
            "\n"
            R"({"index":1,"status":200,"outcome":"duplicate","id":1})"
            "\n"
            R"({"index":2,"status":200,"outcome":"joined","id":2})"
            "\n"
            R"({"index":3,"status":400,"outcome":"rejected","problem":{"code":"invalid_content",)"
            R"("detail":"the content must be a string"}})"
            "\n"
            R"({"index":4,"status":201,"outcome":"created","id":3})"
            "\n"
            R"({"done":true,"created":2,"duplicate":1,"joined":1,"in_progress":0,"failed":1})"
            "\n");
  EXPECT_EQ(last_logged().route, "/v1/items:batch");
  EXPECT_EQ(last_logged().status, 200);
  EXPECT_GT(last_logged().bytes_out, 300U);
}

TEST_F(ApiTest, AnswersAnEmptyBatchWithItsEnd) {
  EXPECT_EQ(Batch(""),
            R"({"done":true,"created":0,"duplicate":0,"joined":0,"in_progress":0,"failed":0})"
            "\n");
}

TEST_F(ApiTest, AnswersEachFrameOfABatchWithARecord) {
  const std::string answer = Batch(
      Frame("a") + Frame("") + Frame("b") + Frame("a") + Frame("cut off").substr(0, 7), kFrames);
  EXPECT_EQ(answer, Record(0, 0, 201, 1) + Record(4, 0, 400, 0) + Record(0, 0, 201, 2) +
                        Record(1, 1, 200, 1) + Record(4, 0, 400, 0) + Record(255, 0, 200, 5));
  EXPECT_EQ(FieldOf(Get("/v1/items/1"), "Content-Type"), "text/plain");
}

TEST_F(ApiTest, RefusesSingleItemsOfABatchThatAreTooLarge) {
  options_.body_bytes_max = 10;
  options_.batch_line_bytes_max = 40;
  service_options_.content_bytes_max = 10;
  EXPECT_THAT(
      Batch(Line(std::string(50, 'x')) + Line("eleven byte") + Line("ten bytes.")),
      StartsWith(R"({"index":0,"status":413,"outcome":"rejected","problem":{"code":"too-large",)"
                 R"("detail":"the line has more than 40 bytes"}})"
                 "\n"
                 R"({"index":1,"status":413,"outcome":"rejected","problem":{"code":"too-large")"));
  EXPECT_EQ(Batch(Frame("eleven byte") + Frame("ten bytes."), kFrames),
            Record(4, 0, 413, 0) + Record(1, 0, 200, 1) + Record(255, 0, 200, 2));
}

TEST_F(ApiTest, SavesAWindowOfABatchInOneCommitForEachScopeAndMediaType) {
  std::string body;
  for (int i = 0; i < 100; ++i) body += Line("item " + std::to_string(i));
  Batch(body);
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(100));
  std::string mixed;
  for (int i = 0; i < 200; ++i)
    mixed += R"({"content":"x","mediaType":")" + std::to_string(i) + "\",\"scope\":\"s" +
             std::to_string(i) + "\"}\n";
  EXPECT_THAT(Batch(mixed), HasSubstr(R"("created":200,)"));
}

TEST_F(ApiTest, AnswersASlowSenderAtOnceAndAFastOneInOrder) {
  options_.batch_window_items_max = 2;
  options_.batch_windows_max = 3;
  store_.Hold();
  const Streamed batch = Open(Method::kPost, "/v1/items:batch", kLines);
  batch.handler->BodyArrived(Line("a"));  // alone, so saved at once
  batch.handler->BodyArrived(Line("b"));
  batch.handler->BodyArrived(Line("c") + Line("d"));
  EXPECT_FALSE(batch.stream->is_paused());
  batch.handler->BodyArrived(Line("e") + Line("f"));
  EXPECT_TRUE(batch.stream->is_paused());
  EXPECT_EQ(batch.stream->written(), "");
  for (Run(); store_.waiting_count() > 0; Run()) store_.Release();
  EXPECT_FALSE(batch.stream->is_paused());
  EXPECT_THAT(batch.stream->written(), HasSubstr("\"index\":5,\"status\":201"));
  batch.handler->BodyEnded();
  EXPECT_EQ(batch.stream->state(), FakeStream::State::kEnded);
  EXPECT_THAT(batch.stream->written(), HasSubstr(R"("created":6,)"));
}

TEST_F(ApiTest, HoldsABatchBackWhileSingleSavesTakeTooLong) {
  options_.batch_window_items_max = 2;
  store_.Hold();
  Overload();
  const Streamed batch = Open(Method::kPost, "/v1/items:batch", kLines);
  batch.handler->BodyArrived(Line("a") + Line("b"));
  EXPECT_TRUE(batch.stream->is_paused());
  for (Run(); store_.waiting_count() > 0; Run()) store_.Release();
  EXPECT_FALSE(batch.stream->is_paused());
  EXPECT_THAT(batch.stream->written(), HasSubstr("\"index\":1,\"status\":201"));
  // Nobody is there any more who would have to wait.
  Advance(2s);
  batch.handler->BodyArrived(Line("c") + Line("d"));
  EXPECT_FALSE(batch.stream->is_paused());
  batch.handler->BodyEnded();
  for (Run(); store_.waiting_count() > 0; Run()) store_.Release();
  EXPECT_THAT(batch.stream->written(), HasSubstr(R"("created":4,)"));
}

TEST_F(ApiTest, BeginsWhatComesLaterInABatchWhileASlowSaveGoesOn) {
  backend_ = std::make_unique<HeldBackend>();
  const Streamed batch = Open(Method::kPost, "/v1/items:batch", kLines);
  batch.handler->BodyArrived(Line("slow"));
  Run();
  ASSERT_EQ(backend_->saving_count(), 1U);
  batch.handler->BodyArrived(Line("b"));
  batch.handler->BodyArrived(Line("c"));
  Advance(10ms);
  EXPECT_EQ(backend_->saving_count(), 3U);
  batch.handler->BodyEnded();
  for (; backend_->saving_count() > 0; Run()) backend_->End();
  EXPECT_THAT(batch.stream->written(), HasSubstr(R"("created":3,)"));
}

TEST_F(ApiTest, ABatchWaitsNoLongerThanItsSenderDoes) {
  store_.Hold();
  FakeRequest::Headers headers = kLines;
  headers.emplace_back("Request-Timeout", "10");
  const Streamed batch = Open(Method::kPost, "/v1/items:batch", headers);
  clock_.Set(clock_.Now() + 9s);
  batch.handler->BodyArrived(Line("a"));
  batch.handler->BodyEnded();
  Advance(999ms);
  EXPECT_EQ(batch.stream->written(), "");
  Advance(1ms);
  EXPECT_THAT(batch.stream->written(), HasSubstr(R"("in_progress":1)"));
  store_.Release();
}

TEST_F(ApiTest, TakesInNoMoreOfABatchWhileItsAnswersAreNotRead) {
  options_.unsent_bytes_max = 100;
  const Streamed batch = Open(Method::kPost, "/v1/items:batch", kLines);
  batch.stream->HoldOutput();
  batch.handler->BodyArrived(Line("a") + Line("b") + Line("c"));
  Run();
  EXPECT_TRUE(batch.stream->is_paused());
  batch.stream->Drain(*batch.handler);
  EXPECT_FALSE(batch.stream->is_paused());
}

TEST_F(ApiTest, AClientThatLeavesABatchCancelsNothingButItsAnswers) {
  store_.Hold();
  Streamed batch = Open(Method::kPost, "/v1/items:batch", kLines);
  batch.handler->BodyArrived(Line("a"));
  Run();
  batch.handler->Closed();
  batch.handler.reset();
  batch.stream.reset();
  store_.Release();
  Run();
  EXPECT_EQ(Save("a").status, 200);
  EXPECT_EQ(loop_.posted_count(), 0U);
  EXPECT_EQ(log_.answers().size(), 2U);
}

TEST_F(ApiTest, HoldsWaitAndPolicyForEachItemOfABatch) {
  store_.Hold();
  const auto saving = BeginSave("a");
  FakeRequest::Headers headers = kLines;
  headers.emplace_back("If-In-Flight", "reject");
  EXPECT_THAT(Batch(Line("a"), headers),
              StartsWith(R"({"index":0,"status":409,"outcome":"in-progress"})"));
  headers = kLines;
  headers.emplace_back("Prefer", "wait=2");
  const Streamed batch = Open(Method::kPost, "/v1/items:batch", headers);
  EXPECT_EQ(FieldOf(batch.stream->head(), "Preference-Applied"), "wait=2");
  batch.handler->BodyArrived(Line("a"));
  batch.handler->BodyEnded();
  Advance(1999ms);
  EXPECT_EQ(batch.stream->written(), "");
  Advance(1ms);
  EXPECT_THAT(batch.stream->written(), HasSubstr(R"("in_progress":1)"));
  store_.Release();
}

TEST_F(ApiTest, RefusesTheItemsOfABatchThatComeTooLate) {
  FakeRequest::Headers headers = kLines;
  headers.emplace_back("Request-Timeout", "5");
  const Streamed batch = Open(Method::kPost, "/v1/items:batch", headers);
  batch.handler->BodyArrived(Line("a"));
  Run();
  clock_.Set(clock_.Now() + 5s);
  batch.handler->BodyArrived(Line("b"));
  EXPECT_THAT(
      batch.stream->written(),
      HasSubstr(R"({"index":1,"status":503,"outcome":"unavailable","problem":{"code":"dead)"));
  api().SetDraining();
  batch.handler->BodyArrived(Line("c"));
  EXPECT_THAT(batch.stream->written(), HasSubstr(R"("code":"draining")"));
  batch.handler->BodyEnded();
  EXPECT_THAT(batch.stream->written(), HasSubstr(R"("created":1,"duplicate":0,"joined":0,)"
                                                 R"("in_progress":0,"failed":2)"));
}

TEST_F(ApiTest, ADrainEndsABatchAfterWhatIsUnderWayAndWithoutItsLastLine) {
  store_.Hold();
  const Streamed batch = Open(Method::kPost, "/v1/items:batch", kLines);
  const Streamed idle = Open(Method::kPost, "/v1/items:batch", kLines);
  batch.handler->BodyArrived(Line("a") + Line("b"));
  api().SetDraining();
  batch.handler->Draining();
  EXPECT_EQ(batch.stream->state(), FakeStream::State::kBegun);
  for (Run(); store_.waiting_count() > 0; Run()) store_.Release();
  EXPECT_EQ(batch.stream->state(), FakeStream::State::kEnded);
  EXPECT_THAT(batch.stream->written(), HasSubstr(R"({"index":0,"status":201,)"));
  EXPECT_THAT(batch.stream->written(), Not(HasSubstr("done")));
  idle.handler->Draining();
  EXPECT_EQ(idle.stream->state(), FakeStream::State::kEnded);
}

TEST_F(ApiTest, BoundsTheUnfinishedItemsOfAllBatchesTogether) {
  options_.gathered_bytes_max = 100'000;  // above the 64 KiB that each may have
  const std::string long_text(150'000, 'a');
  const Streamed first = Open(Method::kPost, "/v1/items:batch", kLines);
  const Streamed second = Open(Method::kPost, "/v1/items:batch", kLines);
  const Streamed third = Open(Method::kPost, "/v1/items:batch", kFrames);
  const std::string line = Line(long_text);
  const std::string frame = Frame(long_text);
  first.handler->BodyArrived(line.substr(0, 140'000));
  second.handler->BodyArrived(line.substr(0, 140'000));
  third.handler->BodyArrived(frame.substr(0, 140'000));
  first.handler->BodyArrived(line.substr(140'000));
  second.handler->BodyArrived(line.substr(140'000) + line);
  third.handler->BodyArrived(frame.substr(140'000) + frame);
  for (const Streamed* batch : {&first, &second, &third}) batch->handler->BodyEnded();
  Run();
  EXPECT_THAT(first.stream->written(), HasSubstr(R"("failed":0)"));
  EXPECT_THAT(
      second.stream->written(),
      StartsWith(R"({"index":0,"status":503,"outcome":"unavailable","problem":{"code":"over)"));
  EXPECT_THAT(second.stream->written(), HasSubstr(R"({"index":1,"status":200,)"));
  EXPECT_THAT(third.stream->written(),
              StartsWith(Record(static_cast<std::uint8_t>(Outcome::kUnavailable), 0, 503, 0)));
  EXPECT_THAT(third.stream->written(), HasSubstr(Record(1, 1, 200, 1)));
}

TEST_F(ApiTest, ABatchIgnoresAnIdempotencyKey) {
  FakeRequest::Headers headers = kLines;
  headers.emplace_back("Idempotency-Key", "not a key");
  EXPECT_THAT(Batch(Line("a"), headers), HasSubstr(R"("created":1)"));
}

TEST_F(ApiTest, RefusesABatchWhoseHeadIsWrong) {
  for (const auto& [name, value, status] :
       {std::tuple("If-None-Match", "*", 400), std::tuple("Prefer", "wait=1", 200),
        std::tuple("Content-Digest", "sha-256=:AAAA:", 400),
        std::tuple("Accept", "application/json", 406), std::tuple("Item-Scope", "a b", 400)}) {
    FakeRequest::Headers headers = kLines;
    headers.emplace_back(name, value);
    const Streamed batch = Open(Method::kPost, "/v1/items:batch", headers);
    EXPECT_EQ(batch.stream->head().status, status) << name;
    if (status == 200) {
      EXPECT_EQ(batch.stream->state(), FakeStream::State::kBegun);
    } else {
      EXPECT_EQ(batch.stream->state(), FakeStream::State::kEnded);
      EXPECT_THAT(batch.stream->written(), HasSubstr("\"status\":" + std::to_string(status)));
    }
    batch.handler->BodyArrived("");
    batch.handler->BodyEnded();
  }
  const Streamed scoped = Open(Method::kPost, "/v1/scopes/s/items:batch", kLines);
  scoped.handler->BodyArrived(Line("a"));
  scoped.handler->BodyEnded();
  Run();
  EXPECT_EQ(FieldOf(Get("/v1/items/1"), "Item-Scope"), "s");
}

}  // namespace
}  // namespace itemgate::server
