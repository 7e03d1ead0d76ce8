#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/duration_text.h"
#include "cli/command.h"
#include "cli/guarded_command.h"
#include "itemgate/redlock.h"
#include "redis/connection_text.h"

namespace itemgate::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kUsualKillAfter(5000);
constexpr milliseconds kKillingMax(100);  // from SIGKILL to the end

struct LockSettings {
  std::vector<std::string> words;  // the name, then the command
  std::vector<std::string> redis = {"127.0.0.1:6379"};
  std::string expiry = "30s";
  std::string wait;
  std::string kill_after;
  std::string uptime_min;
  bool no_wait = false;
  int conflict_status = static_cast<int>(ExitStatus::kBusy);
};

struct LockTimes {
  milliseconds expiry;
  std::optional<milliseconds> wait;
  milliseconds kill_after;
  std::chrono::seconds uptime_min{};
  milliseconds lost_margin;  // before the expiry: a command that is killed then is gone by then
};

Result<void> SetKillAfter(const LockSettings& settings, LockTimes& times) {
  const milliseconds killing = std::min(kKillingMax, times.expiry / 10);
  const milliseconds longest = times.expiry / 2 - killing;
  times.kill_after = std::min(kUsualKillAfter, longest);
  if (!settings.kill_after.empty()) {
    const auto kill_after = ParseDuration(settings.kill_after);
    if (!kill_after) return std::unexpected(kill_after.error());
    times.kill_after = std::chrono::ceil<milliseconds>(*kill_after);
    if (times.kill_after > longest)
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("--kill-after {} is too long: with --expiry {} ms the command has "
                              "at most {} ms to end before somebody else may get the lock",
                              settings.kill_after, times.expiry.count(), longest.count()));
  }
  times.lost_margin = times.kill_after + killing;
  return {};
}

Result<LockTimes> TimesOf(const LockSettings& settings) {
  const auto expiry = ParseDuration(settings.expiry);
  if (!expiry) return std::unexpected(expiry.error());
  LockTimes times{.expiry = std::chrono::ceil<milliseconds>(*expiry)};
  if (auto set = SetKillAfter(settings, times); !set) return std::unexpected(set.error());
  if (!settings.uptime_min.empty()) {
    const auto uptime_min = ParseDuration(settings.uptime_min);
    if (!uptime_min) return std::unexpected(uptime_min.error());
    times.uptime_min = std::chrono::ceil<std::chrono::seconds>(*uptime_min);
  }
  if (settings.wait.empty()) return times;
  const auto wait = ParseDuration(settings.wait);
  if (!wait) return std::unexpected(wait.error());
  times.wait = std::chrono::ceil<milliseconds>(*wait);
  return times;
}

RedLockOptions OptionsOf(const LockSettings& settings, const LockTimes& times) {
  RedLockOptions options{.expiry = times.expiry, .lost_margin = times.lost_margin};
  if (settings.no_wait || times.wait == milliseconds(0)) return options;
  options.wait = times.wait.value_or(std::chrono::days(365));  // as long as it takes
  options.retry = milliseconds(500);
  options.deadline = RedLockDeadline::kStrict;
  return options;
}

/// Asks for a lock until that is answered or interrupted.
class Asking {
 public:
  using Answer = std::optional<Result<RedLock>>;  // nothing: it was interrupted

  Asking(RedLockFactory& factory, GuardedCommand& guard, std::string name)
      : factory_(factory), guard_(guard), name_(std::move(name)) {}

  /// Waits for somebody else, but not for servers that are not there.
  Answer Acquire(const RedLockOptions& options) {
    RedLockOptions without_wait = options;
    without_wait.wait = milliseconds(0);
    Answer answer = Once(std::move(without_wait), &RedLockFactory::TryLockAsync);
    if (!answer || !*answer || (*answer)->status() != RedLockStatus::kConflicted) return answer;
    // Of several that began at the same moment each may have got a part of the servers, and nobody the lock.
    const bool may_be_nobodys = (*answer)->instance_summary().acquired > 0;
    if (!may_be_nobodys && options.wait == milliseconds(0)) return answer;
    return Once(options, &RedLockFactory::CreateLockAsync);
  }

 private:
  using Call = void (RedLockFactory::*)(std::string_view, const RedLockOptions&,
                                        RedLockFactory::Done);

  Answer Once(RedLockOptions options, Call call) {
    options.cancellation = interrupted_.get_token();
    Answer answer;
    std::atomic<bool> is_answered = false;  // release/acquire: publishes `answer`
    (factory_.*call)(name_, options, [&](Result<RedLock> lock) {
      answer.emplace(std::move(lock));
      is_answered.store(true, std::memory_order_release);
      GuardedCommand::Poke();
    });
    guard_.WaitFor([&] { return is_answered.load(std::memory_order_acquire); }, interrupted_);
    if (interrupted_.stop_requested()) return std::nullopt;
    return answer;
  }

  RedLockFactory& factory_;
  GuardedCommand& guard_;
  const std::string name_;
  std::stop_source interrupted_;
};

ExitStatus ReportNotAcquired(Context& context, const LockSettings& settings,
                             const RedLockFactory& factory, const RedLock& lock) {
  const std::string summary = lock.instance_summary().ToString();
  if (lock.status() == RedLockStatus::kConflicted) {
    (void)context.Report(Error(
        ErrorCode::kBusy,
        fmt::format("somebody else has the lock \"{}\" ({})", settings.words.front(), summary)));
    return static_cast<ExitStatus>(settings.conflict_status);
  }
  const auto instances = factory.Instances();
  const auto failing =
      std::ranges::find_if_not(instances, &std::string::empty, &RedLockInstance::failure);
  const std::string why = failing == instances.end() ? "" : ": " + failing->failure;
  return context.Report(Error(
      ErrorCode::kUnavailable,
      fmt::format("no lock \"{}\": {} ({}){}; `itemgate doctor redis SERVERS` tells what is wrong",
                  settings.words.front(), RedLockStatusName(lock.status()), summary, why)));
}

/// Also tells what happened, if that is not the command's own end.
ExitStatus StatusAfter(Context& context, const std::string& program, const CommandEnd& end) {
  if (end.was_stopped) {
    (void)context.Report(
        Error(ErrorCode::kUnavailable, "the lock was lost, so the command was stopped"));
    return ExitStatus::kLockLost;
  }
  if (end.start_error != 0)
    (void)context.Report(Error(end.start_error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                               fmt::format("cannot run {}: {}", program,
                                           std::generic_category().message(end.start_error))));
  return static_cast<ExitStatus>(end.status);
}

/// Several servers in one text are one vote, and a lock of one vote is not what was meant.
Result<void> CheckServers(const std::vector<std::string>& texts) {
  if (texts.size() != 1) return {};
  const auto only = redis::ParseConnectionText(texts.front());
  const bool are_several =
      only && only->topology == redis::Topology::kNodes && only->endpoints.size() > 1;
  if (!are_several) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "several servers in one --redis are one replicated group, with one vote: give "
              "--redis once for each server, or serviceName=... if Sentinels watch the group");
}

ExitStatus RunLock(Context& context, const LockSettings& settings) {
  if (settings.words.size() < 2)
    return context.Report({ErrorCode::kInvalidArgument,
                           "there is no command to run: itemgate lock NAME -- COMMAND..."});
  const auto times = TimesOf(settings);
  if (!times) return context.Report(times.error());
  if (const auto servers = CheckServers(settings.redis); !servers)
    return context.Report(servers.error());
  GuardedCommand guard;
  const auto factory = RedLockFactory::Create({settings.redis.begin(), settings.redis.end()},
                                              {.retry = {.count = 5},
                                               .id_style = RedLockIdStyle::kHostProcessGuid,
                                               .client_name = "itemgate-lock",
                                               .connect_wait = std::chrono::seconds(1),
                                               .uptime_min = times->uptime_min});
  if (!factory) return context.ReportRedisServers(factory.error());
  auto acquired =
      Asking(**factory, guard, settings.words.front()).Acquire(OptionsOf(settings, *times));
  if (!acquired) return ExitStatus::kInterrupted;
  if (!*acquired) return context.Report(acquired->error());
  RedLock& lock = **acquired;
  if (!lock.IsAcquired()) return ReportNotAcquired(context, settings, **factory, lock);
  const std::vector<std::string> program(settings.words.begin() + 1, settings.words.end());
  // We may be told of the loss late, having been stopped ourselves: then somebody else may have the lock.
  const CommandEnd end = guard.Run(program, lock.lost_token(), [&] {
    return std::min(SystemClock().Now() + times->kill_after, lock.deadline());
  });
  lock.Release();
  return StatusAfter(context, program.front(), end);
}

}  // namespace

void AddLockCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<LockSettings>();
  CLI::App& command =
      AddCommand(root, context,
                 {.name = "lock",
                  .summary = "Run a command while holding a distributed lock",
                  .details = "Takes the RedLock of that name on a majority of the "
                             "Redis servers, renews it while the command runs,\n"
                             "and gives it back. Waits for the lock as long as it "
                             "takes, unless --wait or --no-wait is given. If the\n"
                             "lock is lost the command, with all of its process "
                             "group, gets SIGTERM, then SIGKILL. "
                             "Ends with the command's own exit code; with 128 and\n"
                             "the signal's number if a signal ended it; with 127 if "
                             "there is no such command, 126 if it cannot be\n"
                             "started, 3 if somebody else has the lock, 7 if too "
                             "few servers answer, and 8 if the lock was lost.\n",
                  .examples = "  itemgate lock nightly --redis r1:6379 --redis "
                              "r2:6379 --redis r3:6379 -- /usr/bin/backup --all\n"
                              "  itemgate lock nightly --no-wait -- make report\n"},
                 [&context, settings] { return RunLock(context, *settings); });
  command
      .add_option("NAME -- COMMAND", settings->words,
                  "The name of the lock; then, after --, the command and its arguments")
      ->required()
      ->type_name("");
  command
      .add_option("--redis", settings->redis,
                  "A Redis server, once for each: host:port, host:port,password=..., redis://...; "
                  "127.0.0.1:6379 if not given")
      ->type_name("SERVER")
      ->expected(1)
      ->allow_extra_args(false)  // or it eats the -- behind it
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option("--expiry", settings->expiry,
                  "How long others wait after a crash of this one; 30s if not given")
      ->type_name("DURATION");
  CLI::Option* wait =
      command.add_option("-w,--wait", settings->wait, "How long to wait for the lock at most")
          ->type_name("DURATION");
  command.add_flag("-n,--no-wait", settings->no_wait, "Do not wait for the lock")->excludes(wait);
  command
      .add_option(
          "--kill-after", settings->kill_after,
          "How long a command may take to end when the lock is lost, which is told that much "
          "before the expiry;\nless than half the expiry; 5s if not given, or what the "
          "expiry allows")
      ->type_name("DURATION");
  command
      .add_option("--min-uptime", settings->uptime_min,
                  "Leave out servers that were started less than this ago, and may have forgotten "
                  "locks: the longest expiry\nthat anybody uses; 0s if not given")
      ->type_name("DURATION");
  command
      .add_option("-E,--conflict-exit-code", settings->conflict_status,
                  "The exit code if somebody else has the lock; 3 if not given")
      ->transform(WholeBetween(0, 255))
      ->type_name("N");
}

}  // namespace itemgate::cli
