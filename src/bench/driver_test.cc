#include "bench/driver.h"

#include <atomic>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/mutex.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;

/// A clock that moves when somebody calls Tick. Any thread.
class TickingClock final : public Clock {
 public:
  [[nodiscard]] Instant Now() const override { return Instant(ticks_.load() * Duration(1ms)); }
  [[nodiscard]] WallTime WallNow() const override { return WallTime{}; }
  void Tick() { ++ticks_; }

 private:
  std::atomic<int> ticks_ = 0;
};

/// Stands in for a service: a call takes one tick, and a number is created once. Any thread.
class FakeService {
 public:
  explicit FakeService(TickingClock& clock) : clock_(clock) {}

  [[nodiscard]] CallReport Save(std::span<const std::uint32_t> numbers) EXCLUDES(mutex_) {
    clock_.Tick();
    const MutexLock lock(mutex_);
    CallReport report;
    for (const std::uint32_t number : numbers) {
      const bool created = seen_.insert(number).second;
      report.created += created ? 1 : 0;
      report.duplicates += created ? 0 : 1;
    }
    return report;
  }

 private:
  TickingClock& clock_;
  Mutex mutex_;
  std::set<std::uint32_t> seen_ GUARDED_BY(mutex_);
};

class DriverTest : public testing::Test {
 protected:
  Measurement Measure(std::span<const std::uint32_t> stream, const DriverOptions& options) {
    return Drive(stream, options, clock_, [this] {
      return [this](std::span<const std::uint32_t> numbers) { return service_.Save(numbers); };
    });
  }

  static std::vector<std::uint32_t> Numbers(std::size_t count) {
    std::vector<std::uint32_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0u);
    return numbers;
  }

  TickingClock clock_;
  FakeService service_{clock_};
};

TEST_F(DriverTest, ManyCallersSendTheWholeStreamOnce) {
  auto stream = Numbers(10'001);
  stream.insert(stream.end(), stream.begin(), stream.begin() + 500);
  const Measurement done = Measure(stream, {.callers = 8, .items_per_call = 7, .time_max = 1h});
  EXPECT_EQ(done.items, 10'501u);
  EXPECT_EQ(done.created, 10'001u);
  EXPECT_EQ(done.duplicates, 500u);
  EXPECT_EQ(done.latency.count(), 10'501u);
  EXPECT_EQ(done.problem, std::nullopt);
}

TEST_F(DriverTest, ABatchCountsItsLatencyForEachItem) {
  const Measurement done = Measure(Numbers(100), {.items_per_call = 40, .time_max = 1h});
  EXPECT_EQ(done.elapsed, 3ms);
  EXPECT_EQ(done.latency.count(), 100u);
  const auto median = static_cast<double>(done.latency.Quantile(0.5).count());
  EXPECT_NEAR(median, 1e6, 2e4);
}

TEST_F(DriverTest, EndsWhenTheTimeIsSpent) {
  const Measurement done = Measure(Numbers(100), {.items_per_call = 2, .time_max = 5ms});
  EXPECT_EQ(done.items, 10u);
  EXPECT_EQ(done.elapsed, 5ms);
}

TEST_F(DriverTest, EndsEarlyWhenAskedTo) {
  std::stop_source stop;
  const auto make_caller = [&] {
    return [&](std::span<const std::uint32_t> numbers) {
      if (numbers.front() == 3) stop.request_stop();
      return service_.Save(numbers);
    };
  };
  const Measurement done =
      Drive(Numbers(100), {.time_max = 1h, .stop = stop.get_token()}, clock_, make_caller);
  EXPECT_EQ(done.items, 4u);
}

TEST_F(DriverTest, AProblemEndsItAndIsReported) {
  const auto make_caller = [&] {
    return [&](std::span<const std::uint32_t> numbers) {
      return numbers.front() == 5 ? CallReport{.problem = "the disk is full"}
                                  : service_.Save(numbers);
    };
  };
  const Measurement done = Drive(Numbers(100), {.callers = 3, .time_max = 1h}, clock_, make_caller);
  EXPECT_EQ(done.problem, "the disk is full");
  EXPECT_LT(done.items, 100u);
}

TEST_F(DriverTest, AnEmptyStreamIsNoWork) { EXPECT_EQ(Measure({}, {.callers = 4}).items, 0u); }

}  // namespace
}  // namespace itemgate
