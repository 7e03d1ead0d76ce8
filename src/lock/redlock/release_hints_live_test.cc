#include <gtest/gtest.h>

#include "lock/redlock/release_hints.h"
#include "testing/redis_live.h"
#include "testing/redis_server.h"

namespace itemgate::redlock {
namespace {

/// Counts what was released, as it is told.
class ReleaseCount final : public VoteReceiver {
 public:
  void OnVote(const Question&, int, Vote) override {}
  void OnNoScript(std::span<const Question>, int) override {}
  void OnBatchRefused(std::span<const Question>, int) override {}
  void OnIdentity(int, std::string_view) override {}
  void OnConnectionChanged(int) override {}
  void OnReleased(std::string_view key) override {
    waiting_.Change([&] { released_ += key == "redlock:a" ? 1 : 0; });
  }
  [[nodiscard]] bool Reaches(int count) {
    return waiting_.Until([&] { return released_ >= count; });
  }

 private:
  redis::Waiting waiting_;
  int released_ = 0;
};

TEST(ReleaseHintsLive, WhatIsWatchedAnewMayHaveBeenReleasedJustBefore) {
  const RedisServer server;
  ReleaseCount count;
  redis::LiveLoop loop;
  auto hints = loop.Run([&] {
    return ReleaseHints::Make(loop.context(), {}, [&] { return server.endpoint(); }, count);
  });
  ASSERT_TRUE(hints) << hints.error().message;
  loop.Run([&] { (*hints)->Watch("redlock:a"); });
  EXPECT_TRUE(count.Reaches(1));  // nobody has published anything
  server.Run({"PUBLISH", "redlock:a", ""});
  EXPECT_TRUE(count.Reaches(2));
  loop.Run([&] { hints->reset(); });
}

}  // namespace
}  // namespace itemgate::redlock
