#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "client/client_parts.h"
#include "client/network.h"
#include "itemgate/client.h"

namespace itemgate::client {
namespace {

/// Answers every GET, and closes every third connection without an answer. Safe from any thread.
class BusyNetwork final : public Network {
 public:
  explicit BusyNetwork(std::atomic<int>& connections) : connections_(connections) {}

  Result<std::unique_ptr<Connection>> Connect(Instant) override {
    return std::make_unique<BusyConnection>(++connections_ % 3 == 0);
  }
  void Wait(Duration) override {}

 private:
  class BusyConnection final : public Connection {
   public:
    explicit BusyConnection(bool breaks) : breaks_(breaks) {}

    Result<Moved> Transfer(std::string_view out, std::span<char> in, Instant) override {
      if (breaks_) return Moved{.ended = true};
      if (!out.empty()) return Moved{.sent = out.size()};
      constexpr std::string_view kAnswer =
          "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"items\":5}";
      std::ranges::copy(kAnswer, in.begin());
      return Moved{.received = kAnswer.size()};
    }

   private:
    const bool breaks_;
  };

  std::atomic<int>& connections_;  // made so far; no order with anything else
};

TEST(ClientThreads, ShareConnectionsAndNeverAnAnswer) {
  constexpr int kThreads = 8;
  constexpr int kCalls = 300;
  const SystemClock clock;
  std::atomic<int> connections = 0;
  const auto client =
      Client::Make({.idle_connections_max = kThreads},
                   {.clock = clock, .network = std::make_unique<BusyNetwork>(connections)})
          .value();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < kCalls; ++call) {
        const auto statistics = client->StoreStatisticsNow();
        ASSERT_TRUE(statistics) << statistics.error().message;
        EXPECT_EQ(statistics->items, 5u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(connections, kThreads * 3 / 2);  // one for each thread, and those that broke
}

}  // namespace
}  // namespace itemgate::client
