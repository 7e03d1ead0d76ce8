#include "cli/redis_doctor.h"

#include <algorithm>

#include <gmock/gmock.h>

namespace itemgate::cli {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

constexpr const char* kHealthy =
    "# Server\r\nredis_version:7.0.15\r\nrun_id:aaa\r\nuptime_in_seconds:5\r\nmaxmemory:0\r\n"
    "maxmemory_policy:noeviction\r\naof_enabled:1\r\nrole:master\r\n";

RedisExamination Healthy(const std::string& address, const std::string& run_id) {
  std::string info = kHealthy;
  info.replace(info.find("aaa"), 3, run_id);
  return {.address = address,
          .info = info,
          .uses_tls = true,
          .is_default_user = false,
          .clock_offset = std::chrono::milliseconds(3),
          .clock_drift = std::chrono::microseconds(20)};
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

bool AllFine(const std::vector<RedisExamination>& servers) {
  return std::ranges::all_of(DiagnoseLockServers(servers), [](const Finding& finding) {
    return finding.severity == Severity::kFine;
  });
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
        Case{"run_id:1", "run_id:2", Severity::kProblem, "is the same server as a"}}) {
    std::vector<RedisExamination> servers = {Healthy("a", "1"), Healthy("b", "2"),
                                             Healthy("c", "3")};
    servers[0].info = Replaced(servers[0].info, one.from, one.to);
    EXPECT_THAT(DiagnoseLockServers(servers), Says(one.severity, one.text));
  }
}

TEST(RedisDoctor, WhoDoesNotAnswerInfoNeedNotBeForbiddenTo) {
  RedisExamination server = Healthy("a", "1");
  server.info.clear();
  EXPECT_THAT(DiagnoseLockServers({server}), Says(Severity::kWarning, "allow +info"));
  server.silence = "no answer within 1 s";
  EXPECT_THAT(DiagnoseLockServers({server}), Says(Severity::kProblem, "no answer within 1 s"));
  EXPECT_THAT(DiagnoseLockServers({server}), testing::Not(Says(Severity::kWarning, "allow +info")));
}

TEST(RedisDoctor, TheAclBeginsWithNothing) {
  EXPECT_THAT(LeastLockAcl("me", "redlock:"),
              testing::StartsWith("user me reset on >PASSWORD resetchannels ~redlock:* &redlock:* "
                                  "+select +set "));
}

TEST(RedisDoctor, ALimitedMemoryMakesEvictionAProblem) {
  RedisExamination server = Healthy("a", "1");
  server.info =
      Replaced(Replaced(server.info, "maxmemory:0", "maxmemory:100"), "noeviction", "allkeys-lru");
  EXPECT_THAT(DiagnoseLockServers({server}), Says(Severity::kProblem, "may evict locks"));
}

TEST(RedisDoctor, ClocksUsersTransportsAndReach) {
  RedisExamination server = Healthy("a", "1");
  server.clock_offset = std::chrono::seconds(-5);
  server.clock_drift = std::chrono::milliseconds(50);
  server.is_default_user = true;
  server.uses_tls = false;
  const RedisExamination gone{.address = "b", .failure = "connection refused"};
  const auto findings = DiagnoseLockServers({server, gone});
  EXPECT_THAT(findings, Says(Severity::kWarning, "differs from this machine's by -5000 ms"));
  EXPECT_THAT(findings, Says(Severity::kWarning, "moved 50.0 ms"));
  EXPECT_THAT(findings, Says(Severity::kWarning, "default user"));
  EXPECT_THAT(findings, Says(Severity::kWarning, "without TLS"));
  EXPECT_THAT(findings, Says(Severity::kProblem, "connection refused"));
  EXPECT_THAT(findings, Says(Severity::kProblem, "1 of 2 servers answer; 2 are needed"));
  EXPECT_THAT(findings, Says(Severity::kWarning, "an even number"));
}

}  // namespace
}  // namespace itemgate::cli
