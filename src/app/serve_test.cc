#include "app/serve.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mutex.h"
#include "net/tcp.h"
#include "obs/process.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class LinesInMemory final : public LogSink {
 public:
  void WriteLine(std::string_view line) override {
    const MutexLock lock(mutex_);
    lines_.emplace_back(line);
  }
  std::uint64_t dropped() const override { return 0; }

  /// How many lines hold `part`.
  [[nodiscard]] std::ptrdiff_t CountOf(std::string_view part) const {
    const MutexLock lock(mutex_);
    return std::ranges::count_if(lines_, [&](const auto& line) { return line.contains(part); });
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> lines_ GUARDED_BY(mutex_);
};

constexpr int kPatienceMilliseconds = 30'000;  // more than anything here takes

void WaitFor(int fd, short events) {
  pollfd wait{.fd = fd, .events = events, .revents = 0};
  ASSERT_EQ(poll(&wait, 1, kPatienceMilliseconds), 1);
}

Descriptor ConnectTo(const std::string& address) {
  auto socket = BeginConnectTcp(Resolve(Endpoint::Parse(address).value()).value()).value();
  WaitFor(socket.get(), POLLOUT);
  EXPECT_TRUE(FinishConnectTcp(socket.get()));
  return socket;
}

/// What arrives until the peer closes the connection.
std::string ReadToEnd(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count < 0 && errno == EAGAIN) {
      WaitFor(fd, POLLIN);
      if (testing::Test::HasFatalFailure()) return text;
    } else {
      return text;
    }
  }
}

/// The answer to one request on a connection of its own.
std::string Ask(const std::string& address, const std::string& line, const std::string& body = "") {
  const Descriptor socket = ConnectTo(address);
  const std::string request =
      line + " HTTP/1.1\r\nHost: " + address +
      "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  EXPECT_EQ(write(socket.get(), request.data(), request.size()),
            static_cast<ssize_t>(request.size()));
  return ReadToEnd(socket.get());
}

/// Lets this process open that many files, and as many as before in the end.
class OpenFilesLimited {
 public:
  explicit OpenFilesLimited(rlim_t files_max) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit limited{.rlim_cur = files_max, .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limited), 0);
  }
  ~OpenFilesLimited() { setrlimit(RLIMIT_NOFILE, &before_); }
  OpenFilesLimited(const OpenFilesLimited&) = delete;
  OpenFilesLimited& operator=(const OpenFilesLimited&) = delete;

 private:
  rlimit before_{};
};

class ServeTest : public testing::Test {
 protected:
  ServeTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "itemgate-serve-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    settings_.data = directory_ + "/data";
    settings_.listen = settings_.management_listen = {"127.0.0.1:0"};
    settings_.threads = 1;
  }
  ~ServeTest() override { std::filesystem::remove_all(directory_); }

  Result<std::unique_ptr<Serve>> Start() {
    return Serve::Start(settings_, {.clock = clock_,
                                    .log_sink = sink_,
                                    .version = "1.2.3",
                                    .inherited = {},
                                    .drain_requested = [this] { ++drains_requested_; }});
  }

  SystemClock clock_;
  LinesInMemory sink_;
  std::string directory_;
  config::Settings settings_;
  std::atomic<int> drains_requested_ = 0;  // by a thread of the management listener
};

TEST_F(ServeTest, ServesItemsAndKeepsThem) {
  {
    const auto serve = Start();
    ASSERT_TRUE(serve) << serve.error().message;
    EXPECT_THAT(Ask((*serve)->addresses().front(), "POST /v1/items", "hello"),
                AllOf(StartsWith("HTTP/1.1 201 "), HasSubstr("\"id\":1")));
  }
  const auto serve = Start();
  ASSERT_TRUE(serve) << serve.error().message;
  EXPECT_EQ((*serve)->store_statistics().items, 1U);
  EXPECT_THAT(Ask((*serve)->addresses().front(), "POST /v1/items", "hello"),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Ask((*serve)->addresses().front(), "GET /v1/items/1"), testing::EndsWith("hello"));
}

TEST_F(ServeTest, OneCanBeTheBackendOfAnother) {
  const auto backend = Start();
  ASSERT_TRUE(backend) << backend.error().message;
  settings_.data = directory_ + "/front";
  settings_.backend_url = "http://" + (*backend)->addresses().front();
  const auto front = Start();
  ASSERT_TRUE(front) << front.error().message;
  const std::string address = (*front)->addresses().front();
  EXPECT_THAT(Ask(address, "POST /v1/items", "hello"), StartsWith("HTTP/1.1 201 "));
  EXPECT_THAT(Ask((*backend)->addresses().front(), "GET /v1/items/1"), testing::EndsWith("hello"));
  (void)(*backend)->Drain();
  EXPECT_THAT(Ask(address, "POST /v1/items", "new"),
              AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("Item-Outcome: failed\r\n")));
  EXPECT_THAT(Ask(address, "POST /v1/items", "hello"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServeTest, RefusesABackendThatIsNone) {
  settings_.backend_url = "ftp://slow-system";
  const auto serve = Start();
  ASSERT_FALSE(serve);
  EXPECT_THAT(serve.error().message, AllOf(HasSubstr("https"), HasSubstr("--backend.url")));
}

TEST_F(ServeTest, TellsOperatorsHowItIs) {
  const auto serve = Start();
  ASSERT_TRUE(serve) << serve.error().message;
  const std::string management = (*serve)->management_addresses().front();
  EXPECT_THAT(Ask(management, "GET /readyz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Ask(management, "GET /metrics"),
              AllOf(HasSubstr("itemgate_build_info{version=\"1.2.3\"} 1"),
                    HasSubstr("\nitemgate_ready 1\n")));
  EXPECT_THAT(Ask((*serve)->addresses().front(), "GET /metrics"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(ServeTest, AsksItsOwnerOnceToDrain) {
  const auto serve = Start();
  ASSERT_TRUE(serve) << serve.error().message;
  const std::string management = (*serve)->management_addresses().front();
  EXPECT_THAT(Ask(management, "POST /drain"), StartsWith("HTTP/1.1 202 "));
  EXPECT_THAT(Ask(management, "POST /drain"), StartsWith("HTTP/1.1 202 "));
  EXPECT_EQ(drains_requested_, 1);
}

TEST_F(ServeTest, NamesTheAddressThatIsTaken) {
  const auto taken = ListenTcp(Resolve({.host = "127.0.0.1"}).value(), SharePort::kNo);
  ASSERT_TRUE(taken);
  const std::string address = LocalAddress(taken->get()).value().ToString();
  for (auto* listen : {&settings_.listen, &settings_.management_listen}) {
    const auto before = std::exchange(*listen, {address});
    const auto serve = Start();
    ASSERT_FALSE(serve);
    EXPECT_EQ(serve.error().code, ErrorCode::kIo);
    EXPECT_THAT(serve.error().message, AllOf(HasSubstr(address), HasSubstr("listen)")));
    *listen = before;
  }
}

TEST_F(ServeTest, ASecondOneOnTheSameDirectoryIsRefusedAndTheFirstGoesOn) {
  const auto first = Start();
  ASSERT_TRUE(first) << first.error().message;
  const auto second = Start();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_THAT(Ask((*first)->addresses().front(), "POST /v1/items", "x"),
              StartsWith("HTTP/1.1 201 "));
}

TEST_F(ServeTest, ClosesConnectionsThatItHasNoDescriptorsFor) {
  const OpenFilesLimited limited(ProcessStatisticsNow().open_files + 200);
  settings_.limits_connections_per_address = 0;
  const auto serve = Start();
  ASSERT_TRUE(serve) << serve.error().message;
  EXPECT_EQ(sink_.CountOf(" info  connections_limited connections="), 1);

  // The clients are of this process, so they take as many descriptors again.
  std::vector<Descriptor> clients;
  for (int i = 0; i < 60; ++i) clients.push_back(ConnectTo((*serve)->addresses().front()));
  EXPECT_EQ(ReadToEnd(clients.back().get()), "");
  EXPECT_THAT(Ask((*serve)->management_addresses().front(), "GET /healthz"),
              StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServeTest, WarnsOfFewerConnectionsThanWereAskedFor) {
  const OpenFilesLimited limited(ProcessStatisticsNow().open_files + 200);
  settings_.limits_connections = 10'000;
  const auto serve = Start();
  ASSERT_TRUE(serve) << serve.error().message;
  EXPECT_EQ(sink_.CountOf(" warn  connections_limited connections="), 1);
}

TEST_F(ServeTest, DoesNotStartWithoutDescriptorsForConnections) {
  const OpenFilesLimited limited(ProcessStatisticsNow().open_files + 100);
  const auto serve = Start();
  ASSERT_FALSE(serve);
  EXPECT_THAT(serve.error().message, HasSubstr("leaves none for connections"));
  EXPECT_THAT(serve.error().message, HasSubstr("LimitNOFILE="));
}

TEST_F(ServeTest, AReloadChangesWhatIsLoggedAndNothingElse) {
  const auto serve = Start();
  ASSERT_TRUE(serve) << serve.error().message;
  const std::string address = (*serve)->addresses().front();
  (void)Ask(address, "GET /v1/stats");
  EXPECT_EQ(sink_.CountOf("/v1/stats"), 0);

  config::Settings loaded = settings_;
  loaded.log_level = "debug";
  loaded.log_requests = "all";
  loaded.limits_body_bytes = {1};
  EXPECT_TRUE((*serve)->Reload(loaded));
  EXPECT_TRUE((*serve)->log().Enabled(LogLevel::kDebug));
  (void)Ask(address, "GET /v1/stats");
  EXPECT_EQ(sink_.CountOf("/v1/stats"), 1);
  EXPECT_THAT(Ask(address, "POST /v1/items", "more than one byte"), StartsWith("HTTP/1.1 201 "));
}

TEST_F(ServeTest, TellsInTheMetricsWhetherTheLastReloadFailed) {
  const auto serve = Start();
  ASSERT_TRUE(serve) << serve.error().message;
  const std::string management = (*serve)->management_addresses().front();
  (*serve)->ReloadFailed();
  EXPECT_THAT(Ask(management, "GET /metrics"),
              HasSubstr("\nitemgate_config_last_reload_successful 0\n"));
  EXPECT_TRUE((*serve)->Reload(settings_));
  EXPECT_THAT(Ask(management, "GET /metrics"),
              HasSubstr("\nitemgate_config_last_reload_successful 1\n"));
}

TEST_F(ServeTest, ADrainEndsConnectionsAndRefusesNewOnes) {
  const auto serve = Start();
  ASSERT_TRUE(serve) << serve.error().message;
  const std::string address = (*serve)->addresses().front();
  (void)Ask(address, "POST /v1/items", "kept");
  const Descriptor idle = ConnectTo(address);

  EXPECT_EQ((*serve)->Drain(), Serve::Drained::kAll);

  EXPECT_EQ(ReadToEnd(idle.get()), "");
  auto socket = BeginConnectTcp(Resolve(Endpoint::Parse(address).value()).value());
  if (socket) {
    WaitFor(socket->get(), POLLOUT);
    EXPECT_FALSE(FinishConnectTcp(socket->get()));
  }
  EXPECT_EQ(sink_.CountOf(" draining"), 1);
  EXPECT_EQ(sink_.CountOf(" drained connections_cut=0 requests_handed_back=0 saves_under_way=0"),
            1);
}

}  // namespace
}  // namespace itemgate
