#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "net/thread_executor.h"
#include "server/api.h"
#include "store/memory/memory_store.h"
#include "testing/fake_exchange.h"

namespace itemgate::server {
namespace {

class SilentLog final : public RequestLog {
  void Answered(const RequestEvent&) override {}
};

/// Counts answers by status, from whatever thread they come.
class CountingExchange final : public http::Exchange {
 public:
  struct Counts {
    std::atomic<int> created = 0;
    std::atomic<int> duplicates = 0;
    std::atomic<int> others = 0;
    std::latch answered;
    explicit Counts(std::ptrdiff_t expected) : answered(expected) {}
    void Count(const http::Response& response) {
      ++(response.status == 201 ? created : response.status == 200 ? duplicates : others);
      answered.count_down();
    }
  };

  CountingExchange(const FakeRequest& request, Executor& loop, Counts& counts)
      : request_(request), loop_(loop), counts_(counts) {}

  [[nodiscard]] const http::Request& request() const override { return request_.request(); }
  [[nodiscard]] std::string_view body() const override { return request_.body(); }
  [[nodiscard]] std::string_view peer() const override { return "192.0.2.7"; }
  [[nodiscard]] Executor& loop() override { return loop_; }
  void Answer(http::Response response) override { counts_.Count(response); }
  [[nodiscard]] http::Responder Defer() override {
    return [&counts = counts_](const http::Response& response) { counts.Count(response); };
  }

 private:
  const FakeRequest& request_;
  Executor& loop_;
  Counts& counts_;
};

TEST(SaveStress, EachOfManyRequestsOnManyThreadsIsAnsweredOnce) {
  constexpr int kThreads = 4;
  constexpr int kRequests = 2000;  // of each thread
  constexpr int kContents = 500;
  SystemClock clock;
  const std::unique_ptr<ItemStore> store = NewMemoryStore(clock, 1);
  SilentLog log;
  ThreadExecutor news("news", 1);
  FeedHub feeds(news);
  CountingExchange::Counts counts(kThreads * kRequests);
  std::unique_ptr<Api> api;
  {
    ThreadExecutor executor("executor", 1);
    ThreadExecutor committer("committer", 1);
    ThreadExecutor workers("workers", 1);
    ItemIntegrationService service({.store = *store,
                                    .backend = nullptr,
                                    .clock = clock,
                                    .executor = executor,
                                    .committer = committer,
                                    .seed = 1,
                                    .on_saved = [&feeds] { feeds.OnSaved(); }},
                                   {.near_cache_keys = 100});
    api = std::make_unique<Api>(
        ApiParts{.service = service,
                 .store_statistics = [&] { return store->Statistics(); },
                 .may_have_lost_items = [&] { return store->may_have_lost_items(); },
                 .verify = nullptr,
                 .workers = workers,
                 .savers = workers,
                 .clock = clock,
                 .log = log,
                 .feeds = feeds,
                 .seed = 1},
        ApiOptions{.loop_body_bytes_max = 8, .admission = {.delay_target = Duration::zero()}});
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kRequests; ++i) {
          // Every other one is long enough for a worker.
          const std::string content =
              std::to_string(i % kContents) + (i % 2 == 0 ? "" : " is long");
          const FakeRequest request(http::Method::kPost, "/v1/items", {}, content);
          CountingExchange exchange(request, workers, counts);
          api->Handle(exchange);
        }
      });
    }
    threads.clear();
    counts.answered.wait();
  }
  EXPECT_EQ(counts.created, kContents);
  EXPECT_EQ(counts.duplicates, kThreads * kRequests - kContents);
  EXPECT_EQ(counts.others, 0);
  EXPECT_EQ(store->Statistics().items, static_cast<std::uint64_t>(kContents));
  EXPECT_EQ(api->in_flight(), 0U);
}

}  // namespace
}  // namespace itemgate::server
