#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "cli/command.h"
#include "cli/redis_doctor.h"
#include "lock/redlock/server_address.h"

namespace itemgate::cli {
namespace {

struct DoctorSettings {
  std::vector<std::string> servers;
};

struct AclSettings {
  std::string user = "itemgate";
  std::string prefix = "redlock:";
};

std::string_view SeverityName(Severity severity) {
  if (severity == Severity::kFine) return "ok";
  return severity == Severity::kWarning ? "warning" : "problem";
}

ExitStatus RunDoctor(Context& context, const DoctorSettings& settings) {
  std::vector<redis::NodeOptions> servers;
  for (const std::string& text : settings.servers) {
    auto server = redlock::ParseServerAddress(text);
    if (!server) return context.Report(server.error());
    servers.push_back(*std::move(server));
  }
  const auto examinations = ExamineRedis(servers, context.clock());
  if (!examinations) return context.Report(examinations.error());
  bool has_problem = false;
  for (const Finding& finding : DiagnoseLockServers(*examinations)) {
    has_problem = has_problem || finding.severity == Severity::kProblem;
    const std::string_view severity = SeverityName(finding.severity);
    if (context.options().json) {
      JsonWriter json;
      json.BeginObject()
          .Field("severity", severity)
          .Field("server", finding.address)
          .Field("text", finding.text);
      context.out().PrintLine(json.EndObject().Take());
    } else {
      const std::string& address = finding.address;
      context.out().PrintLine(
          fmt::format("{:<8} {}{}{}", severity, address, address.empty() ? "" : " ", finding.text));
    }
  }
  return has_problem ? ExitStatus::kSomeItems : ExitStatus::kOk;
}

}  // namespace

void AddDoctorCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<DoctorSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "doctor",
       .summary = "Examine the Redis servers of a deployment",
       .details = "Asks every server for some three seconds: is it there, which version, a master, "
                  "the same one twice; may it\n"
                  "evict or forget locks; TLS and user; how its clock runs. Ends with code 1 if "
                  "there is a problem.\n",
       .examples = "  itemgate doctor redis r1:6379 r2:6379 rediss://user:secret@r3:6380\n"},
      [&context, settings] { return RunDoctor(context, *settings); });
  static const std::string kWhat = "redis";
  command.add_option("what", "What to examine: redis")
      ->required()
      ->check(CLI::IsMember({kWhat}).description(""));
  command
      .add_option("servers", settings->servers,
                  "The servers: host:port, host:port,password=..., redis://...")
      ->required()
      ->type_name("SERVER");
}

void AddRedisAclCommand(CLI::App& root, Context& context) {
  const auto settings = std::make_shared<AclSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "redis-acl",
       .summary = "Print the Redis ACL of a user that may lock, and nothing else",
       .details =
           "A line for the file that `aclfile` names, or for ACL SETUSER; put a password in.\n",
       .examples = "  itemgate redis-acl --user locker >> /etc/redis/users.acl\n"},
      [&context, settings] {
        context.out().PrintLine(LeastLockAcl(settings->user, settings->prefix));
        return ExitStatus::kOk;
      });
  command.add_option("--user", settings->user, "The user's name; itemgate if not given")
      ->type_name("NAME");
  command.add_option("--prefix", settings->prefix, "How the keys begin; redlock: if not given")
      ->type_name("TEXT");
}

}  // namespace itemgate::cli
