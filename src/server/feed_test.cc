#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/api_fixture.h"

namespace itemgate::server {
namespace {

using namespace std::chrono_literals;
using http::Method;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(ApiTest, AFeedBeginsWithWhatIsSavedAndGoesOnWithWhatComes) {
  Save("one");
  Save("two");
  const Streamed feed = Open(Method::kGet, "/v1/feed?after=1");
  Run();
  EXPECT_EQ(FieldOf(feed.stream->head(), "Content-Type"), "text/event-stream");
  EXPECT_THAT(feed.stream->written(), StartsWith("id: 2\nevent: item\ndata: {\"id\":2,"));
  EXPECT_THAT(feed.stream->written(), HasSubstr("\"content\":\"two\"}\n\n"));
  EXPECT_THAT(feed.stream->written(), Not(HasSubstr("id: 1\n")));
  Save("three");
  EXPECT_THAT(feed.stream->written(), HasSubstr("id: 3\n"));
  feed.handler->Closed();
}

TEST_F(ApiTest, AFeedWithoutAPlaceBeginsWithWhatComesNext) {
  Save("one");
  const Streamed feed = Open(Method::kGet, "/v1/feed?content=false");
  Run();
  EXPECT_EQ(feed.stream->written(), "");
  Save("two");
  EXPECT_THAT(feed.stream->written(), StartsWith("id: 2\n"));
  EXPECT_THAT(feed.stream->written(), Not(HasSubstr("content\"")));
  const Streamed resumed = Open(Method::kGet, "/v1/feed?after=2", {{"Last-Event-ID", "0"}});
  Run();
  EXPECT_THAT(resumed.stream->written(), StartsWith("id: 1\n"));
  EXPECT_EQ(feeds_.subscriber_count(), 2U);
  feed.handler->Closed();
  resumed.handler->Closed();
}

TEST_F(ApiTest, AFeedThatIsNotReadHoldsOnlyItsPlace) {
  options_.unsent_bytes_max = 1000;
  const Streamed feed = Open(Method::kGet, "/v1/feed?after=0");
  feed.stream->HoldOutput();
  Save(std::string(2000, 'a'));
  const std::size_t written = feed.stream->written().size();
  EXPECT_GT(written, 2000U);
  for (int i = 0; i < 100; ++i) Save(std::string(2000, 'b') + std::to_string(i));
  EXPECT_EQ(feed.stream->written().size(), written);
  feed.stream->Drain(*feed.handler);
  Run();
  EXPECT_THAT(feed.stream->written(), HasSubstr("id: 101\n"));
  feed.handler->Closed();
}

TEST_F(ApiTest, AFeedSendsACommentNowAndThenAndEndsWhenTheServerDrains) {
  const Streamed feed = Open(Method::kGet, "/v1/feed");
  Run();
  Advance(15s);
  EXPECT_EQ(feed.stream->written(), ": nothing new\n\n");
  Advance(15s);
  EXPECT_EQ(feed.stream->written().size(), 30U);
  feed.handler->Draining();
  EXPECT_EQ(feed.stream->state(), FakeStream::State::kEnded);
  EXPECT_EQ(loop_.waiting_count(), 0U);
  EXPECT_EQ(last_logged().route, "/v1/feed");
  const Streamed late = Open(Method::kGet, "/v1/feed");
  late.handler->Draining();
  EXPECT_EQ(late.stream->state(), FakeStream::State::kEnded);
  EXPECT_THAT(late.stream->written(), HasSubstr("\"draining\""));
}

TEST_F(ApiTest, WhatIsSavedAfterAFeedWasAnsweredIsInIt) {
  const Streamed feed = Open(Method::kGet, "/v1/feed");
  EXPECT_EQ(feed.stream->state(),
            FakeStream::State::kWaiting);  // until a worker knows where it begins
  Run();
  ASSERT_EQ(feed.stream->state(), FakeStream::State::kBegun);
  Save("one");
  EXPECT_THAT(feed.stream->written(), StartsWith("id: 1\n"));
  feed.handler->Closed();
}

TEST_F(ApiTest, AFeedThatIsGoneIsForgotten) {
  Streamed feed = Open(Method::kGet, "/v1/feed?after=0");
  feed.handler->Closed();
  feed.stream.reset();
  feed.handler.reset();
  Save("one");
  EXPECT_EQ(feeds_.subscriber_count(), 0U);
  EXPECT_EQ(workers_.posted_count(), 0U);
  Save("two");
  EXPECT_EQ(workers_.posted_count(), 0U);
}

TEST_F(ApiTest, AFeedRefusesAPlaceThatIsNone) {
  for (const Streamed& feed : {Open(Method::kGet, "/v1/feed?after=x"),
                               Open(Method::kGet, "/v1/feed", {{"Last-Event-ID", "last"}}),
                               Open(Method::kGet, "/v1/feed?content=1")}) {
    EXPECT_EQ(feed.stream->head().status, 400);
    EXPECT_THAT(feed.stream->written(), HasSubstr("invalid_argument"));
  }
  EXPECT_EQ(Open(Method::kHead, "/v1/feed").stream->state(), FakeStream::State::kEnded);
}

TEST_F(ApiTest, VerifiesTheStoreAndTellsHowFarItIs) {
  verify_ = [this](auto progress) -> Result<VerifyReport> {
    progress(1000);  // at once: not told
    clock_.Set(clock_.Now() + 1s);
    progress(2000);
    VerifyReport report;
    report.items = 3000;
    report.problems = {"item 7 is damaged"};
    report.problem_count = 1;
    return report;
  };
  const Streamed verify = Open(Method::kPost, "/v1/store:verify");
  const Streamed second = Open(Method::kPost, "/v1/store:verify");
  EXPECT_EQ(second.stream->head().status, 503);
  EXPECT_THAT(second.stream->written(), HasSubstr("overloaded"));
  Run();
  EXPECT_EQ(verify.stream->written(),
            "{\"items_done\":2000}\n"
            R"({"done":true,"items":3000,"content_bytes":0,"problem_count":1,)"
            R"("problems":["item 7 is damaged"]})"
            "\n");
  EXPECT_EQ(verify.stream->state(), FakeStream::State::kEnded);
  const Streamed third = Open(Method::kPost, "/v1/store:verify");
  third.handler->Closed();
  EXPECT_TRUE(api().verifying()) << "it goes on without its client";
  Run();
  EXPECT_FALSE(api().verifying());
  EXPECT_EQ(third.stream->written(), "");
}

TEST_F(ApiTest, SaysWhereAStoreCannotBeVerified) {
  verify_ = [](auto) -> Result<VerifyReport> {
    return Fail(ErrorCode::kUnsupported, "a store in memory has nothing to verify");
  };
  const Streamed verify = Open(Method::kPost, "/v1/store:verify");
  Run();
  EXPECT_EQ(verify.stream->head().status, 501);
  EXPECT_THAT(verify.stream->written(), HasSubstr("nothing to verify"));
}

TEST_F(ApiTest, BreaksOffAVerificationThatFailsInTheMiddle) {
  verify_ = [this](auto progress) -> Result<VerifyReport> {
    clock_.Set(clock_.Now() + 1s);
    progress(1);
    return Fail(ErrorCode::kIo, "the disk is gone");
  };
  const Streamed verify = Open(Method::kPost, "/v1/store:verify");
  Run();
  EXPECT_EQ(verify.stream->state(), FakeStream::State::kAborted);
}

}  // namespace
}  // namespace itemgate::server
