#include "cli/redis_doctor.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace itemgate::cli {
namespace {

using redis::Topology;
using std::chrono::milliseconds;

constexpr std::int64_t kClusterSlots = 16'384;
constexpr std::int64_t kSentinelsMin = 3;

/// Without these a lock, or the cache, still works, if less well.
constexpr std::array<std::string_view, 5> kDispensable = {"PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE",
                                                          "SCRIPT LOAD", "ROLE"};

std::int64_t NumberOf(std::string_view text) {
  std::int64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool IsMaster(const RedisExamination& server) { return InfoField(server.info, "role") == "master"; }

/// Collects what is said of one address.
class Speaker {
 public:
  Speaker(std::vector<Finding>& findings, std::string address)
      : findings_(findings), address_(std::move(address)) {}

  void Fine(std::string text) const { Say(Severity::kFine, std::move(text)); }
  void Warn(std::string text) const { Say(Severity::kWarning, std::move(text)); }
  void Complain(std::string text) const { Say(Severity::kProblem, std::move(text)); }
  void Say(Severity severity, std::string text) const {
    findings_.push_back({severity, address_, std::move(text)});
  }

 private:
  std::vector<Finding>& findings_;
  const std::string address_;
};

/// Of one server.
class ServerDiagnosis {
 public:
  ServerDiagnosis(std::vector<Finding>& findings, const GroupExamination& group,
                  const RedisExamination& server, RedisUse use)
      : say_(findings, server.address), group_(group), server_(server), use_(use) {}

  void Run() const {
    if (!server_.failure.empty())
      return say_.Complain("cannot be reached: " + server_.failure + WhoseAddress());
    if (!server_.silence.empty())
      return say_.Complain("does not say how it is: " + server_.silence);
    if (server_.info.empty()) {
      say_.Warn("tells nothing: allow +info to let it be examined" +
                std::string(use_ == RedisUse::kLock ? ", and to notice a server given twice" : ""));
    } else {
      say_.Fine(fmt::format("Redis {}, {}, up {} s", Field("redis_version"),
                            IsMaster(server_) ? "master" : "replica", Field("uptime_in_seconds")));
      Role();
      Memory();
      Disk();
    }
    User();
    if (!server_.uses_tls) say_.Warn("is reached without TLS");
    if (use_ == RedisUse::kLock) Clock();
  }

 private:
  [[nodiscard]] std::string WhoseAddress() const {
    if (group_.topology == Topology::kSentinel)
      return "; the Sentinels give this address: can it be reached from here (sentinel "
             "announce-ip, "
             "replica-announce-ip)?";
    if (group_.topology == Topology::kCluster)
      return "; the cluster gives this address: can it be reached from here (cluster-announce-ip)?";
    return "";
  }

  void Role() const {
    if (IsMaster(server_)) return;
    const std::string master = fmt::format("{}:{}", Field("master_host"), Field("master_port"));
    if (group_.topology == Topology::kNodes && group_.servers.size() == 1)
      return say_.Complain("is a replica, which takes nothing: give its master's address, " +
                           master);
    if (Field("master_link_status") != "up")
      say_.Warn("is a replica that is not linked to its master, " + master +
                ": what happens now it does not know if it is promoted");
  }

  void Memory() const {
    const std::string_view policy = Field("maxmemory_policy");
    const std::int64_t limit = NumberOf(Field("maxmemory"));
    const std::int64_t used = NumberOf(Field("used_memory"));
    if (use_ == RedisUse::kSeenCache) {
      if (limit == 0)
        say_.Warn("has no maxmemory: what it remembers grows as long as there is memory");
      else if (!policy.starts_with("allkeys-"))
        say_.Complain(fmt::format(
            "maxmemory-policy {} evicts nothing that it remembers: once it is full it takes "
            "nothing in; set allkeys-lru or allkeys-lfu",
            policy));
      return;
    }
    if (policy != "noeviction")
      say_.Say(limit > 0 ? Severity::kProblem : Severity::kWarning,
               fmt::format("maxmemory-policy {} may evict locks{}: set noeviction, and give the "
                           "seen cache servers of its own",
                           policy, limit > 0 ? "" : " once a maxmemory is set"));
    else if (limit > 0 && used > limit - limit / 10)
      say_.Warn(
          fmt::format("uses {} of its {} bytes of maxmemory: once it is full it takes no "
                      "locks",
                      used, limit));
  }

  void Disk() const {
    const auto failed = [&](std::string_view name) { return Field(name) == "err"; };
    if (failed("rdb_last_bgsave_status") || failed("aof_last_write_status"))
      say_.Complain("could not write to its disk, and may refuse everything for that (MISCONF)");
    if (use_ == RedisUse::kLock && Field("aof_enabled") != "1")
      say_.Warn(
          "forgets its locks when it restarts (appendonly no): keep it out for longer than "
          "the longest expiry then");
  }

  void User() const {
    const std::string_view who = server_.user;
    const std::string_view advice =
        use_ == RedisUse::kLock ? "itemgate redis-acl" : "itemgate redis-acl --for cache";
    std::vector<std::string> needed;
    std::vector<std::string> missed;
    for (const std::string& command : server_.forbidden)
      (std::ranges::find(kDispensable, command) == kDispensable.end() ? needed : missed)
          .push_back(command);
    if (!needed.empty())
      say_.Complain(fmt::format("its user {} may not {}: `{}` prints what to allow", who,
                                fmt::join(needed, ", "), advice));
    if (!missed.empty())
      say_.Warn(
          fmt::format("its user {} may not {}, so that waiters are not woken, or a switch is "
                      "noticed late: `{}` prints what to allow",
                      who, fmt::join(missed, ", "), advice));
    if (server_.forbids_keys)
      say_.Complain(
          fmt::format("its user {} may not use the keys: `{}` prints what to allow", who, advice));
    if (server_.forbids_channels)
      say_.Warn(
          fmt::format("its user {} may not use the channels, so that waiters are not woken: "
                      "`{}` prints what to allow",
                      who, advice));
    if (who == "default" || server_.may_administer)
      say_.Warn(
          fmt::format("is used as {} user{}: `{}` prints a user that may do no more than is "
                      "needed",
                      who == "default" ? "the default" : fmt::format("the {}", who),
                      server_.may_administer ? ", who may change its configuration" : "", advice));
  }

  void Clock() const {
    const auto in_ms = [](Duration time) { return static_cast<double>(time.count()) * 1e-6; };
    if (!server_.clock_offset)
      say_.Warn(
          "does not tell the time: allow +time to have its clock examined "
          "(`itemgate redis-acl --for lock --for doctor`)");
    if (server_.clock_offset && std::chrono::abs(*server_.clock_offset) > std::chrono::seconds(1))
      say_.Warn(
          fmt::format("its clock differs from this machine's by {:.0f} ms: a step that mends "
                      "it makes locks expire too early or too late",
                      in_ms(*server_.clock_offset)));
    if (server_.clock_drift && std::chrono::abs(*server_.clock_drift) > milliseconds(10))
      say_.Warn(
          fmt::format("its clock moved {:.1f} ms against this machine's within a second: "
                      "RedLock allows for a hundredth of the expiry",
                      in_ms(*server_.clock_drift)));
  }

  [[nodiscard]] std::string_view Field(std::string_view name) const {
    return InfoField(server_.info, name);
  }

  const Speaker say_;
  const GroupExamination& group_;
  const RedisExamination& server_;
  const RedisUse use_;
};

std::vector<std::string> MastersOf(const GroupExamination& group) {
  std::vector<std::string> masters;
  for (const RedisExamination& server : group.servers)
    if (IsMaster(server)) masters.push_back(server.address);
  return masters;
}

/// Of several servers of which the master votes.
void DiagnoseSeveral(const GroupExamination& group, std::vector<Finding>& findings) {
  const Speaker say(findings, group.name);
  const auto masters = MastersOf(group);
  if (masters.empty()) return say.Complain("none of these servers is known to be a master");
  if (masters.size() > 1)
    return say.Complain(
        fmt::format("{} are masters: whichever is found first votes, so that the "
                    "vote may be given twice; make replicas of all but one",
                    fmt::join(masters, " and ")));
  say.Fine("one vote: that of the master, " + masters.front());
  const auto history = [&](const RedisExamination& server) {
    return InfoField(server.info, "master_replid");
  };
  const auto master = std::ranges::find_if(group.servers, IsMaster);
  for (const RedisExamination& server : group.servers)
    if (!server.info.empty() && history(server) != history(*master))
      Speaker(findings, server.address)
          .Complain("has not the data of " + master->address +
                    ": if it is promoted all locks of this vote are lost");
}

void DiagnoseSentinel(const GroupExamination& group, const SentinelExamination& sentinel,
                      std::vector<Finding>& findings) {
  const Speaker say(findings, sentinel.address);
  if (!sentinel.failure.empty()) return say.Complain("cannot be reached: " + sentinel.failure);
  if (!sentinel.silence.empty())
    return say.Complain("says nothing of the group: " + sentinel.silence);
  const std::string master = group.servers.empty() ? "" : group.servers.front().address;
  say.Fine(fmt::format("Sentinel: the master is {}, of epoch {}", sentinel.master, sentinel.epoch));
  if (sentinel.master != master)
    say.Complain(
        "does not agree with a Sentinel of a higher epoch, which says that the master is " +
        master);
  if (sentinel.flags != "master") say.Complain("sees the master as " + sentinel.flags);
  if (sentinel.quorum_check.empty())
    say.Warn(
        "does not tell whether a failover can be decided: allow +sentinel|ckquorum to have it "
        "examined");
  else if (!sentinel.quorum_check.starts_with("OK"))
    say.Complain("cannot decide a failover: " + sentinel.quorum_check);
}

void DiagnoseSentinels(const GroupExamination& group, std::vector<Finding>& findings) {
  std::int64_t known = 0;
  std::map<std::string, std::string> addresses;  // by run id
  for (const SentinelExamination& sentinel : group.sentinels) {
    DiagnoseSentinel(group, sentinel, findings);
    known = std::max(known, sentinel.master.empty() ? 0 : sentinel.other_sentinels + 1);
    if (sentinel.run_id.empty()) continue;
    const auto [first, is_new] = addresses.emplace(sentinel.run_id, sentinel.address);
    if (!is_new)
      Speaker(findings, sentinel.address).Complain("is the same Sentinel as " + first->second);
  }
  const Speaker say(findings, group.name);
  if (known == 0) return say.Complain("nobody knows the master");
  if (known < kSentinelsMin)
    say.Warn(
        fmt::format("has {} Sentinel{}: fewer than three cannot decide a failover when one of "
                    "them fails",
                    known, known == 1 ? "" : "s"));
  const auto given = static_cast<std::int64_t>(group.sentinels.size());
  if (given < known)
    say.Warn(
        fmt::format("has {} Sentinels, of which {} {} given: give all, so that the master is "
                    "found whichever of them fails",
                    known, given, given == 1 ? "is" : "are"));
  if (group.servers.size() < 2) say.Warn("has no replica that could take over");
  if (!group.servers.empty() && !group.servers.front().info.empty() &&
      !IsMaster(group.servers.front()))
    say.Complain(group.servers.front().address +
                 " is no master, though the Sentinels say so: a failover may be under way");
}

void DiagnoseCluster(const GroupExamination& group, std::vector<Finding>& findings) {
  const Speaker say(findings, group.name);
  const ClusterExamination& cluster = *group.cluster;
  if (!cluster.silence.empty())
    return say.Complain("does not say which servers it has: " + cluster.silence);
  say.Fine(fmt::format("Redis Cluster: {} primaries, {} replicas", cluster.primaries.size(),
                       cluster.replicas.size()));
  const std::string_view state = InfoField(cluster.info, "cluster_state");
  if (!state.empty() && state != "ok")
    say.Complain(fmt::format("is in the state \"{}\": it refuses commands", state));
  if (cluster.slots < kClusterSlots)
    say.Complain(fmt::format("only {} of {} slots have a server", cluster.slots, kClusterSlots));
  for (const std::string& primary : cluster.alone)
    Speaker(findings, primary).Warn("has no replica that could take over");
}

void DiagnoseTogether(const std::vector<GroupExamination>& groups, RedisUse use,
                      std::vector<Finding>& findings) {
  std::size_t there = 0;
  std::map<std::string, std::string, std::less<>> addresses;  // by run id
  for (const GroupExamination& group : groups) {
    bool is_there = group.cluster && group.cluster->silence.empty();
    for (const RedisExamination& server : group.servers) {
      const std::string_view run_id = InfoField(server.info, "run_id");
      const auto [first, is_new] = addresses.emplace(run_id, server.address);
      is_there = is_there ||
                 (server.failure.empty() && (server.info.empty() || (is_new && IsMaster(server))));
      if (!is_new && !run_id.empty())
        Speaker(findings, server.address).Complain("is the same server as " + first->second);
    }
    if (is_there) ++there;
  }
  const Speaker say(findings, "");
  if (use == RedisUse::kSeenCache)
    return say.Say(there == groups.size() ? Severity::kFine : Severity::kProblem,
                   fmt::format("{} of {} parts of the seen cache are there", there, groups.size()));
  const std::size_t quorum = groups.size() / 2 + 1;
  say.Say(there >= quorum ? Severity::kFine : Severity::kProblem,
          fmt::format("{} of {} votes can be given; {} are needed", there, groups.size(), quorum));
  if (groups.size() % 2 == 0)
    say.Warn("an even number of votes tolerates no more failures than one less");
}

}  // namespace

std::vector<Finding> DiagnoseRedis(const std::vector<GroupExamination>& groups, RedisUse use) {
  std::vector<Finding> findings;
  for (const GroupExamination& group : groups) {
    if (group.topology == Topology::kSentinel) DiagnoseSentinels(group, findings);
    if (group.topology == Topology::kCluster) DiagnoseCluster(group, findings);
    if (group.topology == Topology::kNodes && group.servers.size() > 1)
      DiagnoseSeveral(group, findings);
    for (const RedisExamination& server : group.servers)
      ServerDiagnosis(findings, group, server, use).Run();
  }
  DiagnoseTogether(groups, use, findings);
  return findings;
}

}  // namespace itemgate::cli
