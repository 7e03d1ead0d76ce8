#include "cli/signals.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include <gtest/gtest.h>

namespace itemgate::cli {
namespace {

constexpr Duration kPatience = std::chrono::seconds(30);  // nothing here waits so long

/// Sends this process a signal as somebody else does.
void SendFromOutside(int signal) {
  const pid_t child = fork();
  if (child == 0) _exit(kill(getppid(), signal));
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
}

/// Runs `body` in a process of its own: a thread that an earlier test left behind, as RocksDB does, would take signals.
void RunAlone(void (*body)()) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        body();
        _exit(testing::Test::HasFailure() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}

TEST(SignalsDeathTest, TellsWhatWasAskedForAndByWhom) {
  RunAlone([] {
    Signals signals;
    SendFromOutside(SIGTERM);
    EXPECT_EQ(signals.Wait(kPatience), Signal::kEnd);
    SendFromOutside(SIGINT);
    EXPECT_EQ(signals.Wait(kPatience), Signal::kEnd);
    SendFromOutside(SIGHUP);
    EXPECT_EQ(signals.Wait(kPatience), Signal::kReload);
    Signals::RequestEnd();
    EXPECT_EQ(signals.Wait(kPatience), Signal::kEndRequested);
    EXPECT_EQ(signals.Wait(Duration::zero()), std::nullopt);
  });
}

TEST(SignalsDeathTest, ThoseThatComeTooLateDoNothing) {
  RunAlone([] {
    {
      const Signals signals;
      SendFromOutside(SIGHUP);
      SendFromOutside(SIGTERM);
    }
    Signals signals;
    EXPECT_EQ(signals.Wait(Duration::zero()), std::nullopt);
  });
}

}  // namespace
}  // namespace itemgate::cli
