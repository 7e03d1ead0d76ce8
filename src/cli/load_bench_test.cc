#include "cli/load_bench.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mutex.h"
#include "cli/captured_output.h"
#include "cli/command_line.h"
#include "cli/exit_status.h"
#include "cli/temporary_directory.h"
#include "http/server.h"

namespace itemgate::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Saves contents in memory, or forgets that it has, or interrupts this process when it has saved the first.
class TinyService final : public http::Application {
 public:
  enum class Memory { kGood, kNone, kInterrupts };
  explicit TinyService(Memory memory) : memory_(memory) {}

  Plan Receive(const http::Request& /*request*/, std::string_view /*peer*/) override {
    return {.refusal = {}, .body_bytes_max = 1 << 20};
  }
  void Handle(http::Exchange& exchange) override {
    const MutexLock lock(mutex_);
    const bool is_new =
        contents_.insert(std::string(exchange.body())).second || memory_ == Memory::kNone;
    if (memory_ == Memory::kInterrupts && is_new && contents_.size() == 1)
      (void)kill(getpid(), SIGINT);
    http::Response response{.status = is_new ? 201 : 200};
    response.Add("Item-Outcome", is_new ? "created" : "duplicate");
    exchange.Answer(std::move(response));
  }
  std::shared_ptr<http::StreamHandler> Open(const http::Request& /*request*/,
                                            http::Stream& /*stream*/) override {
    return nullptr;  // nothing is streamed
  }
  http::Response Problem(const http::ProtocolProblem& problem) override {
    return {.status = problem.status, .body = std::string(problem.detail)};
  }

 private:
  const Memory memory_;
  Mutex mutex_;
  std::set<std::string> contents_ GUARDED_BY(mutex_);
};

struct Ended {
  int status = 0;
  std::string out;
  std::string err;
};

Ended Bench(std::vector<std::string> arguments) {
  const SystemClock clock;
  const CapturedOutput out;
  const CapturedOutput err;
  arguments.insert(arguments.begin(), {"itemgate", "bench"});
  const int status =
      RunProgram(clock, std::move(arguments), {.out = out.descriptor(), .err = err.descriptor()});
  return {status, out.text(), err.text()};
}

/// The same against a server with that memory.
Ended BenchServer(TinyService::Memory memory, std::vector<std::string> arguments) {
  const SystemClock clock;
  TinyService service(memory);
  const auto server = http::Server::Start(
      service, clock, {.addresses = {*Resolve({.host = "127.0.0.1", .port = 0})}});
  EXPECT_TRUE(server);
  arguments.insert(arguments.end(), {"--server", (*server)->addresses().front().ToString()});
  return Bench(std::move(arguments));
}

TEST(LoadBench, SavesEachContentOfAWorkloadOnce) {
  const Ended ended =
      BenchServer(TinyService::Memory::kGood, {"--items", "4000", "--connections", "8"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("(4,000 succeeded, 0 failed"));
  EXPECT_THAT(ended.out, HasSubstr("created 2,000   duplicate 2,000\n"));
}

TEST(LoadBench, AServerThatSavesAContentTwiceIsFoundOut) {
  const Ended ended = BenchServer(TinyService::Memory::kNone, {"--items", "100"});
  EXPECT_EQ(ended.status, static_cast<int>(ExitStatus::kSomeItems));
  EXPECT_THAT(ended.err, HasSubstr("50 distinct contents were sent, but 100 items were created"));
}

TEST(LoadBench, StepsBeginWithThePeak) {
  const auto directory = TemporaryDirectory::Make("");
  const std::string plot = (*directory)->path() + "/steps.svg";
  const Ended ended = BenchServer(TinyService::Memory::kGood, {"--distinct", "10", "--steps", "0.5",
                                                               "--seconds", "0.1", "--plot", plot});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("\npeak "));
  EXPECT_THAT(ended.out, HasSubstr("\n0.50 x peak "));
  std::ifstream file(plot);
  EXPECT_THAT(std::string(std::istreambuf_iterator(file), {}), HasSubstr("0.50 x peak</text>"));
}

TEST(LoadBench, ALoadThatWasCutShortIsMarked) {
  const std::vector<std::string> load = {"--items", "100000", "--seconds", "3600"};
  const Ended ended = BenchServer(TinyService::Memory::kInterrupts, load);
  EXPECT_EQ(ended.status, static_cast<int>(ExitStatus::kInterrupted));
  EXPECT_THAT(ended.out, HasSubstr("64 connections, interrupted after "));
  EXPECT_THAT(ended.out, Not(HasSubstr("3600")));
  std::vector<std::string> as_json = load;
  as_json.emplace_back("--json");
  EXPECT_THAT(BenchServer(TinyService::Memory::kInterrupts, as_json).out,
              HasSubstr(R"("interrupted":true)"));
  std::vector<std::string> steps = load;
  steps.insert(steps.end(), {"--steps", "2"});
  const Ended peak = BenchServer(TinyService::Memory::kInterrupts, steps);
  EXPECT_EQ(peak.status, static_cast<int>(ExitStatus::kInterrupted));
  EXPECT_THAT(peak.out, testing::MatchesRegex("(.|\n)*\npeak [^\n]*  interrupted after [^\n]*\n"));
}

TEST(LoadBench, OptionsOfALoadNeedAServer) {
  const Ended ended = Bench({"--rate", "5"});
  EXPECT_EQ(ended.status, static_cast<int>(ExitStatus::kUsage));
  EXPECT_THAT(ended.err, HasSubstr("--rate requires --server"));
}

TEST(LoadBench, OptionsOfThisMachineExcludeAServer) {
  const Ended ended = Bench({"--server", "127.0.0.1:1", "--line"});
  EXPECT_EQ(ended.status, static_cast<int>(ExitStatus::kUsage));
  EXPECT_THAT(ended.err, HasSubstr("--server excludes --line"));
}

TEST(LoadBench, TakesNoNumberOutOfItsRange) {
  for (const char* option : {"--rate", "--timeout", "--steps"}) {
    for (const char* value : {"nan", "-nan", "inf", "-1", "1e9", "x"}) {
      const Ended ended = Bench({"--server", "127.0.0.1:1", option, value});
      EXPECT_EQ(ended.status, static_cast<int>(ExitStatus::kUsage)) << option << " " << value;
      EXPECT_THAT(ended.err, HasSubstr(std::string(value) + " is not a number from "));
    }
  }
  const Ended local = Bench({"--seconds", "nan"});
  EXPECT_EQ(local.status, static_cast<int>(ExitStatus::kUsage));
  EXPECT_THAT(local.err, HasSubstr("--seconds: nan is not a number from 0.01 to 3600"));
}

TEST(LoadBench, SaysThatNobodyListens) {
  const Ended ended = Bench({"--server", "127.0.0.1:1"});
  EXPECT_EQ(ended.status, static_cast<int>(ExitStatus::kServer));
  EXPECT_THAT(ended.err, HasSubstr("cannot load 127.0.0.1:1: "));
}

}  // namespace
}  // namespace itemgate::cli
