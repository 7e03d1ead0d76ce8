#include "load/load.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace itemgate::load {
namespace {

using namespace std::chrono_literals;

/// Does what a server does without being one: answers the requests of all its connections with what a function gives
/// for the number of the request. A request ends with the byte '}', as the contents that are sent here do.
class CannedServer {
 public:
  using Answers = std::function<std::string(std::uint64_t number)>;

  explicit CannedServer(Answers answers)
      : answers_(std::move(answers)),
        listener_(*ListenTcp(*Resolve({.host = "127.0.0.1", .port = 0}), SharePort::kNo)),
        watched_listener_(listener_.get(), [this] { Accept(); }) {
    EXPECT_TRUE(loop_.Watch(listener_.get(), Readiness::kRead, watched_listener_));
    thread_ = std::jthread([this] { loop_.Run(); });
  }
  ~CannedServer() { loop_.Stop(); }

  [[nodiscard]] SocketAddress address() const { return *LocalAddress(listener_.get()); }

 private:
  struct Watched final : ReadinessHandler {
    Watched(int descriptor, std::function<void()> when_ready)
        : fd(descriptor), ready(std::move(when_ready)) {}
    void Ready(Readiness /*readiness*/) override { ready(); }
    int fd;
    std::function<void()> ready;
  };

  void Accept() {
    auto accepted = AcceptTcp(listener_.get());
    if (!accepted) return;
    const int fd = accepted->socket.get();
    sockets_.insert_or_assign(fd, std::move(accepted->socket));
    const auto [watched, is_new] =
        watched_.insert_or_assign(fd, std::make_unique<Watched>(fd, [this, fd] { Serve(fd); }));
    EXPECT_TRUE(loop_.Watch(fd, Readiness::kRead, *watched->second));
  }

  void Serve(int fd) {
    std::array<char, 64 << 10> buffer;
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (size <= 0) return Close(fd);
    const auto requests = std::count(buffer.data(), buffer.data() + size, '}');
    for (std::ptrdiff_t i = 0; i < requests; ++i) {
      const std::string answer = answers_(number_++);
      (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      if (answer.contains("Connection: close")) return Close(fd);
    }
  }

  void Close(int fd) {
    loop_.Unwatch(fd, *watched_.at(fd));
    sockets_.erase(fd);
  }

  const SystemClock clock_;
  const Answers answers_;
  const Descriptor listener_;
  EventLoop loop_{clock_};
  Watched watched_listener_;
  std::map<int, Descriptor> sockets_;
  std::map<int, std::unique_ptr<Watched>> watched_;
  std::uint64_t number_ = 0;
  std::jthread thread_;
};

std::string Created(std::uint64_t /*number*/) {
  return "HTTP/1.1 201 Created\r\nItem-Outcome: created\r\nContent-Length: 2\r\n\r\n{}";
}

LoadOptions OptionsFor(const CannedServer& server, std::size_t items) {
  return {.address = server.address(),
          .requests = {.host = "test"},
          .contents = {.workload = Workload::kW3, .stream_items = items},
          .connections = 4,
          .time = 1h};  // the contents end first
}

Result<LoadResult> RunOnce(const LoadOptions& options, std::stop_token stop = {}) {
  const SystemClock clock;
  return RunLoad(options, clock, std::move(stop), [](const LoadProgress&) {});
}

TEST(RunLoad, TheClosedLoopSendsEveryContentOnce) {
  const CannedServer server(Created);
  LoadOptions options = OptionsFor(server, 1000);
  options.threads = 2;
  options.pipelined = 3;
  const auto result = RunOnce(options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->tally.sent(), 1000u);
  EXPECT_EQ(result->tally.succeeded(), 1000u);
  EXPECT_EQ(result->tally.failed(), 0u);
  EXPECT_EQ(result->tally.outcomes().Of(ItemOutcome::kCreated), 1000u);
  EXPECT_EQ(result->tally.latency().count(), 1000u);
  EXPECT_EQ(result->distinct_contents, 1000u);
  EXPECT_EQ(result->DuplicateProblem(), std::nullopt);
  EXPECT_GT(result->RequestsPerSecond(), 0);
}

TEST(RunLoad, AContentThatIsCreatedTwiceIsAProblem) {
  const CannedServer server(Created);
  LoadOptions options = OptionsFor(server, 100);
  options.contents.workload = Workload::kW1;
  const auto result = RunOnce(options);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->DuplicateProblem(),
            "50 distinct contents were sent, but 100 items were created");
}

TEST(RunLoad, TheOpenLoopSendsWhatTheScheduleSays) {
  const CannedServer server(Created);
  LoadOptions options = OptionsFor(server, 100'000);
  options.time = 100ms;
  options.rate = 2000;
  options.arrivals = Arrivals::kConstant;
  const auto result = RunOnce(options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->tally.sent() + result->tally.Of(Failure::kMissed), 200u);
  EXPECT_GT(result->tally.succeeded(), 0u);
  EXPECT_EQ(result->tally.succeeded(), result->tally.sent());
  EXPECT_EQ(result->elapsed, 100ms);
}

TEST(RunLoad, AConnectionThatTheServerClosesIsMadeAnew) {
  const CannedServer server([](std::uint64_t number) {
    const std::string closing = number % 3 == 0 ? "Connection: close\r\n" : "";
    return "HTTP/1.1 200 OK\r\n" + closing + "Content-Length: 0\r\n\r\n";
  });
  const auto result = RunOnce(OptionsFor(server, 30));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->tally.succeeded(), 30u);
  EXPECT_EQ(result->tally.connect_failures(), 10u);
}

TEST(RunLoad, RequestsOnALostConnectionAreFailuresAndNotRepeated) {
  const CannedServer server([](std::uint64_t number) {
    return number % 2 == 0 ? "Connection: close" : Created(number);  // no HTTP at all
  });
  const auto result = RunOnce(OptionsFor(server, 20));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->tally.sent(), 20u);
  EXPECT_EQ(result->tally.Of(Failure::kConnectionLost), 10u);
  EXPECT_EQ(result->tally.succeeded(), 10u);
}

TEST(RunLoad, WhatIsNotAnsweredIsGivenUpAfterItsBudget) {
  const CannedServer server([](std::uint64_t /*number*/) { return ""; });
  LoadOptions options = OptionsFor(server, 4);
  options.budget = 10ms;
  const auto result = RunOnce(options);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->tally.Of(Failure::kUnanswered), 4u);
  EXPECT_EQ(result->tally.succeeded(), 0u);
}

TEST(RunLoad, WhatIsNoHttpIsShown) {
  const CannedServer server([](std::uint64_t /*number*/) { return "220 mail.example\r\n"; });
  const auto result = RunOnce(OptionsFor(server, 4));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->tally.Of(Failure::kMalformed), 4u);
}

TEST(RunLoad, AStopEndsItEarly) {
  const CannedServer server(Created);
  std::stop_source stop;
  stop.request_stop();
  LoadOptions options = OptionsFor(server, 10);
  options.contents = {.distinct = 1};  // which never ends
  const auto result = RunOnce(options, stop.get_token());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->tally.failed(), 0u);
}

TEST(RunLoad, SaysThatNobodyListens) {
  LoadOptions options;
  {
    const CannedServer server(Created);
    options = OptionsFor(server, 1);
  }
  const auto result = RunOnce(options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(result.error().message.contains("refused")) << result.error().message;
}

}  // namespace
}  // namespace itemgate::load
