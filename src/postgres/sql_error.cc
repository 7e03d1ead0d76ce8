#include "postgres/sql_error.h"

#include <array>
#include <string>

namespace itemgate::postgres {
namespace {

struct Meaning {
  std::string_view prefix;  // of the SQLSTATE; the longer ones stand before their class
  ErrorCode code;
  std::string_view advice;  // empty: the server's words say enough
};

constexpr std::array kMeanings{
    Meaning{"53100", ErrorCode::kStorageFull, "make room on the database server's disk"},
    Meaning{"53300", ErrorCode::kUnavailable,
            "raise max_connections of the database, or let the servers open fewer"},
    Meaning{"53", ErrorCode::kUnavailable, "the database server is short of resources"},
    Meaning{"54", ErrorCode::kTooLarge, "send smaller batches or contents"},
    Meaning{"25006", ErrorCode::kUnavailable,
            "this is a standby or a read-only database; name the primary, or add "
            "target_session_attrs=read-write to the URL"},
    Meaning{"28", ErrorCode::kInvalidArgument,
            "check user and password, and pg_hba.conf of the database server"},
    Meaning{"3D000", ErrorCode::kInvalidArgument, "create the database first: createdb"},
    Meaning{"3F000", ErrorCode::kNotFound, "prepare the database first: itemgate migrate"},
    Meaning{"42P01", ErrorCode::kNotFound, "prepare the database first: itemgate migrate"},
    Meaning{"42703", ErrorCode::kUnsupported, "bring the schema up to date: itemgate migrate"},
    Meaning{"42883", ErrorCode::kUnsupported, "bring the schema up to date: itemgate migrate"},
    Meaning{"42501", ErrorCode::kInvalidArgument,
            "grant the user what it needs; docs/postgres.md lists it"},
    Meaning{"40", ErrorCode::kUnavailable, "it lost against another transaction; send it again"},
    Meaning{"23505", ErrorCode::kUnavailable, "somebody else was quicker; send it again"},
    Meaning{"55P03", ErrorCode::kUnavailable, "somebody holds a lock; send it again"},
    Meaning{"57014", ErrorCode::kUnavailable, "somebody cancelled it; send it again"},
    Meaning{"57P", ErrorCode::kUnavailable, "the database server is starting or stopping"},
    Meaning{"08", ErrorCode::kUnavailable, "the database server cannot be reached"},
    Meaning{"58", ErrorCode::kIo, "look into the log of the database server"},
    Meaning{"XX001", ErrorCode::kCorrupt, "restore the database from a backup"},
    Meaning{"XX002", ErrorCode::kCorrupt, "REINDEX the index it names"},
    Meaning{"0A", ErrorCode::kUnsupported, "this database lacks what Itemgate needs"},
};

}  // namespace

Error ErrorOf(const ServerMessage& message) {
  ErrorCode code = ErrorCode::kFailed;
  std::string_view advice;
  for (const Meaning& meaning : kMeanings) {
    if (!message.sql_state.starts_with(meaning.prefix)) continue;
    code = meaning.code;
    advice = meaning.advice;
    break;
  }
  std::string text = "PostgreSQL: " + std::string(message.primary);
  if (!message.detail.empty()) text += " (" + std::string(message.detail) + ")";
  if (!message.sql_state.empty()) text += " [" + std::string(message.sql_state) + "]";
  if (!advice.empty()) text += "; " + std::string(advice);
  return {code, std::move(text)};
}

bool LostARace(std::string_view sql_state) {
  return sql_state == "40001" || sql_state == "40P01" || sql_state == "23505";
}

}  // namespace itemgate::postgres
