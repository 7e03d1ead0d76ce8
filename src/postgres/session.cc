#include "postgres/session.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>

#include "postgres/sql_error.h"

namespace itemgate::postgres {
namespace {

std::string OneLine(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

void Session::Closer::operator()(pg_conn* connection) const { PQfinish(connection); }

Result<Session> Session::Open(const std::string& url, Duration connect_timeout) {
  const std::string seconds =
      std::to_string(std::chrono::ceil<std::chrono::seconds>(connect_timeout).count());
  const std::array<const char*, 4> names{"connect_timeout", "fallback_application_name", "dbname",
                                         nullptr};
  const std::array<const char*, 4> values{seconds.c_str(), "itemgate", url.c_str(), nullptr};
  Session session(PQconnectdbParams(names.data(), values.data(), /*expand_dbname=*/1));
  if (PQstatus(session.libpq_.get()) != CONNECTION_OK)
    return Fail(ErrorCode::kUnavailable,
                "PostgreSQL: " + OneLine(PQerrorMessage(session.libpq_.get())));
  PQsetNoticeProcessor(session.libpq_.get(), [](void*, const char*) {}, nullptr);
  return session;
}

Result<std::string> Session::Run(const std::string& script) {
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(libpq_.get(), script.c_str()),
                                                              &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_TUPLES_OK && PQntuples(result.get()) > 0)
    return std::string(PQgetvalue(result.get(), 0, 0));
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return std::string();
  const char* sql_state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  if (sql_state == nullptr)
    return Fail(ErrorCode::kUnavailable, "PostgreSQL: " + OneLine(PQerrorMessage(libpq_.get())));
  const char* detail = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_DETAIL);
  return std::unexpected(
      ErrorOf({.sql_state = sql_state,
               .primary = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY),
               .detail = detail == nullptr ? "" : detail}));
}

}  // namespace itemgate::postgres
