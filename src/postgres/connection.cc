#include "postgres/connection.h"

#include <libpq-fe.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "postgres/hosts.h"
#include "postgres/sql_error.h"

namespace itemgate::postgres {
namespace {

constexpr int kBinary = 1;

constexpr Sql kLook{.text = "SELECT pg_backend_pid(), current_setting('transaction_isolation')"};

std::string_view Field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view() : text;
}

Failure RefusalOf(const PGresult* result) {
  const std::string_view sql_state = Field(result, PG_DIAG_SQLSTATE);
  return {.error = ErrorOf({.sql_state = sql_state,
                            .primary = Field(result, PG_DIAG_MESSAGE_PRIMARY),
                            .detail = Field(result, PG_DIAG_MESSAGE_DETAIL)}),
          .fate = LostARace(sql_state) ? Fate::kLostRace : Fate::kRefused};
}

std::string Milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

Rows::Rows(pg_result* result) : result_(result) {}
void Rows::Freer::operator()(pg_result* result) const { PQclear(result); }
std::size_t Rows::count() const { return static_cast<std::size_t>(PQntuples(result_.get())); }

bool Rows::IsNull(std::size_t row, std::size_t column) const {
  return PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
}

std::string_view Rows::Bytes(std::size_t row, std::size_t column) const {
  const auto r = static_cast<int>(row);
  const auto c = static_cast<int>(column);
  return {PQgetvalue(result_.get(), r, c),
          static_cast<std::size_t>(PQgetlength(result_.get(), r, c))};
}

std::int64_t Rows::Integer(std::size_t row, std::size_t column) const {
  const auto integer = ReadInteger(Bytes(row, column));
  ITEMGATE_CHECK(integer.has_value());
  return *integer;
}

std::uint64_t Rows::affected() const {
  return std::strtoull(PQcmdTuples(result_.get()), nullptr, 10);
}

void Connection::Closer::operator()(pg_conn* connection) const { PQfinish(connection); }

Connection::Connection(EventLoop& loop, const ConnectionOptions& options, Host& host)
    : loop_(loop), options_(options), host_(host) {}

Connection::~Connection() {
  if (state_ != State::kFailed)
    End(Error(ErrorCode::kUnavailable, "the connection to the database was closed"));
}

void Connection::Start(Instant now, std::size_t first_host) {
  state_ = State::kConnecting;
  connect_deadline_ = now + options_.connect_timeout;
  const std::string network_timeout = Milliseconds(options_.network_timeout);
  const Hosts hosts = HostsFrom(options_.url, first_host).value_or(Hosts());
  // What the URL says goes before these; what stands behind "dbname" goes before the URL, if it is not empty.
  const std::array<const char*, 9> names{"tcp_user_timeout",
                                         "keepalives_idle",
                                         "fallback_application_name",
                                         "dbname",
                                         "host",
                                         "hostaddr",
                                         "port",
                                         "client_encoding",
                                         nullptr};
  const std::array<const char*, 9> values{network_timeout.c_str(),
                                          "5",
                                          options_.application_name.c_str(),
                                          options_.url.c_str(),
                                          hosts.names.c_str(),
                                          hosts.addresses.c_str(),
                                          hosts.ports.c_str(),
                                          "UTF8",
                                          nullptr};
  libpq_.reset(PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/1));
  if (libpq_ == nullptr || PQstatus(libpq_.get()) == CONNECTION_BAD)
    return Fail(Error(ErrorCode::kUnavailable, LibraryMessage()));
  PQsetErrorVerbosity(libpq_.get(), PQERRORS_VERBOSE);  // see ConnectErrorOf
  PQsetNoticeReceiver(libpq_.get(), &Connection::OnNotice, this);
  Watch(Readiness::kWrite);  // as if PQconnectPoll had asked for it, says its manual
}

void Connection::PollConnect() {
  // Each step may go on with another socket, even under the same number.
  Unwatch();
  switch (PQconnectPoll(libpq_.get())) {
    case PGRES_POLLING_READING:
      return Watch(Readiness::kRead);
    case PGRES_POLLING_WRITING:
      return Watch(Readiness::kWrite);
    case PGRES_POLLING_OK:
      return LookAtServer();
    default:
      return Fail(ConnectErrorOf(PQerrorMessage(libpq_.get())));
  }
}

void Connection::Watch(Readiness wanted) {
  watched_ = Descriptor(dup(PQsocket(libpq_.get())));
  if (!watched_.is_open())
    return Fail(Error(ErrorCode::kUnavailable, "the process is out of file descriptors"));
  wanted_ = wanted;
  if (auto watching = loop_.Watch(watched_.get(), wanted, *this); !watching) {
    watched_.Close();
    Fail(watching.error());
  }
}

void Connection::Unwatch() {
  if (!watched_.is_open()) return;
  loop_.Unwatch(watched_.get(), *this);
  watched_.Close();
}

void Connection::LookAtServer() {
  state_ = State::kPreparing;
  PQsetErrorVerbosity(libpq_.get(), PQERRORS_DEFAULT);
  if (PQsetnonblocking(libpq_.get(), 1) != 0 || PQenterPipelineMode(libpq_.get()) != 1)
    return Fail(Error(ErrorCode::kUnavailable, LibraryMessage()));
  Watch(Readiness::kRead);
  if (state_ == State::kFailed) return;
  Command look{.statements = {}, .deadline = connect_deadline_, .done = [this](Answer answer) {
                 if (state_ != State::kPreparing) return;  // it has failed
                 if (!answer) return Fail(answer.error().error);
                 Prepare(answer->front());
               }};
  if (!SendStatement({.sql = &kLook})) return Fail(Error(ErrorCode::kIo, LibraryMessage()));
  Finish(std::move(look));
}

void Connection::Prepare(const Rows& look) {
  pooled_ = look.Integer(0, 0) != PQbackendPID(libpq_.get());
  if (pooled_) {
    if (look.Bytes(0, 1) != "read committed")
      return Fail(Error(ErrorCode::kUnsupported,
                        "transactions of this database are '" + std::string(look.Bytes(0, 1)) +
                            "' unless told otherwise, and a pooler is between; ALTER DATABASE … "
                            "SET default_transaction_isolation = 'read committed'"));
    if (!options_.channels.empty())
      return Fail(Error(ErrorCode::kUnsupported, "a pooler passes no notifications on"));
    return BecomeReady();
  }
  bool sent = true;
  for (const Sql* setting : options_.settings) sent = sent && SendStatement({.sql = setting});
  static constexpr Sql kIsolation{.text = "SET default_transaction_isolation = 'read committed'"};
  sent = sent && SendStatement({.sql = &kIsolation});
  for (const std::string& channel : options_.channels) {
    const std::string listen = "LISTEN \"" + channel + "\"";
    const Sql sql{.text = listen};
    sent = sent && SendStatement({.sql = &sql});
  }
  for (const Sql* sql : options_.prepared)
    sent = sent && PQsendPrepare(libpq_.get(), sql->name.data(), sql->text.data(), 0, nullptr) == 1;
  if (!sent) return Fail(Error(ErrorCode::kUnavailable, LibraryMessage()));
  Finish({.statements = {}, .deadline = connect_deadline_, .done = [this](Answer answer) {
            if (state_ != State::kPreparing) return;  // it has failed
            if (!answer) return Fail(answer.error().error);
            BecomeReady();
          }});
}

void Connection::BecomeReady() {
  state_ = State::kReady;
  host_.ConnectionReady(*this);
}

bool Connection::SendStatement(const Statement& statement) {
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const std::string& wire : statement.parameters.wires()) {
    values.push_back(wire.data());
    lengths.push_back(static_cast<int>(wire.size()));
  }
  const std::vector<int> formats(values.size(), kBinary);
  const auto count = static_cast<int>(values.size());
  if (!pooled_ && !statement.sql->name.empty())
    return PQsendQueryPrepared(libpq_.get(), statement.sql->name.data(), count, values.data(),
                               lengths.data(), formats.data(), kBinary) == 1;
  return PQsendQueryParams(libpq_.get(), statement.sql->text.data(), count, nullptr, values.data(),
                           lengths.data(), formats.data(), kBinary) == 1;
}

void Connection::Send(Command command) {
  ITEMGATE_CHECK(state_ == State::kReady);
  for (const Statement& statement : command.statements) {
    if (SendStatement(statement)) continue;
    // Out of memory, or libpq noticed that the connection is gone. What was sent has no synchronisation point yet, so
    // the server will not commit it.
    Error error(ErrorCode::kUnavailable, LibraryMessage());
    command.done(std::unexpected(Failure{.error = error, .fate = Fate::kNotSent}));
    return Fail(error);
  }
  command.statements.clear();  // their parameters are in libpq's buffer
  Finish(std::move(command));
}

void Connection::Finish(Command command) {
  in_flight_.push_back({.command = std::move(command), .rows = {}, .failure = {}});
  if (PQpipelineSync(libpq_.get()) != 1)
    return Fail(Error(ErrorCode::kUnavailable, LibraryMessage()));
  Flush();
}

void Connection::Flush() {
  const int left = PQflush(libpq_.get());
  if (left < 0) return Fail(Error(ErrorCode::kUnavailable, LibraryMessage()));
  const Readiness wanted = left > 0 ? Readiness::kReadOrWrite : Readiness::kRead;
  if (wanted != wanted_) loop_.ChangeWatch(watched_.get(), wanted, *this);
  wanted_ = wanted;
}

void Connection::Ready(Readiness readiness) {
  if (state_ == State::kConnecting) return PollConnect();
  if (Includes(readiness, Readiness::kRead)) ReadResults();
  if (state_ != State::kFailed && Includes(readiness, Readiness::kWrite)) Flush();
}

void Connection::ReadResults() {
  const bool alive = PQconsumeInput(libpq_.get()) == 1;
  // What came before the end is still to be read: an answer in it is an answer.
  int ends = 0;  // of statements; two in a row mean that libpq has nothing more
  while (state_ != State::kFailed && !in_flight_.empty() && ends < 2 &&
         PQisBusy(libpq_.get()) == 0) {
    PGresult* const result = PQgetResult(libpq_.get());
    ends = result == nullptr ? ends + 1 : 0;
    if (result != nullptr) Take(result);
  }
  if (state_ == State::kFailed) return;
  DeliverNotifications();
  if (!alive || PQstatus(libpq_.get()) == CONNECTION_BAD)
    Fail(Error(ErrorCode::kUnavailable, LibraryMessage()));
}

void Connection::Take(pg_result* result) {
  Rows rows(result);
  InFlight& front = in_flight_.front();
  switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
      front.rows.push_back(std::move(rows));
      return;
    case PGRES_PIPELINE_SYNC: {
      InFlight done = std::move(front);
      in_flight_.pop_front();
      if (done.doubtful)
        return done.command.done(std::unexpected(
            Failure{.error = Error(ErrorCode::kUnknown,
                                   "PostgreSQL: committed on the primary, but perhaps not on a "
                                   "standby; a failover may lose it"),
                    .fate = Fate::kDoubtful}));
      if (done.failure) return done.command.done(std::unexpected(std::move(*done.failure)));
      return done.command.done(std::move(done.rows));
    }
    case PGRES_PIPELINE_ABORTED:
      return;
    default:
      // Without a SQLSTATE libpq itself speaks, of a connection that is gone: that is no word of the server.
      if (!front.failure && !Field(result, PG_DIAG_SQLSTATE).empty())
        front.failure = std::make_unique<Failure>(RefusalOf(result));
      return;
  }
}

void Connection::DeliverNotifications() {
  while (PGnotify* const notify = PQnotifies(libpq_.get())) {
    const std::unique_ptr<PGnotify, void (*)(void*)> owned(notify, &PQfreemem);
    host_.Notified(notify->relname, notify->extra);
  }
}

void Connection::Tick(Instant now) {
  if ((state_ == State::kConnecting || state_ == State::kPreparing) && now >= connect_deadline_) {
    met_silence_ = true;
    return Fail(Error(ErrorCode::kUnavailable, "the database server did not answer in time"));
  }
  if (state_ != State::kReady) return;
  for (const InFlight& sent : in_flight_) {
    if (now < sent.command.deadline) continue;
    // Cancelling it would leave it as unknown as this does; closing the connection at least is certain.
    return Fail(Error(ErrorCode::kUnavailable, "the database server did not answer in time"));
  }
}

void Connection::Fail(const Error& error) {
  if (state_ == State::kFailed) return;
  End(error);
  host_.ConnectionFailed(*this, error);
}

void Connection::End(const Error& error) {
  state_ = State::kFailed;
  Unwatch();
  libpq_.reset();
  std::deque<InFlight> lost = std::move(in_flight_);
  in_flight_.clear();
  for (InFlight& sent : lost) {
    sent.command.done(
        std::unexpected(Failure{.error = Error(ErrorCode::kUnknown, error.message),
                                .fate = sent.doubtful ? Fate::kDoubtful : Fate::kUnknown}));
  }
}

std::string Connection::LibraryMessage() const {
  const std::string line = libpq_ ? OneLine(PQerrorMessage(libpq_.get())) : "out of memory";
  return "PostgreSQL: " + (line.empty() ? std::string("the connection was lost") : line);
}

void Connection::OnNotice(void* connection, const pg_result* notice) {
  auto& self = *static_cast<Connection*>(connection);
  // Sent when somebody cancels a commit that waits for its standby, or ends the process that does.
  const std::string_view sql_state = Field(notice, PG_DIAG_SQLSTATE);
  const bool doubt = Field(notice, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING" &&
                     (sql_state == "01000" || sql_state == "57P01");
  if (doubt && !self.in_flight_.empty()) self.in_flight_.front().doubtful = true;
}

}  // namespace itemgate::postgres
