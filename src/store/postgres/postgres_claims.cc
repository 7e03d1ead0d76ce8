#include "store/postgres/postgres_claims.h"

#include <algorithm>
#include <utility>

#include "postgres/sql_error.h"
#include "store/postgres/travel_time.h"

namespace itemgate {
namespace {

using postgres::Answer;
using postgres::Fate;
using postgres::Rows;
using postgres::Sql;
using postgres::Statement;

constexpr Sql kClaim{.text =
                         "SELECT * FROM itemgate.claim($1::bytea, $2::text, $3::bigint, "
                         "$4::bigint, $5::bigint)"};
constexpr Sql kTakeOver{.text =
                            "SELECT * FROM itemgate.take_over($1::bytea, $2::text, $3::bigint, "
                            "$4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint)"};
constexpr Sql kConfirm{.text =
                           "SELECT * FROM itemgate.confirm($1::bytea, $2::text, $3::bigint, "
                           "$4::bigint, $5::bigint, $6::bigint, $7::bytea, $8::bytea)"};
constexpr Sql kPark{.text =
                        "SELECT * FROM itemgate.park($1::bytea, $2::text, $3::bigint, "
                        "$4::bigint, $5::bigint)"};
constexpr Sql kRelease{.text =
                           "SELECT * FROM itemgate.release($1::bytea, $2::text, $3::bigint, "
                           "$4::bigint, $5::bigint)"};
constexpr Sql kLook{.text = "SELECT * FROM itemgate.claim_state_of($1::bytea, $2::text, 0)"};

Statement About(const Sql& sql, const ContentKey& key) {
  Statement statement{.sql = &sql};
  const auto& digest = key.digest.bytes;
  statement.parameters
      .Add(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()))
      .Add(key.scope.name());
  return statement;
}

Statement OfHolder(const Sql& sql, const ContentKey& key, const ClaimHolder& mine) {
  Statement statement = About(sql, key);
  statement.parameters.Add(mine.attempt).Add(mine.fence.generation).Add(mine.fence.epoch);
  return statement;
}

ClaimState StateOf(const Rows& rows, bool may_come_again) {
  return {.kind = static_cast<ClaimState::Kind>(rows.Integer(0, 0)),
          .id = {static_cast<std::uint64_t>(rows.Integer(0, 1))},
          .created = rows.Integer(0, 2) != 0,
          .may_come_again = may_come_again,
          .holder = {.attempt = rows.Integer(0, 3),
                     .fence = {.generation = rows.Integer(0, 4), .epoch = rows.Integer(0, 5)},
                     .server = rows.Integer(0, 6),
                     .heartbeat = rows.Integer(0, 7)}};
}

}  // namespace

void PostgresClaims::Claim(const ContentKey& key, std::int64_t attempt, Done done) {
  if (const auto may = options_.may_claim(); !may) return done(std::unexpected(may.error()));
  membership_.StartHeart();
  Statement statement = About(kClaim, key);
  statement.parameters.Add(attempt).Add(options_.server).Add(options_.generation);
  Ask({.statements = {std::move(statement)}}, std::move(done));
}

void PostgresClaims::TakeOver(const ContentKey& key, const ClaimHolder& seen, std::int64_t attempt,
                              Done done) {
  membership_.StartHeart();
  Statement statement = About(kTakeOver, key);
  statement.parameters.Add(attempt)
      .Add(options_.server)
      .Add(options_.generation)
      .Add(seen.attempt)
      .Add(seen.fence.generation)
      .Add(seen.fence.epoch);
  Ask({.statements = {std::move(statement)}}, std::move(done));
}

void PostgresClaims::Confirm(const ContentKey& key, const ClaimHolder& mine,
                             std::string_view content, std::string_view media_type, Done done) {
  Statement statement = OfHolder(kConfirm, key, mine);
  statement.parameters.Add(std::int64_t{key.length}).Add(media_type).Add(content);
  Ask({.statements = {std::move(statement), ClaimHints::Telling(key)},
       .on_the_way = TravelTimeOf(content.size())},
      std::move(done));
}

void PostgresClaims::Park(const ContentKey& key, const ClaimHolder& mine, Done done) {
  Ask({.statements = {OfHolder(kPark, key, mine), ClaimHints::Telling(key)}}, std::move(done));
}

void PostgresClaims::Release(const ContentKey& key, const ClaimHolder& mine, Done done) {
  Ask({.statements = {OfHolder(kRelease, key, mine), ClaimHints::Telling(key)}}, std::move(done));
}

void PostgresClaims::Look(const ContentKey& key, Done done) {
  Ask({.statements = {About(kLook, key)}},
      [done = std::move(done)](Result<ClaimState> state) mutable {
        // It changes nothing, and so nothing is in doubt.
        if (!state && state.error().code == ErrorCode::kUnknown)
          state = Fail(ErrorCode::kUnavailable, state.error().message);
        done(std::move(state));
      });
}

/// All of these statements may be sent twice: the second finds what the first has done. So a lost answer is asked for
/// again. So is one whose commit did not wait for its standby: the next writes again, and waits; but for a release,
/// which is then told to be in doubt.
void PostgresClaims::Ask(Asking asking, Done done) {
  asking.deadline = client_.Now() + options_.timeout + 2 * asking.on_the_way;
  Try(std::move(asking), std::move(done));
}

void PostgresClaims::Try(Asking asking, Done done) {
  const Instant try_deadline = client_.Now() + options_.timeout / 2 + asking.on_the_way;
  postgres::Command command{.statements = asking.statements,
                            .deadline = std::min(asking.deadline, try_deadline),
                            .if_unreachable = postgres::IfUnreachable::kWait,
                            .is_long = asking.on_the_way >= kLongTravel};
  command.done = [this, asking = std::move(asking),
                  done = std::move(done)](const Answer& answer) mutable {
    if (answer) return Tell(StateOf(answer->front(), asking.in_doubt), std::move(done));
    const auto& [error, fate] = answer.error();
    asking.in_doubt = asking.in_doubt || fate == Fate::kUnknown || fate == Fate::kDoubtful;
    const bool may_try_again = fate != Fate::kNotSent && fate != Fate::kRefused;
    if (may_try_again && client_.Now() < asking.deadline &&
        !stopped_.load(std::memory_order_relaxed))
      return Try(std::move(asking), std::move(done));
    done(asking.in_doubt ? Fail(ErrorCode::kUnknown, error.message)
                         : std::unexpected(postgres::WhileServing(error)));
  };
  client_.Run(std::move(command));
}

void PostgresClaims::Tell(const ClaimState& state, Done done) {
  if (state.kind == ClaimState::Kind::kRefused && options_.on_refused) options_.on_refused();
  done(state);
}

}  // namespace itemgate
