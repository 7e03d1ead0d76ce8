#include "store/postgres/postgres_membership.h"

#include <algorithm>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "store/postgres/schema.h"

namespace itemgate {
namespace {

using postgres::Answer;
using postgres::Rows;
using postgres::Sql;
using postgres::Statement;

constexpr std::size_t kTextBytesMax = 500;
constexpr std::size_t kForgottenMax = 10;  // in one turn

constexpr Sql kBeat{
    .text =
        "INSERT INTO itemgate.server AS s (id, heartbeat, name, addresses, version, state, reason, "
        "redis, lock, created, in_flight, schema_version, generation) VALUES ($1::bigint, 0, "
        "$2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::bigint, "
        "$10::bigint, $11::bigint, $12::bigint) ON CONFLICT (id) DO UPDATE SET heartbeat = "
        "s.heartbeat + 1, name = EXCLUDED.name, addresses = EXCLUDED.addresses, version = "
        "EXCLUDED.version, state = EXCLUDED.state, reason = EXCLUDED.reason, redis = "
        "EXCLUDED.redis, lock = EXCLUDED.lock, created = EXCLUDED.created, in_flight = "
        "EXCLUDED.in_flight"};
constexpr Sql kLook{
    .text =
        "SELECT id, heartbeat, name, addresses, version, state, reason, redis, lock, created, "
        "in_flight, schema_version, generation, (extract(epoch FROM started_at) * 1000000)::bigint "
        "FROM itemgate.server ORDER BY name, id LIMIT 1000"};
constexpr Sql kLookAtStore{
    .text =
        "SELECT (SELECT coalesce(max(version), 0) FROM itemgate.migration)::bigint, "
        "coalesce((SELECT generation FROM itemgate.store WHERE only_row), 0), "
        "(SELECT count(*) FROM itemgate.claim WHERE parked)"};
// Claims are few: those under way, and those that nobody has ended.
constexpr Sql kLookAtClaims{
    .text =
        "SELECT server, count(*) FROM itemgate.claim WHERE NOT parked GROUP BY server LIMIT 10000"};
constexpr Sql kForget{
    .text = "DELETE FROM itemgate.server WHERE id = $1::bigint AND heartbeat = $2::bigint"};
constexpr Sql kLeave{.text = "DELETE FROM itemgate.server WHERE id = $1::bigint"};

/// What the database takes as a text, whatever was set: a refused heartbeat would look like a dead server.
std::string TextOf(std::string text) {
  text.resize(std::min(text.size(), kTextBytesMax));
  const auto is_odd = [](char c) { return static_cast<unsigned char>(c) < ' '; };
  std::ranges::replace_if(text, is_odd, '?');
  if (!IsUtf8(text)) std::ranges::replace_if(text, [](char c) { return c < 0; }, '?');
  return text;
}

std::string Joined(const std::vector<std::string>& addresses) {
  std::string text;
  for (const std::string& address : addresses) text += (text.empty() ? "" : " ") + address;
  return text;
}

std::vector<std::string> Cut(std::string_view text) {
  std::vector<std::string> addresses;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    addresses.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return addresses;
}

std::int64_t Clamped(std::uint64_t count) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(count, INT64_MAX));
}

MemberWatch::Options WatchOptionsOf(const PostgresMembership::Options& options) {
  return {.gap_max = 2 * options.interval,
          .gone_after = options.missed_max * options.interval,
          .forget_after = options.forget_after * options.interval};
}

}  // namespace

PostgresMembership::PostgresMembership(postgres::Client& client, const Options& options)
    : client_(client), options_(options), watch_(WatchOptionsOf(options)) {}

void PostgresMembership::StartHeart() {
  const MutexLock lock(mutex_);
  if (has_left_ || std::exchange(beats_, true)) return;
  StartTurning();
}

void PostgresMembership::Join(std::function<ServerReport()> report) {
  {
    const MutexLock lock(report_mutex_);
    report_ = std::move(report);
  }
  const MutexLock lock(mutex_);
  beats_ = looks_ = forgets_ = true;
  StartTurning();
}

void PostgresMembership::Announce(std::chrono::nanoseconds wait_max) {
  const Instant deadline = client_.Now() + wait_max;
  AwaitTurn(deadline);          // what it tells is of before
  Tell(Heartbeat(), deadline);  // if that fails, the next heartbeat tells
}

void PostgresMembership::Leave(std::chrono::nanoseconds wait_max) {
  const Instant deadline = client_.Now() + wait_max;
  {
    const MutexLock lock(report_mutex_);
    report_ = nullptr;
  }
  {
    const MutexLock lock(mutex_);
    has_left_ = true;
    if (!std::exchange(beats_, false)) return;
    looks_ = forgets_ = false;
  }
  AwaitTurn(deadline);  // it would come back with a heartbeat that is under way
  Statement leave{.sql = &kLeave};
  leave.parameters.Add(options_.server);
  Tell(std::move(leave), deadline);  // if that fails, others see that it is gone
}

Result<Cluster> PostgresMembership::Look(std::chrono::nanoseconds watch_min) {
  const Member self = Self();
  const Instant deadline = client_.Now() + watch_min + options_.timeout;
  const MutexLock lock(mutex_);
  looks_ = true;
  StartTurning();
  while (client_.Now() < deadline && !stopped_ &&
         (!has_looked_ ? seen_.problem.empty() : watch_.watched() < watch_min))
    turned_.WaitUntil(mutex_, deadline);
  if (!has_looked_)
    return Fail(ErrorCode::kUnavailable,
                seen_.problem.empty() ? "the database did not answer in time" : seen_.problem);
  Cluster cluster = seen_;
  const Instant now = client_.Now();
  cluster.members = watch_.Members(now);
  cluster.claimed = watch_.LiveClaims(now);
  cluster.orphaned = watch_.OrphanedClaims(now);
  const auto mine = std::ranges::find(cluster.members, self.id, &Member::id);
  if (mine != cluster.members.end()) {
    mine->is_self = true;
    mine->report = self.report;
  } else if (beats_) {  // its first heartbeat is under way, or could not be written
    cluster.members.push_back(self);
  }
  return cluster;
}

void PostgresMembership::Stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  turned_.NotifyAll();
}

void PostgresMembership::StartTurning() {
  if (std::exchange(turns_, true)) return;
  client_.executor().Post([this] { Turn(); });
}

void PostgresMembership::AwaitTurn(Instant deadline) {
  const MutexLock lock(mutex_);
  while (in_turn_ && !stopped_ && client_.Now() < deadline) turned_.WaitUntil(mutex_, deadline);
}

void PostgresMembership::Tell(Statement statement, Instant wait_until) {
  const auto told =
      std::make_shared<std::promise<void>>();  // by whoever gets the answer, too: that may be later
  const std::future<void> answer = told->get_future();
  // Not the deadline of the wait: a connection with a command that is late is closed, whatever else is under way on it.
  postgres::Command command{.deadline = client_.Now() + options_.timeout, .is_urgent = true};
  command.statements.push_back(std::move(statement));
  command.done = [told](const Answer&) { told->set_value(); };
  client_.Run(std::move(command));
  (void)answer.wait_for(wait_until - client_.Now());
}

void PostgresMembership::Turn() {
  postgres::Command command{.deadline = client_.Now() + options_.turn_timeout, .is_urgent = true};
  bool beats = false;
  bool looks = false;
  std::vector<MemberWatch::Dead> dead;
  {
    const MutexLock lock(mutex_);
    if (stopped_) return;
    in_turn_ = true;
    beats = beats_;
    looks = looks_;
    if (forgets_) dead = watch_.LongDead();
  }
  if (looks)
    command.statements = {{.sql = &kLookAtStore}, {.sql = &kLook}, {.sql = &kLookAtClaims}};
  if (beats) command.statements.push_back(Heartbeat());
  dead.resize(std::min(dead.size(), kForgottenMax));
  for (const MemberWatch::Dead& one : dead) {
    Statement forget{.sql = &kForget};
    forget.parameters.Add(one.id).Add(one.heartbeat);
    command.statements.push_back(std::move(forget));
  }
  if (command.statements.empty()) return Turned({}, /*looked=*/false);
  command.done = [this, looks](const Answer& answer) { Turned(answer, looks); };
  client_.Run(std::move(command));
}

void PostgresMembership::Turned(const Answer& answer, bool looked) {
  const MutexLock lock(mutex_);
  in_turn_ = false;
  if (!answer) {
    seen_.problem = answer.error().error.message;
  } else if (looked) {
    const Rows& store = answer->at(0);
    const Rows& servers = answer->at(1);
    std::vector<MemberWatch::Row> rows;
    for (std::size_t row = 0; row < servers.count(); ++row) rows.push_back(RowOf(servers, row));
    const Rows& claims = answer->at(2);
    std::vector<MemberWatch::Owner> owners;
    for (std::size_t row = 0; row < claims.count(); ++row)
      owners.push_back({.id = claims.Integer(row, 0),
                        .claims = static_cast<std::uint64_t>(claims.Integer(row, 1))});
    watch_.Saw(std::move(rows), std::move(owners), client_.Now());
    seen_ = {.members = {},
             .schema_version = store.Integer(0, 0),
             .generation = store.Integer(0, 1),
             .parked = static_cast<std::uint64_t>(store.Integer(0, 2)),
             .claimed = 0,  // this and the next are told by the watch
             .orphaned = 0,
             .problem = {}};
    has_looked_ = true;
  }
  turned_.NotifyAll();
  if (!stopped_) client_.executor().PostAfter(options_.interval, [this] { Turn(); });
}

Statement PostgresMembership::Heartbeat() {
  const ServerReport report = Report();
  Statement statement{.sql = &kBeat};
  statement.parameters.Add(options_.server)
      .Add(TextOf(report.name))
      .Add(TextOf(Joined(report.addresses)))
      .Add(TextOf(report.version))
      .Add(ServerStateName(report.state))
      .Add(TextOf(report.reason))
      .Add(TextOf(report.redis))
      .Add(TextOf(report.lock))
      .Add(Clamped(report.created))
      .Add(Clamped(report.in_flight))
      .Add(std::int64_t{kPostgresSchemaVersion})
      .Add(options_.generation);
  return statement;
}

ServerReport PostgresMembership::Report() {
  const MutexLock lock(report_mutex_);
  return report_ ? report_() : ServerReport{};
}

Member PostgresMembership::Self() {
  return {.id = static_cast<std::uint64_t>(options_.server),
          .is_self = true,
          .report = Report(),
          .schema_version = kPostgresSchemaVersion,
          .generation = options_.generation};
}

MemberWatch::Row PostgresMembership::RowOf(const Rows& rows, std::size_t row) const {
  const auto text = [&](std::size_t column) { return std::string(rows.Bytes(row, column)); };
  const auto count = [&](std::size_t column) {
    return static_cast<std::uint64_t>(rows.Integer(row, column));
  };
  Member member{.id = count(0),
                .report = {.name = text(2),
                           .addresses = Cut(rows.Bytes(row, 3)),
                           .version = text(4),
                           .state = ServerStateNamed(rows.Bytes(row, 5)),
                           .reason = text(6),
                           .redis = text(7),
                           .lock = text(8),
                           .created = count(9),
                           .in_flight = count(10)},
                .started_at = WallTime(std::chrono::microseconds(rows.Integer(row, 13))),
                .schema_version = rows.Integer(row, 11),
                .generation = rows.Integer(row, 12)};
  return {
      .id = rows.Integer(row, 0), .heartbeat = rows.Integer(row, 1), .member = std::move(member)};
}

}  // namespace itemgate
