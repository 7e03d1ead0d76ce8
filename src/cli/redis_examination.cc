#include "cli/redis_examination.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/random.h"
#include "cache/redis/acl.h"
#include "cli/redis_interview.h"
#include "lock/redlock/acl.h"

namespace itemgate::cli {
namespace {

using redis::Answer;
using redis::CommandList;
using redis::Topology;

constexpr Duration kBetweenSamples = std::chrono::seconds(1);

std::int64_t NumberOf(std::string_view text) {
  std::int64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Why the answer says nothing; empty: it does.
std::string SilenceOf(const Answer& answer) {
  if (!answer.ok()) return answer.failure->message;
  return answer.replies[0].is_error() ? std::string(answer.replies[0].text()) : "";
}

bool IsForbidden(const Answer& answer) {
  return answer.ok() && answer.replies[0].is_error() &&
         answer.replies[0].error_kind() == redis::FailureKind::kNoPermission;
}

/// A command that tells whether `command` is allowed on that key, and channel, and has no effect. Redis looks at the
/// ACL before it looks at the arguments, but for their number.
std::optional<CommandList> ProbeOf(std::string_view command, std::string_view key) {
  constexpr std::string_view kNothing = "return 0";
  if (command == "get" || command == "del" || command == "mget") return CommandList(command, key);
  if (command == "set") return CommandList(command, key, "", "NOSUCHOPTION");
  if (command == "mset") return CommandList(command, key, "", key);
  if (command == "pexpire") return CommandList(command, key, 1);
  if (command == "eval") return CommandList(command, kNothing, 1, key);
  if (command == "evalsha") return CommandList(command, "no digest", 1, key);
  if (command == "script|load") return CommandList("script", "load", kNothing);
  if (command == "publish") return CommandList(command, key, "");
  if (command == "subscribe" || command == "unsubscribe") return CommandList(command, key);
  if (command == "role") return CommandList(command);
  if (command == "cluster|slots") return CommandList("cluster", "slots");
  return std::nullopt;  // INFO is asked anyway, the others are only sent where they are allowed
}

std::string InCapitals(std::string_view command) {
  std::string text(command);
  std::ranges::transform(text, text.begin(), [](char c) {
    if (c == '|') return ' ';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

class Examination {
 public:
  Examination(RedisUse use, std::string_view prefix, const Clock& clock)
      : use_(use),
        key_(fmt::format("{}itemgate-doctor-{:016x}", prefix, UnpredictableSeed())),
        clock_(clock) {}

  [[nodiscard]] Result<std::vector<GroupExamination>> Run(
      const std::vector<redis::ConnectionSettings>& groups) {
    std::vector<GroupExamination> examinations(groups.size());
    if (auto found = FindServers(groups, examinations); !found)
      return std::unexpected(found.error());
    RedisInterviews interviews(clock_);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      for (RedisExamination& server : examinations[i].servers)
        if (auto added = AddServer(interviews, groups[i], server); !added)
          return std::unexpected(added.error());
    }
    interviews.Run();
    return examinations;
  }

 private:
  /// Who belongs to each group; asks Sentinels and clusters.
  [[nodiscard]] Result<void> FindServers(const std::vector<redis::ConnectionSettings>& groups,
                                         std::vector<GroupExamination>& examinations) {
    RedisInterviews interviews(clock_);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      GroupExamination& group = examinations[i];
      group.topology = groups[i].topology;
      for (const Endpoint& endpoint : groups[i].endpoints)
        group.name.append(group.name.empty() ? "" : ",").append(endpoint.ToString());
      if (group.topology == Topology::kSentinel)
        group.name = groups[i].service_name + "@" + group.name;
      if (auto added = AddFinders(interviews, groups[i], group); !added) return added;
    }
    interviews.Run();
    for (GroupExamination& group : examinations) TakeServers(group);
    return {};
  }

  [[nodiscard]] static Result<void> AddFinders(RedisInterviews& interviews,
                                               const redis::ConnectionSettings& settings,
                                               GroupExamination& group) {
    if (settings.topology == Topology::kNodes) {
      for (const Endpoint& endpoint : settings.endpoints)
        group.servers.push_back({.address = endpoint.ToString()});
      return {};
    }
    redis::NodeOptions options = settings.node;
    if (settings.topology == Topology::kSentinel)
      options.greeting = settings.sentinel_greeting;
    else
      group.cluster.emplace().silence = "none of its nodes that were given can be reached";
    group.sentinels.resize(settings.endpoints.size());  // of a cluster: the nodes that are asked
    for (std::size_t i = 0; i < settings.endpoints.size(); ++i) {
      SentinelExamination& sentinel = group.sentinels[i];
      options.endpoint = settings.endpoints[i];
      sentinel.address = options.endpoint.ToString();
      const bool is_cluster = settings.topology == Topology::kCluster;
      auto added =
          interviews.Add(options, sentinel.failure,
                         [&, is_cluster, name = settings.service_name](RedisInterview& interview) {
                           if (is_cluster)
                             AskCluster(interview, *group.cluster, sentinel.address);
                           else
                             AskSentinel(interview, name, sentinel);
                         });
      if (!added) return added;
    }
    return {};
  }

  static void AskSentinel(RedisInterview& interview, const std::string& name,
                          SentinelExamination& sentinel) {
    interview.Send(CommandList("SENTINEL", "MASTER", name), [&](const Answer& answer) {
      sentinel.silence = SilenceOf(answer);
      if (!sentinel.silence.empty()) return;
      const redis::Replies fields = answer.replies[0].elements();
      const Endpoint master{std::string(ValueOf(fields, "ip")),
                            static_cast<std::uint16_t>(NumberOf(ValueOf(fields, "port")))};
      sentinel.master = master.ToString();
      sentinel.flags = ValueOf(fields, "flags");
      sentinel.epoch = NumberOf(ValueOf(fields, "config-epoch"));
      sentinel.other_sentinels = NumberOf(ValueOf(fields, "num-other-sentinels"));
    });
    interview.Send(CommandList("SENTINEL", "REPLICAS", name), [&](const Answer& answer) {
      if (!answer.ok()) return;
      for (const redis::Reply& replica : answer.replies[0].elements())
        sentinel.replicas.push_back(
            {.host = std::string(ValueOf(replica.elements(), "ip")),
             .port = static_cast<std::uint16_t>(NumberOf(ValueOf(replica.elements(), "port")))});
    });
    interview.Send(CommandList("SENTINEL", "CKQUORUM", name), [&](const Answer& answer) {
      if (answer.ok() && !IsForbidden(answer)) sentinel.quorum_check = answer.replies[0].text();
    });
    interview.Send(CommandList("INFO", "server"), [&](const Answer& answer) {
      if (answer.ok() && !answer.replies[0].is_error())
        sentinel.run_id = InfoField(answer.replies[0].text(), "run_id");
    });
  }

  static void AskCluster(RedisInterview& interview, ClusterExamination& cluster,
                         const std::string& teller) {
    interview.Send(CommandList("CLUSTER", "INFO"), [&](const Answer& answer) {
      if (SilenceOf(answer).empty()) cluster.info = answer.replies[0].text();
    });
    interview.Send(CommandList("CLUSTER", "SLOTS"), [&](const Answer& answer) {
      if (cluster.silence.empty()) return;  // another node has told
      cluster.silence = SilenceOf(answer);
      if (cluster.silence.empty()) TakeSlots(answer.replies[0].elements(), teller, cluster);
    });
  }

  static void TakeSlots(redis::Replies ranges, const std::string& teller,
                        ClusterExamination& cluster) {
    const auto add = [](std::vector<Endpoint>& all, const Endpoint& endpoint) {
      const auto is_it = [&](const Endpoint& one) { return one.ToString() == endpoint.ToString(); };
      if (std::ranges::none_of(all, is_it)) all.push_back(endpoint);
    };
    for (const redis::Reply& range : ranges) {
      const redis::Replies parts = range.elements();
      if (parts.size() < 3) continue;
      cluster.slots += parts[1].integer() - parts[0].integer() + 1;
      for (std::size_t i = 2; i < parts.size(); ++i) {
        const redis::Replies node = parts[i].elements();
        if (node.size() < 2) continue;
        Endpoint endpoint{.host = std::string(node[0].text()),
                          .port = static_cast<std::uint16_t>(node[1].integer())};
        if (endpoint.host.empty()) endpoint.host = Endpoint::Parse(teller)->host;
        add(i == 2 ? cluster.primaries : cluster.replicas, endpoint);
        if (i == 2 && parts.size() == 3) cluster.alone.push_back(endpoint.ToString());
      }
    }
  }

  /// What Sentinels and the cluster told of the servers.
  static void TakeServers(GroupExamination& group) {
    const auto add = [&](const std::string& address) {
      const auto is_it = [&](const RedisExamination& one) { return one.address == address; };
      if (std::ranges::none_of(group.servers, is_it)) group.servers.push_back({.address = address});
    };
    if (group.cluster) {
      group.sentinels.clear();
      for (const Endpoint& endpoint : group.cluster->primaries) add(endpoint.ToString());
      for (const Endpoint& endpoint : group.cluster->replicas) add(endpoint.ToString());
      return;
    }
    // The highest epoch knows best, as in redis::SentinelPrimary.
    const SentinelExamination* best = nullptr;
    for (const SentinelExamination& sentinel : group.sentinels)
      if (!sentinel.master.empty() && (best == nullptr || sentinel.epoch > best->epoch))
        best = &sentinel;
    if (best == nullptr) return;
    add(best->master);
    for (const Endpoint& replica : best->replicas) add(replica.ToString());
  }

  [[nodiscard]] Result<void> AddServer(RedisInterviews& interviews,
                                       const redis::ConnectionSettings& settings,
                                       RedisExamination& server) const {
    redis::NodeOptions options = settings.node;
    auto endpoint = Endpoint::Parse(server.address);
    if (!endpoint) {
      server.failure = endpoint.error().message;
      return {};
    }
    options.endpoint = *std::move(endpoint);
    server.uses_tls = options.tls.has_value();
    if (!options.greeting.user.empty()) server.user = options.greeting.user;
    redis::AclNeeds needs = redis::ConnectionNeeds(
        settings.topology == Topology::kCluster ? redis::AclPlace::kClusterNode
        : settings.topology == Topology::kNodes && settings.endpoints.size() > 1
            ? redis::AclPlace::kGroupMember
            : redis::AclPlace::kServer);
    needs.Add(use_ == RedisUse::kLock ? redlock::LockNeeds("")
                                      : seen::SeenCacheNeeds(settings.topology == Topology::kCluster
                                                                 ? redis::AclPlace::kClusterNode
                                                                 : redis::AclPlace::kServer));
    return interviews.Add(
        options, server.failure,
        [this, &server, commands = std::move(needs.commands)](RedisInterview& interview) {
          AskServer(interview, commands, server);
        });
  }

  void AskServer(RedisInterview& interview, const std::vector<std::string_view>& commands,
                 RedisExamination& server) const {
    interview.Send(CommandList("INFO"), [&server](const Answer& answer) {
      server.silence = IsForbidden(answer) ? "" : SilenceOf(answer);
      if (SilenceOf(answer).empty()) server.info = answer.replies[0].text();
    });
    interview.Send(CommandList("CONFIG", "GET", "maxmemory"), [&server](const Answer& answer) {
      server.may_administer = SilenceOf(answer).empty();
    });
    AskTime(interview, server);
    // Behind that, for after SUBSCRIBE hardly anything is allowed.
    interview.Later(kBetweenSamples, [this, &server, commands](RedisInterview& later) {
      AskTime(later, server);
      for (const std::string_view command : commands) Try(later, command, server);
    });
  }

  void AskTime(RedisInterview& interview, RedisExamination& server) const {
    interview.Send(
        CommandList("TIME"), [this, &server, asked = clock_.Now()](const Answer& answer) {
          if (!answer.ok() || answer.replies[0].elements().size() != 2) return;
          const Duration round_trip = clock_.Now() - asked;
          const redis::Replies parts = answer.replies[0].elements();
          const Duration theirs = std::chrono::seconds(NumberOf(parts[0].text())) +
                                  std::chrono::microseconds(NumberOf(parts[1].text()));
          const Duration offset = theirs + round_trip / 2 - clock_.WallNow().time_since_epoch();
          if (server.clock_offset) server.clock_drift = offset - *server.clock_offset;
          server.clock_offset = offset;
        });
  }

  void Try(RedisInterview& interview, std::string_view command, RedisExamination& server) const {
    const auto probe = ProbeOf(command, key_);
    if (!probe) return;
    interview.Send(*probe, [&server, command](const Answer& answer) {
      if (!IsForbidden(answer)) return;
      const std::string_view why = answer.replies[0].text();
      if (why.contains("one of the keys"))
        server.forbids_keys = true;
      else if (why.contains("one of the channels"))
        server.forbids_channels = true;
      else
        server.forbidden.push_back(InCapitals(command));
    });
  }

  const RedisUse use_;
  const std::string key_;  // nobody else has it
  const Clock& clock_;
};

}  // namespace

std::string_view InfoField(std::string_view info, std::string_view name) {
  for (std::size_t at = info.find(name); at != std::string_view::npos;
       at = info.find(name, at + 1)) {
    const bool begins_line = at == 0 || info[at - 1] == '\n';
    const std::string_view rest = info.substr(at + name.size());
    if (begins_line && rest.starts_with(':')) return rest.substr(1, rest.find('\r') - 1);
  }
  return {};
}

Result<std::vector<GroupExamination>> ExamineRedis(
    const std::vector<redis::ConnectionSettings>& groups, RedisUse use, std::string_view prefix,
    const Clock& clock) {
  return Examination(use, prefix, clock).Run(groups);
}

}  // namespace itemgate::cli
