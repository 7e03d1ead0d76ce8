#include "server/management.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/metrics.h"
#include "testing/fake_exchange.h"
#include "testing/manual_executor.h"

namespace itemgate::server {
namespace {

using http::Method;
using testing::HasSubstr;

class ManagementTest : public testing::Test {
 protected:
  http::Response Ask(Method method, const std::string& target, FakeRequest::Headers headers = {}) {
    const FakeRequest request(method, target, std::move(headers));
    const auto plan = management_.Receive(request.request(), "192.0.2.1");
    if (plan.refusal) return *plan.refusal;
    FakeExchange exchange(request, executor_);
    management_.Handle(exchange);
    EXPECT_EQ(exchange.answer()->answer_count, 1);
    return exchange.answer()->response.value_or(http::Response{});
  }

  ManualClock clock_;
  ManualExecutor executor_{clock_};
  std::optional<std::string> why_not_ready_;
  int drains_ = 0;
  Management management_{{.why_not_ready = [this] { return why_not_ready_; },
                          .metrics = [] { return "itemgate_ready 1\n"; },
                          .drain = [this] { ++drains_; },
                          .seed = 1}};
};

TEST_F(ManagementTest, AProblemHasARequestId) {
  const http::Response nothing = Ask(Method::kGet, "/nothing");
  EXPECT_EQ(nothing.status, 404);
  const auto id = FieldOf(nothing, "X-Request-Id");
  EXPECT_EQ(id.size(), RequestIds::kBytes);
  EXPECT_THAT(nothing.body, HasSubstr(id));
  EXPECT_NE(FieldOf(Ask(Method::kGet, "/drain"), "X-Request-Id"), id);
}

TEST_F(ManagementTest, IsHealthyWhileItAnswers) {
  why_not_ready_ = "starting";
  EXPECT_EQ(Ask(Method::kGet, "/healthz").status, 200);
  EXPECT_EQ(Ask(Method::kHead, "/healthz").status, 200);
}

TEST_F(ManagementTest, TellsWhyItIsNotReady) {
  EXPECT_EQ(Ask(Method::kGet, "/readyz").status, 200);
  why_not_ready_ = "the server is draining";
  const http::Response response = Ask(Method::kGet, "/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "the server is draining\n");
}

TEST_F(ManagementTest, GivesMetricsAsPrometheusReadsThem) {
  const http::Response response = Ask(Method::kGet, "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(FieldOf(response, "Content-Type"), kMetricsMediaType);
  EXPECT_EQ(response.body, "itemgate_ready 1\n");
}

TEST_F(ManagementTest, DrainsWhenItIsPostedOnly) {
  const http::Response refused = Ask(Method::kGet, "/drain");
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(FieldOf(refused, "Allow"), "POST");
  EXPECT_EQ(drains_, 0);
  EXPECT_EQ(Ask(Method::kPost, "/drain").status, 202);
  EXPECT_EQ(drains_, 1);
}

TEST_F(ManagementTest, NoWebPageDrainsIt) {
  for (const FakeRequest::Headers& headers :
       {FakeRequest::Headers{{"Origin", "https://pages.example"}},
        {{"origin", "null"}},
        {{"Origin", "http://127.0.0.1:8081"}, {"Sec-Fetch-Site", "same-origin"}},
        {{"Sec-Fetch-Site", "cross-site"}},
        {{"sec-fetch-site", "same-site"}}}) {
    const http::Response refused = Ask(Method::kPost, "/drain", headers);
    EXPECT_EQ(refused.status, 403) << headers.front().second;
    EXPECT_EQ(FieldOf(refused, "Content-Type"), "application/problem+json");
    EXPECT_THAT(refused.body, HasSubstr(R"("code":"from-web-page")"));
  }
  EXPECT_EQ(drains_, 0);
  EXPECT_EQ(Ask(Method::kGet, "/readyz", {{"Origin", "https://pages.example"}}).status, 200);
  EXPECT_EQ(Ask(Method::kPost, "/drain", {{"Sec-Fetch-Site", "none"}}).status, 202);
  EXPECT_EQ(Ask(Method::kPost, "/drain", {{"Sec-Fetch-Site", "same-origin"}}).status, 202);
  EXPECT_EQ(drains_, 2);
}

TEST_F(ManagementTest, RefusesEverythingElseAsAProblem) {
  for (const char* target : {"/", "/v1/items", "/metrics/", "/healthz/x", "*"}) {
    const http::Response response = Ask(Method::kGet, target);
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_THAT(response.body, HasSubstr("\"code\":\"not-found\""));
  }
  EXPECT_EQ(Ask(Method::kPost, "/metrics").status, 405);
  const http::Response problem = management_.Problem(
      {.status = 400, .code = "bad_framing", .detail = "End lines with CR LF."});
  EXPECT_THAT(problem.body, HasSubstr("bad_framing"));
  EXPECT_THAT(problem.body, HasSubstr("CR LF"));
}

TEST_F(ManagementTest, HasNoStreams) {
  const FakeRequest request(Method::kPost, "/drain");
  FakeStream stream(executor_);
  EXPECT_EQ(management_.Open(request.request(), stream), nullptr);
  EXPECT_EQ(stream.state(), FakeStream::State::kAborted);
}

}  // namespace
}  // namespace itemgate::server
