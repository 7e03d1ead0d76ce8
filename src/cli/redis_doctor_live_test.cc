// The doctor among real servers, Sentinels and clusters.
#include <algorithm>
#include <array>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "cache/redis/acl.h"
#include "cache/redis/shards.h"
#include "cli/redis_doctor.h"
#include "lock/redlock/acl.h"
#include "lock/redlock/server_address.h"
#include "testing/redis_acl.h"
#include "testing/redlock_fixture.h"

namespace itemgate::cli {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

const SystemClock kClock;

std::vector<Finding> Examine(const std::vector<std::string>& texts) {
  std::vector<redis::ConnectionSettings> votes;
  for (const std::string& text : texts) {
    auto vote = redlock::ParseVote({&text, 1});
    EXPECT_TRUE(vote.has_value()) << vote.error().message;
    votes.push_back(*std::move(vote));
  }
  const auto examined = ExamineRedis(votes, RedisUse::kLock, "redlock:", kClock);
  EXPECT_TRUE(examined.has_value()) << examined.error().message;
  return DiagnoseRedis(*examined, RedisUse::kLock);
}

std::vector<Finding> ExamineCache(const std::string& text) {
  const auto examined =
      ExamineRedis(*seen::ParseServers({&text, 1}), RedisUse::kSeenCache, seen::kKeyPrefix, kClock);
  EXPECT_TRUE(examined.has_value()) << examined.error().message;
  return DiagnoseRedis(*examined, RedisUse::kSeenCache);
}

auto Says(Severity severity, const std::string& text, const std::string& address = "") {
  return Contains(AllOf(Field("severity", &Finding::severity, severity),
                        Field("text", &Finding::text, HasSubstr(text)),
                        Field("address", &Finding::address, HasSubstr(address))));
}
auto Problem(const std::string& text, const std::string& address = "") {
  return Says(Severity::kProblem, text, address);
}
auto Warning(const std::string& text, const std::string& address = "") {
  return Says(Severity::kWarning, text, address);
}
auto HasNoProblem() {
  return Not(Contains(Field("severity", &Finding::severity, Severity::kProblem)));
}

TEST(RedisDoctorLive, AUserOfThePrintedAclOverTlsWithAnAppendOnlyFileIsAllFine) {
  const RedisCertificates certificates;
  redis::AclNeeds needs = redis::ConnectionNeeds(redis::AclPlace::kServer);
  needs.Add(redlock::LockNeeds("redlock:"));
  needs.Add({.commands = {"time"}});
  const LeastUser user(needs);
  const RedisServer server(
      {.arguments = {"--appendonly", "yes"}, .tls = &certificates, .client_certificate = true});
  user.MakeOn(server);
  server.Run({"SET", "redlock:kept", "1"});
  const auto findings =
      Examine({server.endpoint().ToString() + ",ssl=true,user=least,password=secret,sslCaFile=" +
               certificates.ca_file() + ",sslCertFile=" + certificates.client_certificate() +
               ",sslKeyFile=" + certificates.client_key()});
  EXPECT_THAT(findings, testing::Each(Field("severity", &Finding::severity, Severity::kFine)));
  EXPECT_EQ(findings.size(), 2);
  EXPECT_EQ(server.Run({"KEYS", "*"}), "redlock:kept");  // nothing was done
}

TEST(RedisDoctorLive, WhatAUserMayNotIsNamed) {
  const RedisServer server;
  server.Run({"ACL", "SETUSER", "poor", "on", ">secret", "~redlock:*", "resetchannels", "+ping",
              "+info", "+set", "+get", "+del", "+eval", "+publish"});
  server.Run({"ACL", "SETUSER", "elsewhere", "on", ">secret", "~other:*", "&*", "+@all"});
  const std::string address = server.endpoint().ToString();
  const auto poor = Examine({address + ",user=poor,password=secret"});
  EXPECT_THAT(poor, Problem("its user poor may not PEXPIRE, EVALSHA: `itemgate redis-acl` prints"));
  EXPECT_THAT(poor, Warning("may not SCRIPT LOAD, SUBSCRIBE, UNSUBSCRIBE, so that"));
  EXPECT_THAT(poor, Warning("may not use the channels"));
  EXPECT_THAT(poor, Warning("allow +time"));
  EXPECT_THAT(poor, Not(Warning("is used as")));
  const auto elsewhere = Examine({address + ",user=elsewhere,password=secret"});
  EXPECT_THAT(elsewhere, Problem("its user elsewhere may not use the keys"));
  EXPECT_THAT(elsewhere, Warning("the elsewhere user, who may change its configuration"));
  EXPECT_THAT(Examine({address + ",password=wrong"}), Problem("AUTH: "));
}

TEST(RedisDoctorLive, SilentAndRepeatedServersAndReplicasAreNoVotes) {
  RedisServer server;
  const RedisServer replica({.lines = {"replicaof 127.0.0.1 " + std::to_string(server.port())}});
  RedisServer silent;
  silent.Pause();
  const auto findings =
      Examine({server.endpoint().ToString(), "localhost:" + std::to_string(server.port()),
               replica.endpoint().ToString(), silent.endpoint().ToString()});
  EXPECT_THAT(findings, Problem("is the same server as " + server.endpoint().ToString()));
  EXPECT_THAT(findings, Problem("give its master's address, " + server.endpoint().ToString(),
                                replica.endpoint().ToString()));
  EXPECT_THAT(findings, Problem("cannot be reached", silent.endpoint().ToString()));
  EXPECT_THAT(findings, Problem("1 of 4 votes can be given; 3 are needed"));
  silent.Resume();
}

TEST(RedisDoctorLive, OfSeveralServersOneIsTheMasterOfTheOthers) {
  const RedisServer first;
  const RedisServer second({.lines = {"replicaof 127.0.0.1 " + std::to_string(first.port())}});
  EXPECT_TRUE(Eventually(
      [&] { return second.Run({"INFO", "replication"}).contains("master_link_status:up"); }));
  const std::string both = first.endpoint().ToString() + "," + second.endpoint().ToString();
  const auto well = Examine({both});
  EXPECT_THAT(well, Says(Severity::kFine, "that of the master, " + first.endpoint().ToString()));
  EXPECT_THAT(well, HasNoProblem());
  second.Run({"REPLICAOF", "NO", "ONE"});
  EXPECT_THAT(Examine({both}), Problem("may be given twice"));
  const DeadPort nowhere;
  second.Run({"REPLICAOF", "127.0.0.1", std::to_string(nowhere.endpoint().port)});
  const auto astray = Examine({both});
  EXPECT_THAT(astray, Warning("is not linked to its master", second.endpoint().ToString()));
  EXPECT_THAT(astray, Problem("has not the data of", second.endpoint().ToString()));
}

class RedisDoctorWithSentinels : public testing::Test {
 protected:
  RedisDoctorWithSentinels() {
    for (auto& sentinel : sentinels_)
      sentinel = std::make_unique<RedisServer>(RedisServer::Options{
          .sentinel = true,
          .lines = {"sentinel monitor main 127.0.0.1 " + std::to_string(primary_.port()) + " 2",
                    "sentinel down-after-milliseconds main 500"}});
    for (const auto& sentinel : sentinels_) {
      EXPECT_TRUE(Eventually([&] {
        const std::string told = sentinel->Run({"SENTINEL", "MASTER", "main"});
        return told.contains("num-slaves\n1") && told.contains("num-other-sentinels\n2");
      }));
    }
  }
  [[nodiscard]] std::string Text(std::size_t count) const {
    std::string text = "redis+sentinel://";
    for (std::size_t i = 0; i < count; ++i)
      text += (i == 0 ? "" : ",") + sentinels_[i]->endpoint().ToString();
    return text + "/main";
  }

  RedisServer primary_;
  const RedisServer replica_{{.lines = {"replicaof 127.0.0.1 " + std::to_string(primary_.port())}}};
  std::array<std::unique_ptr<RedisServer>, 3> sentinels_;
};

TEST_F(RedisDoctorWithSentinels, TheyTellOfTheServersAndOfThemselves) {
  const auto well = Examine({Text(3)});
  EXPECT_THAT(well, HasNoProblem());
  EXPECT_THAT(well, Says(Severity::kFine, "the master is " + primary_.endpoint().ToString()));
  EXPECT_THAT(well, Says(Severity::kFine, "Redis 7", replica_.endpoint().ToString()));
  EXPECT_THAT(well, Says(Severity::kFine, "1 of 1 votes can be given"));
  EXPECT_THAT(well, Not(Warning("Sentinel")));
  EXPECT_THAT(Examine({Text(2)}), Warning("has 3 Sentinels, of which 2 are given"));
  EXPECT_THAT(Examine({"redis+sentinel://" + sentinels_[0]->endpoint().ToString() + "/other"}),
              AllOf(Problem("No such master"), Problem("nobody knows the master"),
                    Problem("0 of 1 votes")));
  // The replica, once more, and the master, as votes of their own.
  EXPECT_THAT(Examine({Text(3), replica_.endpoint().ToString(), primary_.endpoint().ToString()}),
              AllOf(Problem("is a replica", replica_.endpoint().ToString()),
                    Problem("is the same server as", primary_.endpoint().ToString()),
                    Problem("1 of 3 votes can be given")));
}

TEST_F(RedisDoctorWithSentinels, AFailoverThatCannotBeDecidedIsAProblem) {
  sentinels_[1]->Kill();
  sentinels_[2]->Kill();
  EXPECT_TRUE(Eventually(
      [&] { return sentinels_[0]->Run({"SENTINEL", "CKQUORUM", "main"}).contains("NOQUORUM"); }));
  const auto findings = Examine({Text(3)});
  EXPECT_THAT(findings, Problem("cannot decide a failover: NOQUORUM 1 usable"));
  EXPECT_THAT(findings, Problem("cannot be reached", sentinels_[2]->endpoint().ToString()));
  primary_.Kill();
  EXPECT_TRUE(Eventually(
      [&] { return sentinels_[0]->Run({"SENTINEL", "MASTER", "main"}).contains("s_down"); }));
  const auto down = Examine({Text(1)});
  EXPECT_THAT(down, Problem("sees the master as s_down,master"));
  EXPECT_THAT(down, Problem("the Sentinels give this address", primary_.endpoint().ToString()));
  EXPECT_THAT(down, Warning("is not linked to its master", replica_.endpoint().ToString()));
}

TEST(RedisDoctorLive, AClusterIsExaminedAsASeenCache) {
  std::array<std::unique_ptr<RedisServer>, 3> servers;
  std::vector<std::string> create{"--cluster", "create"};
  for (auto& server : servers) {
    server = std::make_unique<RedisServer>(RedisServer::Options{
        .cluster = true, .lines = {"maxmemory 100mb", "maxmemory-policy allkeys-lru"}});
    create.push_back(server->ClusterAddress());
  }
  create.emplace_back("--cluster-yes");
  const std::string text = "redis+cluster://" + servers[0]->endpoint().ToString();
  EXPECT_THAT(ExamineCache(text), Problem("only 0 of 16384 slots have a server"));
  servers[0]->Run(create);
  for (const auto& server : servers)
    EXPECT_TRUE(
        Eventually([&] { return server->Run({"CLUSTER", "INFO"}).contains("cluster_state:ok"); }));
  const auto well = ExamineCache(text);
  EXPECT_THAT(well, HasNoProblem());
  EXPECT_THAT(well, Says(Severity::kFine, "3 primaries, 0 replicas"));
  EXPECT_THAT(well, Warning("has no replica", servers[2]->endpoint().ToString()));
  servers[1]->Run({"CONFIG", "SET", "maxmemory-policy", "volatile-lru"});
  EXPECT_THAT(ExamineCache(text),
              Problem("evicts nothing that it remembers", servers[1]->endpoint().ToString()));
  servers[2]->Kill();
  EXPECT_TRUE(Eventually(
      [&] { return servers[0]->Run({"CLUSTER", "INFO"}).contains("cluster_state:fail"); }));
  EXPECT_THAT(ExamineCache(text),
              AllOf(Problem("is in the state \"fail\""),
                    Problem("the cluster gives this address", servers[2]->endpoint().ToString())));
}

}  // namespace
}  // namespace itemgate::cli
