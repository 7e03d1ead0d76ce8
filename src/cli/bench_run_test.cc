#include "cli/bench_run.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "cli/temporary_directory.h"

namespace itemgate::cli {
namespace {

using namespace std::chrono_literals;

/// Runs end with their stream, never by the time.
class BenchRunTest : public testing::Test {
 protected:
  void SetUp() override { directory_ = *TemporaryDirectory::Make(""); }

  [[nodiscard]] BenchRun Make(std::size_t stream_items) const {
    return {clock_,
            {.directory = directory_->path(), .time_max = 1h, .stream_items = stream_items}};
  }

  SystemClock clock_;
  std::unique_ptr<TemporaryDirectory> directory_;
};

TEST_F(BenchRunTest, EveryWorkloadSavesEachContentExactlyOnce) {
  BenchRun run = Make(8192);
  for (const Workload workload : kAllWorkloads) {
    for (const BenchCase& bench_case : {BenchCase{workload, 8, 1}, BenchCase{workload, 3, 1000}}) {
      const auto result = run.Measure(bench_case, {});
      ASSERT_TRUE(result) << result.error().message;
      EXPECT_EQ(result->problem, std::nullopt);
      EXPECT_FALSE(result->interrupted);
      EXPECT_EQ(result->items, 8192u);
      EXPECT_EQ(result->created + result->duplicates, 8192u);
    }
  }
}

TEST_F(BenchRunTest, OnlyDurableWorkloadsTouchTheDisk) {
  BenchRun run = Make(1000);
  EXPECT_GT(run.Measure({Workload::kW3, 1, 100}, {})->syncs, 0u);
  EXPECT_EQ(run.Measure({Workload::kW2, 1, 100}, {})->syncs, 0u);
}

TEST_F(BenchRunTest, LeavesNoStoreBehind) {
  BenchRun run = Make(100);
  ASSERT_TRUE(run.Measure({Workload::kW1, 1, 1}, {}));
  EXPECT_TRUE(std::filesystem::is_empty(directory_->path()));
}

TEST_F(BenchRunTest, AStopBeforeTheStartIsNoProblem) {
  BenchRun run = Make(100);
  std::stop_source stop;
  stop.request_stop();
  const auto result = run.Measure({Workload::kW1, 2, 1}, stop.get_token());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->items, 0u);
  EXPECT_TRUE(result->interrupted);
  EXPECT_EQ(result->problem, std::nullopt);
}

TEST_F(BenchRunTest, AnImpossibleDirectoryIsAnError) {
  BenchRun run(clock_, {.directory = "/dev/null/nowhere", .stream_items = 10});
  EXPECT_FALSE(run.Measure({Workload::kW1, 1, 1}, {}));
}

TEST(TemporaryDirectory, IsGoneWithAllThatIsInIt) {
  std::string path;
  {
    const auto directory = TemporaryDirectory::Make("");
    ASSERT_TRUE(directory);
    path = (*directory)->path();
    std::filesystem::create_directories(path + "/a/b");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TemporaryDirectory, SaysWhyItCannotBeMade) {
  const auto directory = TemporaryDirectory::Make("/dev/null/nowhere");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace itemgate::cli
