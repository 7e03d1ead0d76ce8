// Published messages and Sentinels, with real servers.

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "redis/sentinel.h"
#include "redis/subscriber.h"
#include "testing/eventually.h"
#include "testing/redis_live.h"
#include "testing/redis_server.h"

namespace itemgate::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

class Listening final : public SubscriberOwner {
 public:
  void Subscribed(std::string_view channel, const Failure* failure) override {
    waiting_.Change([&] {
      heard_.push_back((failure == nullptr ? "subscribed " : "refused ") + std::string(channel));
    });
  }
  void MessageCame(std::string_view channel, std::string_view payload) override {
    waiting_.Change([&] { heard_.push_back(std::string(channel) + " " + std::string(payload)); });
  }
  void Interrupted(const Failure& /*why*/) override {
    waiting_.Change([&] { heard_.emplace_back("interrupted"); });
  }
  std::vector<std::string> Take(std::size_t count) {
    EXPECT_TRUE(waiting_.Until([&] { return heard_.size() >= count; }));
    std::vector<std::string> taken;
    waiting_.Change([&] { taken = std::exchange(heard_, {}); });
    return taken;
  }

 private:
  Waiting waiting_;
  std::vector<std::string> heard_;
};

class SubscriberLiveTest : public testing::Test {
 protected:
  void Open(const NodeOptions& options, const std::string& prefix) {
    loop_.Run([&] {
      subscriber_ = *Subscriber::Make(loop_.context(), options, {.channel_prefix = prefix}, heard_);
      subscriber_->Start();
      return subscriber_->Subscribe("a").has_value();
    });
  }
  void TearDown() override {
    loop_.Run([this] { subscriber_.reset(); });
  }
  Listening heard_;
  LiveLoop loop_;
  std::unique_ptr<Subscriber> subscriber_;
};

TEST_F(SubscriberLiveTest, HearsItsChannelsAndNoOthers) {
  const RedisServer server;
  Open({.endpoint = server.endpoint()}, "p:");
  EXPECT_THAT(heard_.Take(1), ElementsAre("subscribed a"));
  loop_.Run([&] { return subscriber_->Subscribe("b").has_value(); });
  EXPECT_THAT(heard_.Take(1), ElementsAre("subscribed b"));
  server.Run({"PUBLISH", "p:a", "one"});
  server.Run({"PUBLISH", "a", "without the prefix"});
  server.Run({"PUBLISH", "p:b", "two"});
  EXPECT_THAT(heard_.Take(2), ElementsAre("a one", "b two"));
  loop_.Run([&] { subscriber_->Unsubscribe("a"); });
  ASSERT_TRUE(Eventually([&] { return server.Run({"PUBLISH", "p:a", "three"}) == "0"; }));
  server.Run({"PUBLISH", "p:b", "four"});
  EXPECT_EQ(heard_.Take(1).back(), "b four");
}

TEST_F(SubscriberLiveTest, SubscribesAgainAfterARestartAndIsPingedMeanwhile) {
  RedisServer server;
  Open({.endpoint = server.endpoint(), .ping_after = milliseconds(20)}, "");
  EXPECT_THAT(heard_.Take(1), ElementsAre("subscribed a"));
  ASSERT_TRUE(Eventually(
      [&] { return server.Run({"INFO", "commandstats"}).contains("cmdstat_ping:calls=4"); }));
  server.Kill();
  EXPECT_THAT(heard_.Take(1), ElementsAre("interrupted"));
  server.Restart();
  EXPECT_THAT(heard_.Take(1), ElementsAre("subscribed a"));
  server.Run({"PUBLISH", "a", "again"});
  EXPECT_THAT(heard_.Take(1), ElementsAre("a again"));
}

TEST_F(SubscriberLiveTest, SubscribesToWhatWasAskedForWhileTheServerDidNotAnswer) {
  RedisServer server;
  Open({.endpoint = server.endpoint(), .call_timeout = milliseconds(50), .timeouts_to_open = 1},
       "");
  EXPECT_THAT(heard_.Take(1), ElementsAre("subscribed a"));
  server.Pause();
  const auto subscribe = [&](const char* channel) {
    return loop_.Run([&] { return subscriber_->Subscribe(channel).has_value(); });
  };
  EXPECT_TRUE(subscribe("b"));
  ASSERT_TRUE(Eventually(
      [&] { return loop_.Run([&] { return subscriber_->state(); }) == NodeState::kUnresponsive; }));
  EXPECT_TRUE(subscribe("c"));
  server.Resume();
  EXPECT_THAT(heard_.Take(2), ElementsAre("subscribed b", "subscribed c"));
}

TEST_F(SubscriberLiveTest, BeginsAnewIfTheQueueHasNoRoomForAChannel) {
  RedisServer server;
  Open({.endpoint = server.endpoint(), .ping_after = seconds(100), .calls_max = 2}, "");
  EXPECT_THAT(heard_.Take(1), ElementsAre("subscribed a"));
  server.Pause();
  loop_.Run([&] {
    (void)subscriber_->Subscribe("b");
    subscriber_->Unsubscribe("b");
    (void)subscriber_->Subscribe("c");
  });
  EXPECT_THAT(heard_.Take(1), ElementsAre("interrupted"));
  server.Resume();
  EXPECT_THAT(heard_.Take(2), ElementsAre("subscribed a", "subscribed c"));
}

TEST_F(SubscriberLiveTest, IsToldIfTheChannelIsForbidden) {
  const RedisServer server({.acl = {"default on nopass +@all ~* resetchannels &other"}});
  Open({.endpoint = server.endpoint()}, "");
  EXPECT_THAT(heard_.Take(1), ElementsAre("refused a"));
}

class SentinelLiveTest : public testing::Test {
 protected:
  static std::vector<std::string> SentinelLines(const RedisServer& primary) {
    return {"sentinel monitor main 127.0.0.1 " + std::to_string(primary.port()) + " 1",
            "sentinel down-after-milliseconds main 300", "sentinel failover-timeout main 2000"};
  }
  std::optional<Endpoint> Primary() {
    return loop_.Run([this] { return group_->primary(); });
  }
  std::string Set(const std::string& key) {
    std::promise<std::string> result;
    loop_.Run([&] {
      group_->node().Send(CommandList("SET", key, "1"), {}, [&](const Answer& answer) {
        const Told told(answer);
        result.set_value(told.ok ? told.replies[0] : told.message);
      });
    });
    return result.get_future().get();
  }
  LiveLoop loop_;
  std::unique_ptr<SentinelPrimary> group_;
};

TEST_F(SentinelLiveTest, FindsThePrimaryAndFollowsItWhenItFails) {
  RedisServer first;
  const RedisServer second({.lines = {"replicaof 127.0.0.1 " + std::to_string(first.port())}});
  ASSERT_TRUE(Eventually(
      [&] { return second.Run({"INFO", "replication"}).contains("master_link_status:up"); }));
  const RedisServer sentinel({.sentinel = true, .lines = SentinelLines(first)});
  const DeadPort dead;
  ASSERT_TRUE(Eventually(
      [&] { return sentinel.Run({"SENTINEL", "MASTER", "main"}).contains("num-slaves\n1"); }));
  const auto settings = ParseConnectionText("redis+sentinel://" + dead.endpoint().ToString() + "," +
                                            sentinel.endpoint().ToString() + "/main");
  ASSERT_TRUE(settings);
  loop_.Run([&] {
    group_ = *SentinelPrimary::Make(loop_.context(), *settings);
    group_->Start();
  });
  ASSERT_TRUE(Eventually([&] { return Set("a") == "OK"; }));
  EXPECT_EQ(Primary()->port, first.port());
  first.Kill();
  ASSERT_TRUE(Eventually([&] { return Set("b") == "OK"; }));
  EXPECT_EQ(Primary()->port, second.port());
  EXPECT_EQ(second.Run({"GET", "b"}), "1");
  loop_.Run([this] { group_.reset(); });
}

// Whom an operator lets watch another server begins with a new epoch; one that was cut off might say the same.
TEST_F(SentinelLiveTest, GoesBackInEpochsOnlyWithMostSentinels) {
  RedisServer first;
  const RedisServer second({.lines = {"replicaof 127.0.0.1 " + std::to_string(first.port())}});
  const RedisServer third;
  std::vector<std::unique_ptr<RedisServer>> sentinels;
  std::string text = "redis+sentinel://";
  for (int i = 0; i < 3; ++i) {
    sentinels.push_back(std::make_unique<RedisServer>(
        RedisServer::Options{.sentinel = true, .lines = SentinelLines(first)}));
    text += (i == 0 ? "" : ",") + sentinels.back()->endpoint().ToString();
  }
  for (const auto& sentinel : sentinels)
    ASSERT_TRUE(Eventually([&] {
      const std::string told = sentinel->Run({"SENTINEL", "MASTER", "main"});
      return told.contains("num-slaves\n1") && told.contains("num-other-sentinels\n2");
    }));
  const auto settings = ParseConnectionText(text + "/main?configCheckSeconds=1");
  loop_.Run([&] {
    group_ = *SentinelPrimary::Make(loop_.context(), *settings);
    group_->Start();
  });
  first.Kill();
  ASSERT_TRUE(Eventually([&] { return Set("a") == "OK" && Primary()->port == second.port(); }));
  // As long as one knows the old epoch it makes the others go back to it.
  for (const auto& sentinel : sentinels) sentinel->Run({"SENTINEL", "REMOVE", "main"});
  const auto watch_third = [&](const RedisServer& sentinel) {
    sentinel.Run({"SENTINEL", "MONITOR", "main", "127.0.0.1", std::to_string(third.port()), "2"});
    // It has been asked once more, and the node has stayed.
    const auto asked = [&] {
      return sentinel.Run({"CLIENT", "LIST"}).contains("cmd=sentinel|master");
    };
    return Eventually(asked);
  };
  EXPECT_TRUE(watch_third(*sentinels[0]));
  EXPECT_EQ(Primary()->port, second.port());
  EXPECT_TRUE(watch_third(*sentinels[1]));
  EXPECT_TRUE(Eventually([&] { return Primary()->port == third.port(); }));
  EXPECT_TRUE(Eventually([&] { return Set("b") == "OK"; }));
  EXPECT_EQ(third.Run({"GET", "b"}), "1");
  loop_.Run([this] { group_.reset(); });
}

}  // namespace
}  // namespace itemgate::redis
