#include "cli/redis_doctor.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include <fmt/format.h>

#include "base/random.h"
#include "net/event_loop.h"
#include "net/thread_executor.h"
#include "redis/node.h"

namespace itemgate::cli {
namespace {

using std::chrono::milliseconds;

constexpr Duration kPatience = std::chrono::seconds(3);
constexpr Duration kBetweenSamples = std::chrono::seconds(1);

std::int64_t NumberOf(std::string_view text) {
  std::int64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Asks one server: who it is, and twice for its time.
class Examiner final : private redis::NodeListener {
 public:
  Examiner(EventLoop& loop, const Clock& clock, RedisExamination& examination)
      : loop_(loop), clock_(clock), examination_(examination) {}

  [[nodiscard]] Result<void> Begin(ThreadExecutor& resolver, const redis::NodeOptions& options) {
    auto node = redis::Node::Make({loop_, clock_, resolver}, options, this);
    if (!node) return std::unexpected(node.error());
    node_ = *std::move(node);
    node_->Start();
    return {};
  }

  void End() {
    if (!was_ready_) examination_.failure = node_->last_failure().message;
    node_->Stop();
  }

 private:
  void NodeChanged(redis::NodeState state, const redis::Failure* /*why*/) override {
    if (state != redis::NodeState::kReady || was_ready_) return;
    was_ready_ = true;
    node_->Send(redis::CommandList("INFO"), {}, [this](const redis::Answer& answer) {
      if (!answer.ok())
        examination_.silence = answer.failure->message;
      else if (!answer.replies[0].is_error())
        examination_.info = answer.replies[0].text();
      else if (answer.replies[0].error_kind() != redis::FailureKind::kNoPermission)
        examination_.silence = answer.replies[0].text();
    });
    AskTime();
    (void)loop_.PostAfter(kBetweenSamples, [this] { AskTime(); });
  }
  void ErrorReplied(redis::FailureKind /*kind*/, std::string_view /*text*/) override {}

  void AskTime() {
    node_->Send(
        redis::CommandList("TIME"), {}, [this, asked = clock_.Now()](const redis::Answer& answer) {
          if (!answer.ok() || answer.replies[0].elements().size() != 2) return;
          const Duration round_trip = clock_.Now() - asked;
          const redis::Replies parts = answer.replies[0].elements();
          const Duration theirs = std::chrono::seconds(NumberOf(parts[0].text())) +
                                  std::chrono::microseconds(NumberOf(parts[1].text()));
          const Duration offset = theirs + round_trip / 2 - clock_.WallNow().time_since_epoch();
          if (examination_.clock_offset)
            examination_.clock_drift = offset - *examination_.clock_offset;
          examination_.clock_offset = offset;
        });
  }

  EventLoop& loop_;
  const Clock& clock_;
  RedisExamination& examination_;
  std::unique_ptr<redis::Node> node_;
  bool was_ready_ = false;
};

/// Collects what is said of one server.
class Diagnosis {
 public:
  Diagnosis(std::vector<Finding>& findings, const RedisExamination& server)
      : findings_(findings), server_(server) {}

  void Run() {
    if (!server_.failure.empty())
      return Say(Severity::kProblem, "cannot be reached: " + server_.failure);
    if (!server_.silence.empty())
      return Say(Severity::kProblem, "does not say how it is: " + server_.silence);
    if (server_.info.empty())
      return Say(
          Severity::kWarning,
          "tells nothing: allow +info to let it be examined, and to notice a server given twice");
    Say(Severity::kFine,
        fmt::format("Redis {}, up {} s", Field("redis_version"), Field("uptime_in_seconds")));
    if (Field("role") != "master")
      Say(Severity::kProblem, "is a replica, which takes no locks: give its master's address");
    Memory();
    if (Field("aof_enabled") != "1")
      Say(Severity::kWarning,
          "forgets its locks when it restarts (appendonly no): keep it out for longer than the "
          "longest expiry then");
    if (!server_.uses_tls) Say(Severity::kWarning, "is reached without TLS");
    if (server_.is_default_user)
      Say(Severity::kWarning,
          "is used as the default user: `itemgate redis-acl` prints a user that may do no more "
          "than locks need");
    Clock();
  }

 private:
  void Memory() {
    const std::string_view policy = Field("maxmemory_policy");
    if (policy == "noeviction") return;
    const bool is_limited = Field("maxmemory") != "0";
    Say(is_limited ? Severity::kProblem : Severity::kWarning,
        fmt::format("maxmemory-policy {} may evict locks{}: set noeviction, and give the seen "
                    "cache servers of its own",
                    policy, is_limited ? "" : " once a maxmemory is set"));
  }

  void Clock() {
    const auto in_ms = [](Duration time) { return static_cast<double>(time.count()) * 1e-6; };
    if (server_.clock_offset && std::chrono::abs(*server_.clock_offset) > std::chrono::seconds(1))
      Say(Severity::kWarning, fmt::format("its clock differs from this machine's by {:.0f} ms: a "
                                          "step that mends it makes locks "
                                          "expire too early or too late",
                                          in_ms(*server_.clock_offset)));
    if (server_.clock_drift && std::chrono::abs(*server_.clock_drift) > milliseconds(10))
      Say(Severity::kWarning, fmt::format("its clock moved {:.1f} ms against this machine's within "
                                          "a second: RedLock allows for a "
                                          "hundredth of the expiry",
                                          in_ms(*server_.clock_drift)));
  }

  [[nodiscard]] std::string_view Field(std::string_view name) const {
    return InfoField(server_.info, name);
  }
  void Say(Severity severity, std::string text) {
    findings_.push_back({severity, server_.address, std::move(text)});
  }

  std::vector<Finding>& findings_;
  const RedisExamination& server_;
};

void DiagnoseTogether(const std::vector<RedisExamination>& servers,
                      std::vector<Finding>& findings) {
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const std::string_view run_id = InfoField(servers[i].info, "run_id");
    for (std::size_t j = 0; j < i && !run_id.empty(); ++j) {
      if (InfoField(servers[j].info, "run_id") == run_id)
        findings.push_back({Severity::kProblem, servers[i].address,
                            "is the same server as " + servers[j].address});
    }
  }
  const auto there = static_cast<std::size_t>(std::ranges::count_if(
      servers, [](const RedisExamination& server) { return server.failure.empty(); }));
  const std::size_t quorum = servers.size() / 2 + 1;
  findings.push_back(
      {there >= quorum ? Severity::kFine : Severity::kProblem, "",
       fmt::format("{} of {} servers answer; {} are needed", there, servers.size(), quorum)});
  if (servers.size() % 2 == 0)
    findings.push_back({Severity::kWarning, "",
                        "an even number of servers tolerates no more failures than one less"});
}

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

Result<std::vector<RedisExamination>> ExamineRedis(const std::vector<redis::NodeOptions>& servers,
                                                   const Clock& clock) {
  std::vector<RedisExamination> examinations(servers.size());
  EventLoop loop(clock);
  ThreadExecutor resolver("names", 1);
  std::vector<std::unique_ptr<Examiner>> examiners;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    RedisExamination& examination = examinations[i];
    examination.address = servers[i].endpoint.ToString();
    examination.uses_tls = servers[i].tls.has_value();
    examination.is_default_user =
        servers[i].greeting.user.empty() || servers[i].greeting.user == "default";
    examiners.push_back(std::make_unique<Examiner>(loop, clock, examination));
    if (auto begun = examiners.back()->Begin(resolver, servers[i]); !begun)
      return std::unexpected(begun.error());
  }
  (void)loop.PostAfter(kPatience, [&] {
    for (const auto& examiner : examiners) examiner->End();
    loop.Stop();
  });
  loop.Run();
  return examinations;
}

std::vector<Finding> DiagnoseLockServers(const std::vector<RedisExamination>& servers) {
  std::vector<Finding> findings;
  for (const RedisExamination& server : servers) Diagnosis(findings, server).Run();
  DiagnoseTogether(servers, findings);
  return findings;
}

std::string LeastLockAcl(std::string_view user, std::string_view key_prefix) {
  return fmt::format(
      "user {} reset on >PASSWORD resetchannels ~{}* &{}* +select +set +get +del +pexpire +publish "
      "+subscribe +unsubscribe "
      "+eval +evalsha +script|load "
      "+ping +info +time +client|setname",
      user, key_prefix, key_prefix);
}

}  // namespace itemgate::cli
