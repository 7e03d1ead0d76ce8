#include "testing/api_fixture.h"

#include "server/route_table.h"

namespace itemgate::server {
namespace {

constexpr std::string_view kPeer = "192.0.2.7";

}  // namespace

SeenAnswers& AllSeenAnswers() {
  static SeenAnswers seen;
  return seen;
}

void RecordingLog::Answered(const RequestEvent& event) {
  AllSeenAnswers().emplace(event.route, event.status);
  answers_.push_back({.route = std::string(event.route),
                      .method = std::string(event.method),
                      .status = event.status,
                      .bytes_in = event.bytes_in,
                      .bytes_out = event.bytes_out,
                      .code = std::string(event.code),
                      .detail = std::string(event.detail),
                      .request_id = std::string(event.request_id),
                      .trace_id = std::string(event.trace_id),
                      .peer = std::string(event.peer)});
}

ApiTest::~ApiTest() {
  Run();
  service_.reset();
}

ItemIntegrationService& ApiTest::service() {
  if (!service_) {
    service_ = std::make_unique<ItemIntegrationService>(
        ServiceParts{.store = store_,
                     .backend = backend_.get(),
                     .clock = clock_,
                     .executor = executor_,
                     .committer = committer_,
                     .seed = 1,
                     .on_saved = [this] { feeds_.OnSaved(); }},
        service_options_);
  }
  return *service_;
}

Api& ApiTest::api() {
  if (!api_) {
    api_ = std::make_unique<Api>(
        ApiParts{.service = service(),
                 .store_statistics = [this] { return store_.Statistics(); },
                 .may_have_lost_items = [this] { return store_.may_have_lost_items(); },
                 .verify = [this](auto progress) { return verify_(std::move(progress)); },
                 .cluster = [this] { return cluster_; },
                 .parked = [this] { return parked_; },
                 .resolve_parked =
                     [this](const ContentKey& key, Resolution resolution) {
                       resolved_.emplace_back(
                           key.digest.ToHex() + "." + std::string(key.scope.name()), resolution);
                       return resolve_result_;
                     },
                 .workers = workers_,
                 .savers = savers_,
                 .clock = clock_,
                 .log = log_,
                 .feeds = feeds_,
                 .seed = 42},
        options_);
  }
  return *api_;
}

std::shared_ptr<FakeAnswer> ApiTest::Begin(http::Method method, std::string target, Headers headers,
                                           std::string body) {
  const FakeRequest request(method, std::move(target), std::move(headers), std::move(body));
  http::Application::Plan plan = api().Receive(request.request(), kPeer);
  FakeExchange exchange(request, loop_);
  if (plan.refusal) {
    exchange.Answer(std::move(*plan.refusal));
  } else {
    EXPECT_EQ(plan.body, http::Application::Body::kWhole) << request.request().path;
    api().Handle(exchange);
    EXPECT_TRUE(exchange.was_deferred() || exchange.answer()->response);
  }
  Run();
  EXPECT_LE(exchange.answer()->answer_count, 1);
  return exchange.answer();
}

http::Response ApiTest::Send(http::Method method, std::string target, Headers headers,
                             std::string body) {
  const auto answer = Begin(method, std::move(target), std::move(headers), std::move(body));
  EXPECT_TRUE(answer->response) << "no answer";
  return answer->response.value_or(http::Response{.status = 0});
}

ApiTest::Streamed ApiTest::Open(http::Method method, std::string target, Headers headers) {
  const FakeRequest request(method, std::move(target), std::move(headers));
  const http::Application::Plan plan = api().Receive(request.request(), kPeer);
  EXPECT_FALSE(plan.refusal);
  EXPECT_EQ(plan.body, http::Application::Body::kStreamed);
  Streamed streamed{.stream = std::make_unique<FakeStream>(loop_), .handler = nullptr};
  streamed.handler = api().Open(request.request(), *streamed.stream);
  return streamed;
}

std::string ApiTest::Batch(std::string body, Headers headers) {
  if (headers.empty()) headers = {{"Content-Type", "application/x-ndjson"}};
  const Streamed batch = Open(http::Method::kPost, "/v1/items:batch", std::move(headers));
  batch.handler->BodyArrived(body);
  batch.handler->BodyEnded();
  Run();
  EXPECT_EQ(batch.stream->state(), FakeStream::State::kEnded);
  return batch.stream->written();
}

void ApiTest::Run() {
  while (committer_.RunOne() || executor_.RunOne() || savers_.RunOne() ||
         (!workers_are_busy_ && workers_.RunOne()) || loop_.RunOne()) {
  }
}

void ApiTest::Advance(Duration duration) {
  const Instant end = clock_.Now() + duration;
  executor_.Advance(duration);
  loop_.Advance(end - clock_.Now());
  Run();
}

void ApiTest::Overload() {
  for (int i = 0; i < 40 && !api().overloaded(); ++i) {
    const auto slow = BeginSave("slow" + std::to_string(i));
    Advance(std::chrono::milliseconds(10));
    store_.Release();
    Run();
    ASSERT_TRUE(slow->response);
  }
  ASSERT_TRUE(api().overloaded());
}

std::string ApiTest::CodeOf(const http::Response& response) {
  EXPECT_EQ(FieldOf(response, "Content-Type"), "application/problem+json");
  for (const char* const field :
       {R"("type":")", R"("title":")", R"("detail":")", R"("retryable":)", R"("request_id":")"})
    EXPECT_NE(response.body.find(field), std::string::npos) << field << " in " << response.body;
  EXPECT_NE(response.body.find("\"status\":" + std::to_string(response.status)), std::string::npos);
  constexpr std::string_view kName = R"("code":")";
  const std::size_t begin = response.body.find(kName) + kName.size();
  return response.body.substr(begin, response.body.find('"', begin) - begin);
}

namespace {

/// What was answered in all tests of this program must be what the table says.
class TableIsComplete final : public testing::Environment {
  void TearDown() override {
    for (const auto& [path, status] : AllSeenAnswers()) {
      bool declared = path == "unknown";
      for (const Route& route : Routes())
        declared = declared || (route.path == path && Declares(route, status));
      EXPECT_TRUE(declared) << path << " answered " << status
                            << ", which its route does not declare";
    }
  }
};
[[maybe_unused]] const auto* const environment =
    testing::AddGlobalTestEnvironment(std::make_unique<TableIsComplete>().release());

}  // namespace
}  // namespace itemgate::server
