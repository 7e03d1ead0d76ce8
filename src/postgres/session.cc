#include "postgres/session.h"

#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <cerrno>

#include "postgres/hosts.h"
#include "postgres/sql_error.h"

namespace itemgate::postgres {
namespace {

/// Waits until the connection can go on. False if it takes longer than that.
bool Await(PGconn* connection, PostgresPollingStatusType wanted, std::chrono::milliseconds time) {
  const short events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT;
  pollfd wait{.fd = PQsocket(connection), .events = events, .revents = 0};
  int ready = 0;
  do {
    ready = poll(&wait, 1, static_cast<int>(time.count()));
  } while (ready < 0 && errno == EINTR);
  return ready != 0;
}

/// Connects; no step of it may take longer than that. Whether it has (OK) or could not (FAILED); anything else: it
/// waited for somebody who said nothing.
PostgresPollingStatusType Connect(PGconn* connection, Duration step_time) {
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);  // see ConnectErrorOf
  const auto time = std::chrono::ceil<std::chrono::milliseconds>(step_time);
  auto status =
      PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (status == PGRES_POLLING_WRITING || status == PGRES_POLLING_READING) {
    if (!Await(connection, status, time)) break;
    status = PQconnectPoll(connection);
  }
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
  return status;
}

}  // namespace

void Session::Closer::operator()(pg_conn* connection) const { PQfinish(connection); }

Result<Session> Session::Open(const std::string& url, Duration connect_timeout) {
  // A host that does not even acknowledge is given up early enough for libpq to go on to the next one of the URL; one
  // that does, and then says nothing, is passed here.
  const std::string silence_max =
      std::to_string(std::chrono::ceil<std::chrono::milliseconds>(connect_timeout / 2).count());
  for (std::size_t first = 0;; ++first) {
    const Hosts hosts = HostsFrom(url, first).value_or(Hosts());
    const std::array<const char*, 7> names{"tcp_user_timeout",
                                           "fallback_application_name",
                                           "dbname",
                                           "host",
                                           "hostaddr",
                                           "port",
                                           nullptr};
    const std::array<const char*, 7> values{
        silence_max.c_str(),     "itemgate",          url.c_str(), hosts.names.c_str(),
        hosts.addresses.c_str(), hosts.ports.c_str(), nullptr};
    Session session(PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/1));
    if (session.libpq_ == nullptr) return Fail(ErrorCode::kUnavailable, "out of memory");
    const PostgresPollingStatusType status = Connect(session.libpq_.get(), connect_timeout);
    if (status == PGRES_POLLING_FAILED)
      return std::unexpected(ConnectErrorOf(PQerrorMessage(session.libpq_.get())));
    if (status == PGRES_POLLING_OK) {
      PQsetNoticeProcessor(session.libpq_.get(), [](void*, const char*) {}, nullptr);
      return session;
    }
    if (first + 1 == hosts.count)
      return Fail(ErrorCode::kUnavailable,
                  "PostgreSQL: the database server did not answer in time");
  }
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
