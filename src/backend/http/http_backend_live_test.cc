#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "backend/http/http_backend.h"
#include "base/mutex.h"
#include "http/server.h"
#include "net/tcp.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;

ContentKey KeyOf(std::string_view content) { return *MakeContentKey({}, content); }

std::string UrlOf(const SocketAddress& address) { return "http://" + address.ToString(); }

constexpr std::string_view kCreated = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";

/// A server on a free port that reads requests and answers what the script says: bytes, or nothing, which closes the
/// connection. One thread, and so one connection at a time.
class ScriptedServer {
 public:
  using Script = std::function<std::string(std::string_view request)>;

  explicit ScriptedServer(Script script)
      : script_(std::move(script)),
        listener_(*ListenTcp(*Resolve({.host = "127.0.0.1"}), SharePort::kNo)),
        address_(*LocalAddress(listener_.get())),
        thread_([this] { Run(); }) {}

  ~ScriptedServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  [[nodiscard]] const SocketAddress& address() const { return address_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void Run() {
    // accept() without waiting is what ListenTcp's sockets do; a request is waited for as long as it takes.
    while (true) {
      fd_set waiting;
      FD_ZERO(&waiting);
      FD_SET(listener_.get(), &waiting);
      if (::select(listener_.get() + 1, &waiting, nullptr, nullptr, nullptr) < 0) return;
      const Descriptor socket(::accept(listener_.get(), nullptr, nullptr));
      if (!socket.is_open()) return;
      ++connections_;
      Serve(socket.get());
    }
  }

  void Serve(int fd) {
    std::string received;
    char buffer[4096];
    while (true) {
      const ssize_t size = ::recv(fd, buffer, sizeof buffer, 0);
      if (size <= 0) return;
      received.append(buffer, static_cast<std::size_t>(size));
      const std::size_t end = received.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const std::size_t length_at = received.find("Content-Length: ");
      const std::size_t body =
          length_at < end ? std::stoul(received.substr(length_at + 16, 20)) : 0;
      if (received.size() < end + 4 + body) continue;
      const std::string answer = script_(std::exchange(received, {}));
      if (answer.empty()) return;
      EXPECT_EQ(::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(answer.size()));
    }
  }

  const Script script_;
  const Descriptor listener_;
  const SocketAddress address_;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

class HttpBackendTest : public testing::Test {
 protected:
  std::unique_ptr<HttpBackend> BackendAt(std::string url, Duration timeout = 30s,
                                         std::size_t connections_max = 100) {
    auto made = HttpBackend::Make(
        clock_, {.url = std::move(url), .timeout = timeout, .connections_max = connections_max});
    EXPECT_TRUE(made);
    return *std::move(made);
  }

  static Result<void> Save(HttpBackend& backend, std::string_view content) {
    std::promise<Result<void>> saved;
    backend.SaveItem({.key = KeyOf(content), .content = content},
                     [&](Result<void> result) { saved.set_value(std::move(result)); });
    return saved.get_future().get();
  }

  static Result<std::uint64_t> Find(HttpBackend& backend, std::string_view content) {
    std::promise<Result<std::uint64_t>> found;
    backend.FindItemsWithContent(KeyOf(content), content, [&](Result<std::uint64_t> result) {
      found.set_value(std::move(result));
    });
    return found.get_future().get();
  }

  static ErrorCode CodeOf(const auto& result) {
    EXPECT_FALSE(result);
    return result ? ErrorCode::kNotFound : result.error().code;
  }

  SystemClock clock_;
};

TEST_F(HttpBackendTest, SavesAndFindsOverOneConnection) {
  std::vector<std::string> seen;
  ScriptedServer server([&](std::string_view request) {
    seen.emplace_back(request);
    return std::string(request.starts_with("HEAD") ? "HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n"
                                                   : kCreated);
  });
  const auto backend = BackendAt(UrlOf(server.address()) + "/deep/");
  EXPECT_EQ(Find(*backend, "hello"), 0U);
  EXPECT_TRUE(Save(*backend, "hello"));
  EXPECT_TRUE(seen.at(0).starts_with("HEAD /deep/v1/contents/sha256/2cf24d"));
  EXPECT_TRUE(seen.at(1).starts_with("POST /deep/v1/items"));
  EXPECT_TRUE(seen.at(1).ends_with("\r\n\r\nhello"));
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpBackendTest, SendsLargeContentsWhole) {
  std::size_t received = 0;
  ScriptedServer server([&](std::string_view request) {
    received = request.size() - request.find("\r\n\r\n") - 4;
    return std::string(kCreated);
  });
  const auto backend = BackendAt(UrlOf(server.address()));
  EXPECT_TRUE(Save(*backend, std::string(20 << 20, 'x')));
  EXPECT_EQ(received, std::size_t{20} << 20);
}

TEST_F(HttpBackendTest, FindsHostsByName) {
  ScriptedServer server([](std::string_view) { return std::string(kCreated); });
  const std::string address = server.address().ToString();
  const auto backend = BackendAt("http://localhost" + address.substr(address.rfind(':')));
  EXPECT_TRUE(Save(*backend, "hello"));
}

TEST_F(HttpBackendTest, AnAddressThatTakesNoConnectionIsFollowedByTheHostsNext) {
  ScriptedServer server([](std::string_view) { return std::string(kCreated); });
  const std::string address = server.address().ToString();
  const auto backend = *HttpBackend::Make(
      clock_, {.url = "http://twice" + address.substr(address.rfind(':')),
               .look_up = [](const Endpoint& endpoint) -> Result<std::vector<SocketAddress>> {
                 return std::vector{*Resolve({.host = "127.0.0.2", .port = endpoint.port}),
                                    *Resolve({.host = "127.0.0.1", .port = endpoint.port})};
               }});
  std::array<std::promise<Result<void>>, 2> at_once;  // maybe both to the first address
  for (auto& saved : at_once)
    backend->SaveItem({.key = KeyOf("hello"), .content = "hello"},
                      [&](Result<void> result) { saved.set_value(std::move(result)); });
  EXPECT_EQ(CodeOf(at_once[0].get_future().get()), ErrorCode::kFailed);
  (void)at_once[1].get_future().get();
  EXPECT_TRUE(Save(*backend, "hello"));
  EXPECT_TRUE(Save(*backend, "again"));
}

TEST_F(HttpBackendTest, ABackendThatIsNotThereWasSentNothing) {
  SocketAddress gone;
  {
    const Descriptor bound = *ListenTcp(*Resolve({.host = "127.0.0.1"}), SharePort::kNo);
    gone = *LocalAddress(bound.get());
  }
  const auto backend = BackendAt(UrlOf(gone));
  EXPECT_EQ(CodeOf(Save(*backend, "hello")), ErrorCode::kFailed);
  EXPECT_EQ(CodeOf(Find(*backend, "hello")), ErrorCode::kFailed);
  const auto nowhere = BackendAt("http://name.invalid");
  EXPECT_EQ(CodeOf(Save(*nowhere, "hello")), ErrorCode::kFailed);
}

TEST_F(HttpBackendTest, AConnectionThatBreaksAfterSendingLeavesItUnknownAndIsNotTriedAgain) {
  int requests = 0;
  ScriptedServer server([&](std::string_view) {
    ++requests;
    return std::string();
  });
  const auto backend = BackendAt(UrlOf(server.address()));
  EXPECT_EQ(CodeOf(Save(*backend, "hello")), ErrorCode::kUnknown);
  EXPECT_EQ(requests, 1);
}

TEST_F(HttpBackendTest, ABackendThatDoesNotAnswerInTimeLeavesItUnknown) {
  const Descriptor silent = *ListenTcp(*Resolve({.host = "127.0.0.1"}), SharePort::kNo);
  const auto backend = BackendAt(UrlOf(*LocalAddress(silent.get())), 100ms);
  EXPECT_EQ(CodeOf(Save(*backend, "hello")), ErrorCode::kUnknown);
}

TEST_F(HttpBackendTest, WhatWaitedForAConnectionInVainWasNotSent) {
  const Descriptor silent = *ListenTcp(*Resolve({.host = "127.0.0.1"}), SharePort::kNo);
  const auto backend = BackendAt(UrlOf(*LocalAddress(silent.get())), 200ms, 1);
  std::promise<Result<void>> first;
  backend->SaveItem({.key = KeyOf("a"), .content = "a"},
                    [&](Result<void> result) { first.set_value(std::move(result)); });
  EXPECT_EQ(CodeOf(Save(*backend, "b")), ErrorCode::kFailed);
  EXPECT_EQ(CodeOf(first.get_future().get()), ErrorCode::kUnknown);
}

TEST_F(HttpBackendTest, WithFewConnectionsCallsTakeTurns) {
  std::atomic<int> requests = 0;
  ScriptedServer server([&](std::string_view) {
    ++requests;
    return std::string(kCreated);
  });
  const auto backend = BackendAt(UrlOf(server.address()), 30s, 1);
  constexpr int kCalls = 200;
  std::atomic<int> left = kCalls;
  std::promise<void> all;
  for (int i = 0; i < kCalls; ++i) {
    backend->SaveItem({.key = KeyOf("x"), .content = "x"}, [&](Result<void> result) {
      EXPECT_TRUE(result);
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().get();
  EXPECT_EQ(requests, kCalls);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpBackendTest, AConnectionThatTheBackendClosedIsNotUsedAgain) {
  ScriptedServer server([](std::string_view) {
    return std::string("HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  const auto backend = BackendAt(UrlOf(server.address()));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Save(*backend, "hello"));
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(HttpBackendTest, WhatIsNoUrlIsRefused) {
  for (const std::string url : {"ftp://backend", "http://user@backend", "http://", "http://a b"})
    EXPECT_EQ(CodeOf(HttpBackend::Make(clock_, {.url = url})), ErrorCode::kInvalidArgument) << url;
}

/// Answers nobody before it has so many requests.
class HeldApplication final : public http::Application {
 public:
  explicit HeldApplication(std::size_t count) : count_(count) {}
  Plan Receive(const http::Request&, std::string_view) override {
    return {.body_bytes_max = 1 << 20};
  }
  void Handle(http::Exchange& exchange) override {
    std::vector<http::Responder> all;
    {
      const MutexLock lock(mutex_);
      owed_.push_back(exchange.Defer());
      if (owed_.size() == count_) all = std::exchange(owed_, {});
    }
    for (http::Responder& responder : all) responder({.status = 201});
  }
  std::shared_ptr<http::StreamHandler> Open(const http::Request&, http::Stream&) override {
    return nullptr;
  }
  http::Response Problem(const http::ProtocolProblem& problem) override {
    return {.status = problem.status};
  }

 private:
  const std::size_t count_;
  Mutex mutex_;
  std::vector<http::Responder> owed_ GUARDED_BY(mutex_);
};

TEST_F(HttpBackendTest, ThousandsOfSlowSavesRunAtOnce) {
  constexpr std::size_t kCalls = 2000;
  HeldApplication application(kCalls);
  const auto server = http::Server::Start(application, clock_,
                                          {.addresses = {*Resolve({.host = "127.0.0.1"})},
                                           .limits = {.connections_per_address_max = 0}});
  ASSERT_TRUE(server);
  const auto backend = BackendAt(UrlOf((*server)->addresses().front()), 60s, kCalls);
  std::atomic<std::size_t> left = kCalls;
  std::promise<void> all;
  for (std::size_t i = 0; i < kCalls; ++i) {
    backend->SaveItem({.key = KeyOf("x"), .content = "x"}, [&](Result<void> result) {
      EXPECT_TRUE(result);
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().get();
}

}  // namespace
}  // namespace itemgate
