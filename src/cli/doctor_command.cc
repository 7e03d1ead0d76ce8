#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "cache/redis/acl.h"
#include "cache/redis/shards.h"
#include "cli/command.h"
#include "cli/redis_doctor.h"
#include "lock/redlock/server_address.h"

namespace itemgate::cli {
namespace {

struct DoctorSettings {
  std::vector<std::string> servers;
  std::string use = "lock";
  std::string prefix = "redlock:";
};

std::string_view SeverityName(Severity severity) {
  if (severity == Severity::kFine) return "ok";
  return severity == Severity::kWarning ? "warning" : "problem";
}

void PrintAsJson(Output& out, const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    JsonWriter json;
    json.BeginObject()
        .Field("severity", SeverityName(finding.severity))
        .Field("server", finding.address)
        .Field("text", finding.text);
    out.PrintLine(json.EndObject().Take());
  }
}

/// What is said of several servers is said once.
void PrintAsText(Output& out, const std::vector<Finding>& findings) {
  std::vector<Finding> lines;
  for (const Finding& finding : findings) {
    const auto same = std::ranges::find_if(lines, [&](const Finding& line) {
      return line.severity == finding.severity && line.text == finding.text;
    });
    if (same == lines.end())
      lines.push_back(finding);
    else
      same->address += ", " + finding.address;
  }
  for (const Finding& line : lines)
    out.PrintLine(fmt::format("{:<8} {}{}{}", SeverityName(line.severity), line.address,
                              line.address.empty() ? "" : " ", line.text));
}

Result<std::vector<redis::ConnectionSettings>> GroupsOf(const DoctorSettings& settings) {
  if (settings.use == "cache") return seen::ParseServers(settings.servers);
  std::vector<redis::ConnectionSettings> votes;
  for (const std::string& text : settings.servers) {
    auto vote = redlock::ParseVote({&text, 1});
    if (!vote && vote.error().code == ErrorCode::kUnsupported)
      return Fail(ErrorCode::kUnsupported,
                  vote.error().message + "; or give --for cache, if they hold a seen cache");
    if (!vote) return std::unexpected(vote.error());
    votes.push_back(*std::move(vote));
  }
  return votes;
}

ExitStatus RunDoctor(Context& context, const DoctorSettings& settings) {
  const auto groups = GroupsOf(settings);
  if (!groups) return context.ReportRedisServers(groups.error());
  const RedisUse use = settings.use == "cache" ? RedisUse::kSeenCache : RedisUse::kLock;
  const std::string_view prefix = use == RedisUse::kLock ? settings.prefix : seen::kKeyPrefix;
  const auto examinations = ExamineRedis(*groups, use, prefix, context.clock());
  if (!examinations) return context.Report(examinations.error());
  const std::vector<Finding> findings = DiagnoseRedis(*examinations, use);
  if (context.options().json)
    PrintAsJson(context.out(), findings);
  else
    PrintAsText(context.out(), findings);
  const bool is_well =
      std::ranges::find(findings, Severity::kProblem, &Finding::severity) == findings.end();
  return is_well ? ExitStatus::kOk : ExitStatus::kSomeItems;
}

}  // namespace

void AddDoctorCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<DoctorSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "doctor",
       .summary = "Examine the Redis servers of a deployment",
       .details =
           "Asks every server for some seconds, and Sentinels and clusters for theirs: is it "
           "there, "
           "which version, a master,\n"
           "the same one twice; may it evict or forget what it is given; TLS; what its user may "
           "and "
           "may not; how its clock runs;\n"
           "can a failover be decided. Changes nothing. Ends with code 1 if there is a problem.\n",
       .examples = "  itemgate doctor redis r1:6379 r2:6379 rediss://user:secret@r3:6380\n"
                   "  itemgate doctor redis redis+sentinel://s1,s2,s3/main r2:6379 r3:6379\n"
                   "  itemgate doctor redis --for cache redis+cluster://c1:6379\n"},
      [&context, settings] { return RunDoctor(context, *settings); });
  static const std::string kWhat = "redis";
  command.add_option("what", "What to examine: redis")
      ->required()
      ->check(CLI::IsMember({kWhat}).description(""));
  command
      .add_option("servers", settings->servers,
                  "The servers: host:port, host:port,password=..., redis://...; of a lock each is "
                  "a vote, and may be a group")
      ->required()
      ->type_name("SERVER");
  command
      .add_option("--for", settings->use,
                  "What they are used for: lock or cache; lock if not given")
      ->type_name("USE")
      ->check(CLI::IsMember({"lock", "cache"}).description(""));
  command
      .add_option("--prefix", settings->prefix,
                  "How the keys of locks begin; redlock: if not given")
      ->type_name("TEXT");
}

}  // namespace itemgate::cli
