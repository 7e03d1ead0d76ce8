#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "http/request.h"
#include "itemgate/service.h"
#include "server/api.h"
#include "testing/fake_exchange.h"
#include "testing/manual_executor.h"
#include "testing/scripted_store.h"

namespace itemgate::server {

/// Every (route, status) that a test of this program has seen: held against the table when all have run.
using SeenAnswers = std::set<std::pair<std::string, int>>;
[[nodiscard]] SeenAnswers& AllSeenAnswers();

/// What the log was told of one answer.
struct LoggedAnswer {
  std::string route;
  std::string method;
  int status;
  std::size_t bytes_in;
  std::size_t bytes_out;
  std::string code;
  std::string detail;
  std::string request_id;
  std::string trace_id;
  std::string peer;
};

class RecordingLog final : public RequestLog {
 public:
  void Answered(const RequestEvent& event) override;
  [[nodiscard]] const std::vector<LoggedAnswer>& answers() const { return answers_; }

 private:
  std::vector<LoggedAnswer> answers_;
};

/// A backend whose saves wait until the test ends them. One thread.
class HeldBackend final : public ItemBackend {
 public:
  void SaveItem(const BackendItem&, SaveDone done) override { saving_.push_back(std::move(done)); }
  void FindItemsWithContent(const ContentKey&, std::string_view, FindDone done) override {
    done(0);
  }
  /// Ends the oldest save.
  void End(Result<void> result = {}) {
    SaveDone done = std::move(saving_.front());
    saving_.erase(saving_.begin());
    done(std::move(result));
  }
  [[nodiscard]] std::size_t saving_count() const { return saving_.size(); }

 private:
  std::vector<SaveDone> saving_;
};

/// An API over the real service and a scripted store, in a world without threads, sockets and time.
class ApiTest : public testing::Test {
 protected:
  using Headers = FakeRequest::Headers;

  ApiTest() = default;
  ~ApiTest() override;

  /// The API, made at the first call from options_ and backend_.
  Api& api();
  ItemIntegrationService& service();

  /// Sends a request and runs all that runs without time passing. The answer may be missing then.
  std::shared_ptr<FakeAnswer> Begin(http::Method method, std::string target, Headers headers = {},
                                    std::string body = {});
  /// The same where an answer must be there.
  http::Response Send(http::Method method, std::string target, Headers headers = {},
                      std::string body = {});
  http::Response Get(std::string target, Headers headers = {}) {
    return Send(http::Method::kGet, std::move(target), std::move(headers));
  }
  http::Response Post(std::string target, std::string body, Headers headers = {}) {
    return Send(http::Method::kPost, std::move(target), std::move(headers), std::move(body));
  }
  http::Response Save(std::string content, Headers headers = {}) {
    return Post("/v1/items", std::move(content), std::move(headers));
  }
  std::shared_ptr<FakeAnswer> BeginSave(std::string content, Headers headers = {}) {
    return Begin(http::Method::kPost, "/v1/items", std::move(headers), std::move(content));
  }

  /// Opens a streamed exchange; refused ones fail the test.
  struct Streamed {
    std::unique_ptr<FakeStream> stream;
    std::shared_ptr<http::StreamHandler> handler;
  };
  Streamed Open(http::Method method, std::string target, Headers headers = {});
  /// Sends a whole batch and gives what was written.
  std::string Batch(std::string body, Headers headers = {});

  void Run();
  void Advance(Duration duration);

  /// Lets saves take too long until the server sheds new ones. The store must be held.
  void Overload();

  /// The code of a problem, after a look at what every problem must have.
  static std::string CodeOf(const http::Response& response);

  [[nodiscard]] const LoggedAnswer& last_logged() const { return log_.answers().back(); }

  ApiOptions options_;
  ServiceOptions service_options_{.near_cache_keys = 1000};
  std::unique_ptr<HeldBackend> backend_;  // null: none
  ManualClock clock_;
  ManualExecutor executor_{clock_};
  ManualExecutor committer_{clock_};
  ManualExecutor workers_{clock_};
  bool workers_are_busy_ = false;  // then none of their tasks runs
  ManualExecutor savers_{clock_};
  ManualExecutor loop_{clock_};
  ScriptedStore store_;
  RecordingLog log_;
  FeedHub feeds_{workers_};
  Result<Cluster> cluster_;
  Result<std::vector<ParkedContent>> parked_;
  std::vector<std::pair<std::string, Resolution>> resolved_;  // by operation, as asked for
  Result<void> resolve_result_;
  std::function<Result<VerifyReport>(std::move_only_function<void(std::uint64_t)>)> verify_;

 private:
  std::unique_ptr<Api> api_;
  std::unique_ptr<ItemIntegrationService> service_;
};

}  // namespace itemgate::server
