#include "cli/redis_doctor.h"

#include <algorithm>
#include <tuple>

#include <gmock/gmock.h>

namespace itemgate::cli {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

constexpr const char* kHealthy =
    "# Server\r\nredis_version:7.0.15\r\nrun_id:aaa\r\nuptime_in_seconds:5\r\nmaxmemory:0\r\n"
    "maxmemory_policy:noeviction\r\naof_enabled:1\r\nrole:master\r\n";

GroupExamination Healthy(const std::string& address, const std::string& run_id) {
  std::string info = kHealthy;
  info.replace(info.find("aaa"), 3, run_id);
  return {.name = address,
          .servers = {{.address = address,
                       .info = info,
                       .uses_tls = true,
                       .user = "locker",
                       .clock_offset = std::chrono::milliseconds(3),
                       .clock_drift = std::chrono::microseconds(20)}}};
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

std::vector<Finding> Diagnose(const std::vector<GroupExamination>& groups) {
  return DiagnoseRedis(groups, RedisUse::kLock);
}

bool AllFine(const std::vector<GroupExamination>& groups) {
  return std::ranges::all_of(
      Diagnose(groups), [](const Finding& finding) { return finding.severity == Severity::kFine; });
}

auto Says(Severity severity, const std::string& text) {
  return Contains(
      testing::AllOf(Field(&Finding::severity, severity), Field(&Finding::text, HasSubstr(text))));
}

TEST(RedisDoctor, InfoIsReadByWholeNames) {
  EXPECT_EQ(InfoField(kHealthy, "role"), "master");
  EXPECT_EQ(InfoField(kHealthy, "maxmemory"), "0");
  EXPECT_EQ(InfoField(kHealthy, "memory"), "");
  EXPECT_EQ(InfoField("", "role"), "");
}

TEST(RedisDoctor, HealthyServersAreFine) {
  EXPECT_TRUE(AllFine({Healthy("a", "1"), Healthy("b", "2"), Healthy("c", "3")}));
}

TEST(RedisDoctor, EachFaultIsNamed) {
  struct Case {
    std::string from;
    std::string to;
    Severity severity;
    std::string text;
  };
  for (const Case& one :
       {Case{"role:master", "role:slave", Severity::kProblem, "is a replica"},
        Case{"noeviction", "volatile-lru", Severity::kWarning, "may evict locks"},
        Case{"aof_enabled:1", "aof_enabled:0", Severity::kWarning, "forgets its locks"},
        Case{"aof_enabled:1", "aof_enabled:1\r\naof_last_write_status:err", Severity::kProblem,
             "MISCONF"},
        Case{"maxmemory:0", "maxmemory:1000\r\nused_memory:950", Severity::kWarning,
             "uses 950 of its 1000 bytes"},
        Case{"run_id:1", "run_id:2", Severity::kProblem, "is the same server as a"}}) {
    std::vector<GroupExamination> groups = {Healthy("a", "1"), Healthy("b", "2"),
                                            Healthy("c", "3")};
    std::string& info = groups[0].servers[0].info;
    info = Replaced(info, one.from, one.to);
    EXPECT_THAT(Diagnose(groups), Says(one.severity, one.text));
  }
}

TEST(RedisDoctor, WhoDoesNotAnswerInfoNeedNotBeForbiddenTo) {
  GroupExamination group = Healthy("a", "1");
  RedisExamination& server = group.servers[0];
  server.info.clear();
  EXPECT_THAT(Diagnose({group}), Says(Severity::kWarning, "allow +info"));
  server.silence = "no answer within 1 s";
  EXPECT_THAT(Diagnose({group}), Says(Severity::kProblem, "no answer within 1 s"));
  EXPECT_THAT(Diagnose({group}), testing::Not(Says(Severity::kWarning, "allow +info")));
}

TEST(RedisDoctor, ALimitedMemoryMakesEvictionAProblem) {
  GroupExamination group = Healthy("a", "1");
  std::string& info = group.servers[0].info;
  info = Replaced(Replaced(info, "maxmemory:0", "maxmemory:100"), "noeviction", "allkeys-lru");
  EXPECT_THAT(Diagnose({group}), Says(Severity::kProblem, "may evict locks"));
  EXPECT_TRUE(std::ranges::none_of(
      DiagnoseRedis({group}, RedisUse::kSeenCache),
      [](const Finding& finding) { return finding.severity != Severity::kFine; }));
}

TEST(RedisDoctor, ASeenCacheWantsALimitAndEviction) {
  GroupExamination group = Healthy("a", "1");
  EXPECT_THAT(DiagnoseRedis({group}, RedisUse::kSeenCache),
              Says(Severity::kWarning, "has no maxmemory"));
  std::string& info = group.servers[0].info;
  info = Replaced(info, "maxmemory:0", "maxmemory:100");
  EXPECT_THAT(DiagnoseRedis({group}, RedisUse::kSeenCache),
              Says(Severity::kProblem, "noeviction evicts nothing"));
}

TEST(RedisDoctor, ClocksUsersTransportsAndReach) {
  GroupExamination group = Healthy("a", "1");
  RedisExamination& server = group.servers[0];
  server.clock_offset = std::chrono::seconds(-5);
  server.clock_drift = std::chrono::milliseconds(50);
  server.user = "default";
  server.uses_tls = false;
  const GroupExamination gone{.name = "b",
                              .servers = {{.address = "b", .failure = "connection refused"}}};
  const auto findings = Diagnose({group, gone});
  EXPECT_THAT(findings, Says(Severity::kWarning, "differs from this machine's by -5000 ms"));
  EXPECT_THAT(findings, Says(Severity::kWarning, "moved 50.0 ms"));
  EXPECT_THAT(findings, Says(Severity::kWarning, "default user"));
  EXPECT_THAT(findings, Says(Severity::kWarning, "without TLS"));
  EXPECT_THAT(findings, Says(Severity::kProblem, "connection refused"));
  EXPECT_THAT(findings, Says(Severity::kProblem, "1 of 2 votes can be given; 2 are needed"));
  EXPECT_THAT(findings, Says(Severity::kWarning, "an even number"));
}

TEST(RedisDoctor, SentinelsThatDisagree) {
  GroupExamination group = Healthy("a:1", "1");
  group.name = "main@s1:1,s2:1,s3:1";
  group.topology = redis::Topology::kSentinel;
  for (const auto& [address, master, epoch] :
       {std::tuple("s1:1", "a:1", 7), {"s2:1", "b:1", 6}, {"s3:1", "a:1", 7}})
    group.sentinels.push_back({.address = address,
                               .run_id = address == std::string("s3:1") ? "s1:1" : address,
                               .master = master,
                               .flags = "master",
                               .epoch = epoch,
                               .other_sentinels = 1,
                               .quorum_check = "OK 2 usable Sentinels."});
  const auto findings = Diagnose({group});
  EXPECT_THAT(findings,
              Says(Severity::kProblem, "does not agree with a Sentinel of a higher epoch"));
  EXPECT_THAT(findings, Says(Severity::kProblem, "is the same Sentinel as s1:1"));
  EXPECT_THAT(findings, Says(Severity::kWarning, "has 2 Sentinels: fewer than three"));
  EXPECT_THAT(findings, Says(Severity::kWarning, "has no replica"));
  group.servers[0].info = Replaced(group.servers[0].info, "role:master", "role:slave");
  EXPECT_THAT(Diagnose({group}), Says(Severity::kProblem, "a:1 is no master"));
}

}  // namespace
}  // namespace itemgate::cli
