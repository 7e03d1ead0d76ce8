#include "http/server.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mutex.h"

namespace itemgate::http {
namespace {

using std::chrono::seconds;
using testing::EndsWith;
using testing::StartsWith;

/// Answers with the body; "/later" when a test says so; "/stream" with chunks until the peer is gone.
class TestApplication final : public Application {
 public:
  Plan Receive(const Request& request, std::string_view /*peer*/) override {
    return {.body = request.path == "/stream" ? Body::kStreamed : Body::kWhole,
            .body_bytes_max = 64 << 20};
  }
  void Handle(Exchange& exchange) override {
    if (exchange.request().path != "/later") {
      return exchange.Answer({.body = std::string(exchange.body())});
    }
    const MutexLock lock(mutex_);
    owed_.push_back(exchange.Defer());
    changed_.NotifyAll();
  }
  std::shared_ptr<StreamHandler> Open(const Request&, Stream& stream) override {
    stream.Begin({});
    return std::make_shared<Flood>(*this, stream);
  }
  Response Problem(const ProtocolProblem& problem) override {
    return {.status = problem.status, .body = std::string(problem.code)};
  }

  /// Waits until so many are owed, and takes them.
  std::vector<Responder> TakeOwed(std::size_t count) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (owed_.size() < count) changed_.Wait(mutex_);
    return std::exchange(owed_, {});
  }
  void WaitUntilClosed() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (!closed_) changed_.Wait(mutex_);
  }

 private:
  struct Flood final : StreamHandler {
    Flood(TestApplication& to_tell, Stream& to_fill) : application(to_tell), stream(to_fill) {}
    void BodyArrived(std::string_view) override {}
    void BodyEnded() override {}
    void OutputDrained() override { stream.Write(std::string(100'000, 'x')); }
    void Closed() override {
      const MutexLock lock(application.mutex_);
      application.closed_ = true;
      application.changed_.NotifyAll();
    }
    TestApplication& application;
    Stream& stream;
  };

  Mutex mutex_;
  ConditionVariable changed_;
  std::vector<Responder> owed_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

/// A blocking client that gives up after ten seconds.
class TestClient {
 public:
  explicit TestClient(const SocketAddress& address)
      : socket_(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const auto* where = reinterpret_cast<const sockaddr*>(&address.storage);
    EXPECT_EQ(::connect(socket_.get(), where, address.length), 0);
  }

  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// All that comes until the text is there, or the server closes.
  std::string ReadUntil(std::string_view text) {
    std::string all;
    char buffer[4096];
    while (!all.contains(text)) {
      const ssize_t length = ::recv(socket_.get(), buffer, sizeof buffer, 0);
      if (length <= 0)
        return all + (length == 0 ? "<end>" : errno == ECONNRESET ? "<reset>" : "<timeout>");
      all.append(buffer, static_cast<std::size_t>(length));
    }
    return all;
  }
  void HalfClose() { ::shutdown(socket_.get(), SHUT_WR); }
  void Close() { socket_.Close(); }

 private:
  Descriptor socket_;
};

class ServerTest : public testing::Test {
 protected:
  void Start(ServerLimits limits = {}, int thread_count = 2) {
    Server::Options options;
    options.addresses.push_back(Resolve({"127.0.0.1", 0}).value());
    options.thread_count = thread_count;
    options.limits = limits;
    server_ = Server::Start(application_, clock_, std::move(options)).value();
  }
  [[nodiscard]] TestClient Connect() { return TestClient(server_->addresses().at(0)); }

  static std::string Post(std::string_view path, std::string_view body) {
    return "POST " + std::string(path) +
           " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
  }

  SystemClock clock_;
  TestApplication application_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersManyRequestsOnOneConnection) {
  Start();
  TestClient client = Connect();
  for (int i = 0; i < 20; ++i) {
    const std::string body = "body " + std::to_string(i) + ".";
    client.Send(Post("/", body));
    EXPECT_THAT(client.ReadUntil(body), EndsWith("\r\n\r\n" + body));
  }
  const ServerStatistics statistics = server_->Statistics();
  EXPECT_EQ(statistics.requests, 20u);
  EXPECT_EQ(statistics.connections, 1u);
  EXPECT_GT(statistics.bytes_received, 20u * Post("/", "body 0.").size() - 1);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  Start();
  TestClient client = Connect();
  std::string all;
  for (int i = 0; i < 1000; ++i) all += Post("/", "<" + std::to_string(i) + ">");
  client.Send(all);
  std::string answers = client.ReadUntil("<999>");
  std::size_t at = 0;
  for (int i = 0; i < 1000; ++i) {
    at = answers.find("\r\n\r\n<" + std::to_string(i) + ">", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST_F(ServerTest, TakesALargeBodyAndSendsItBack) {
  Start();
  TestClient client = Connect();
  const std::string body = std::string(20 << 20, 'x') + "end";
  std::thread sender([&] { client.Send(Post("/", body)); });
  EXPECT_THAT(client.ReadUntil("end"), EndsWith(body.substr(body.size() - 1000)));
  sender.join();
}

TEST_F(ServerTest, SaysWhatIsWrongToAClientThatIsStillSending) {
  Start();
  TestClient client = Connect();
  client.Send(Post("/", std::string(65 << 20, 'x')).substr(0, 4 << 20));
  EXPECT_THAT(client.ReadUntil("too-large"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, AnswersAClientThatHasClosedItsSide) {
  Start();
  TestClient client = Connect();
  client.Send(Post("/later", ""));
  client.HalfClose();
  application_.TakeOwed(1)[0]({.body = "answer"});
  EXPECT_THAT(client.ReadUntil("<end>"), EndsWith("\r\n\r\nanswer<end>"));
}

TEST_F(ServerTest, AnAnswerForAClientThatIsGoneHarmsNobody) {
  Start({}, 1);
  std::vector<Responder> owed;
  for (int i = 0; i < 10; ++i) {
    TestClient client = Connect();
    client.Send(Post("/later", ""));
    owed.push_back(std::move(application_.TakeOwed(1)[0]));
    client.Send(Post("/later", "half").substr(0, 30));
    client.Close();
  }
  std::thread answering([&] {
    for (Responder& answer : owed) answer({.body = std::string(1 << 20, 'x')});
  });
  answering.join();
  TestClient client = Connect();
  client.Send(Post("/", "alive"));
  EXPECT_THAT(client.ReadUntil("alive"), EndsWith("alive"));
}

TEST_F(ServerTest, AStreamEndsWithItsClient) {
  Start();
  TestClient client = Connect();
  client.Send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("xxxxxx"), StartsWith("HTTP/1.1 200 OK\r\n"));
  client.Close();
  application_.WaitUntilClosed();
}

TEST_F(ServerTest, ClosesConnectionsBeyondTheLimits) {
  Start({.connections_per_address_max = 3});
  std::vector<TestClient> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(Connect());
  for (TestClient& client : clients) {
    client.Send(Post("/", "in"));
    EXPECT_THAT(client.ReadUntil("in"), EndsWith("in"));
  }
  EXPECT_EQ(Connect().ReadUntil("x"), "<end>");
  EXPECT_EQ(server_->Statistics().connections_refused, 1u);
  clients.clear();
  std::string answer;
  while (!answer.ends_with("in")) {  // the server has yet to see that they are gone
    TestClient client = Connect();
    client.Send(Post("/", "in"));
    answer = client.ReadUntil("in");
  }
}

TEST_F(ServerTest, ClosesConnectionsBeyondTheLimitOfAll) {
  Start({.connections_max = 2, .connections_per_address_max = 0});
  std::vector<TestClient> clients;
  for (int i = 0; i < 2; ++i) clients.push_back(Connect());
  for (TestClient& client : clients) {
    client.Send(Post("/", "in"));
    EXPECT_THAT(client.ReadUntil("in"), EndsWith("in"));
  }
  EXPECT_EQ(Connect().ReadUntil("x"), "<end>");
}

TEST_F(ServerTest, DrainsWithTheAnswersThatAreOwed) {
  Start({}, 1);  // one loop drains all at once: when the idle one is closed, the busy one knows
  TestClient idle = Connect();
  idle.Send(Post("/", "x"));
  EXPECT_THAT(idle.ReadUntil("x"), EndsWith("x"));
  TestClient busy = Connect();
  busy.Send(Post("/later", ""));
  std::vector<Responder> owed = application_.TakeOwed(1);
  std::thread answering([&] {
    EXPECT_EQ(idle.ReadUntil("<end>"), "<end>");
    owed[0]({.body = "owed"});
    EXPECT_THAT(busy.ReadUntil("<end>"), EndsWith("Connection: close\r\n\r\nowed<end>"));
    busy.Close();
  });
  EXPECT_EQ(server_->Drain(seconds(10)), 0u);
  answering.join();
  EXPECT_EQ(server_->Statistics().connections, 0u);
}

TEST_F(ServerTest, DrainsNoLongerThanItIsTold) {
  Start();
  TestClient busy = Connect();
  busy.Send(Post("/later", ""));
  const std::vector<Responder> owed = application_.TakeOwed(1);
  EXPECT_EQ(server_->Drain(std::chrono::milliseconds(1)), 1u);
  server_.reset();
  EXPECT_THAT(busy.ReadUntil("<never>"), testing::AnyOf("<end>", "<reset>"));
}

TEST_F(ServerTest, ServesAnInheritedSocketOnAllLoops) {
  Server::Options options;
  options.inherited.push_back(ListenTcp(Resolve({"127.0.0.1", 0}).value(), SharePort::kNo).value());
  options.thread_count = 2;
  server_ = Server::Start(application_, clock_, std::move(options)).value();
  for (int i = 0; i < 20; ++i) {
    TestClient client = Connect();
    client.Send(Post("/", "hello"));
    EXPECT_THAT(client.ReadUntil("hello"), EndsWith("hello"));
  }
}

TEST_F(ServerTest, SaysThatAnAddressIsTaken) {
  for (const int thread_count : {1, 2}) {
    Start({}, thread_count);
    Server::Options options;
    options.addresses = server_->addresses();
    options.thread_count = thread_count;
    const auto second = Server::Start(application_, clock_, std::move(options));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  }
}

}  // namespace
}  // namespace itemgate::http
