#include <algorithm>
#include <array>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "cache/redis/acl.h"
#include "cli/command.h"
#include "lock/redlock/acl.h"

namespace itemgate::cli {
namespace {

using redis::AclPlace;

struct AclSettings {
  std::string user = "itemgate";
  std::string prefix = "redlock:";
  std::vector<std::string> uses = {"lock"};
  std::string place = "server";
  bool database = false;
};

constexpr std::array<std::pair<std::string_view, AclPlace>, 4> kPlaces = {
    {{"server", AclPlace::kServer},
     {"group", AclPlace::kGroupMember},
     {"sentinel", AclPlace::kSentinel},
     {"cluster", AclPlace::kClusterNode}}};

AclPlace PlaceOf(const AclSettings& settings) {
  return std::ranges::find(kPlaces, settings.place,
                           [](const auto& place) { return std::string_view(place.first); })
      ->second;
}

redis::AclNeeds DoctorNeeds(AclPlace place) {
  if (place == AclPlace::kSentinel)
    return {.commands = {"sentinel|replicas", "sentinel|ckquorum", "info"}};
  redis::AclNeeds needs{.commands = {"info", "time"}};
  if (place == AclPlace::kClusterNode) needs.commands.emplace_back("cluster|info");
  return needs;
}

Result<redis::AclNeeds> NeedsOf(const AclSettings& settings) {
  const AclPlace place = PlaceOf(settings);
  redis::AclNeeds needs = redis::ConnectionNeeds(place);
  if (settings.database) needs.commands.emplace_back("select");
  for (const std::string& use : settings.uses) {
    if (use == "doctor") needs.Add(DoctorNeeds(place));
    if (place == AclPlace::kSentinel) continue;  // the same for both
    if (use == "lock" && place == AclPlace::kClusterNode)
      return Fail(ErrorCode::kInvalidArgument,
                  "a Redis Cluster takes no locks: give --for cache, or another --on");
    if (use == "cache" && place == AclPlace::kGroupMember)
      return Fail(ErrorCode::kInvalidArgument,
                  "of a seen cache every server counts, unless Sentinels or a cluster say which: "
                  "give --on server");
    if (use == "lock") needs.Add(redlock::LockNeeds(settings.prefix));
    if (use == "cache") needs.Add(seen::SeenCacheNeeds(place));
  }
  return needs;
}

ExitStatus RunRedisAcl(Context& context, const AclSettings& settings) {
  const auto needs = NeedsOf(settings);
  if (!needs) return context.Report(needs.error());
  const auto line = redis::AclLine(settings.user, *needs);
  if (!line) return context.Report(line.error());
  if (context.options().json) {
    JsonWriter json;
    json.BeginObject()
        .Field("user", settings.user)
        .Field("on", settings.place)
        .Field("line", *line);
    context.out().PrintLine(json.EndObject().Take());
  } else {
    context.out().PrintLine(*line);
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddRedisAclCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<AclSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "redis-acl",
       .summary = "Print the Redis ACL of a user that may do what is needed, and nothing else",
       .details =
           "A line for the file that `aclfile` names, or for ACL SETUSER; put a password in. Redis "
           "does not copy users to replicas,\n"
           "nor to Sentinels, nor to the nodes of a cluster: each takes the line for what it is.\n",
       .examples =
           "  itemgate redis-acl --user locker >> /etc/redis/users.acl\n"
           "  itemgate redis-acl --on group              for each server of host:port,host:port\n"
           "  itemgate redis-acl --on sentinel           for the Sentinels, beside that for "
           "servers\n"
           "  itemgate redis-acl --for cache --on cluster\n"
           "  itemgate redis-acl --for lock --for cache  for the servers of serve --redis\n"},
      [&context, settings] { return RunRedisAcl(context, *settings); });
  command.add_option("--user", settings->user, "The user's name; itemgate if not given")
      ->type_name("NAME");
  command
      .add_option("--for", settings->uses,
                  "What the user does: lock, cache or doctor, as often as there is more than one; "
                  "lock if not given")
      ->type_name("USE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::IsMember({"lock", "cache", "doctor"}).description(""));
  command
      .add_option("--on", settings->place,
                  "What the server is: server (alone, or watched by Sentinels), group (one of "
                  "several in one text),\nsentinel, or cluster; server if not given")
      ->type_name("PLACE")
      ->check(CLI::IsMember({"server", "group", "sentinel", "cluster"}).description(""));
  command
      .add_option("--prefix", settings->prefix,
                  "How the keys of locks begin; redlock: if not given")
      ->type_name("TEXT");
  command.add_flag("--database", settings->database,
                   "Allow SELECT, for texts that name a database");
}

}  // namespace itemgate::cli
