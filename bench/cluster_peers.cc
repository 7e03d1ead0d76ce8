// What bench/compare_cluster compares Itemgate with: PostgreSQL alone, and the naive design (RedLock, then find, then
// insert), each as one would write it with blocking calls, a connection for each caller. Prints a line of JSON.
//   cluster_peers single|unnest|locked|locked-duplicates DATABASE-URL SECONDS CALLERS [REDIS-ADDRESS...]
#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/json_writer.h"
#include "bench/driver.h"
#include "bench/workload.h"
#include "key/digest.h"
#include "lock/redlock/scripts.h"
#include "net/tcp.h"
#include "redis/command_list.h"

namespace itemgate {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr std::size_t kStreamItems = 4'000'000;
constexpr std::size_t kKnown = 50'000;  // contents that are sent again and again as duplicates
constexpr int kByteaType = 17;

constexpr const char* kCreate =
    "CREATE TABLE IF NOT EXISTS bare(id bigserial PRIMARY KEY, digest bytea NOT NULL UNIQUE, "
    "content bytea NOT NULL); TRUNCATE bare RESTART IDENTITY";
constexpr const char* kInsert =
    "INSERT INTO bare(digest, content) VALUES($1, $2) ON CONFLICT (digest) DO NOTHING RETURNING id";
constexpr const char* kInsertMany =
    "INSERT INTO bare(digest, content) SELECT d, c FROM unnest($1::bytea[], $2::bytea[]) AS t(d, "
    "c) ORDER BY d ON CONFLICT (digest) DO NOTHING RETURNING id";
constexpr const char* kFind = "SELECT id FROM bare WHERE digest = $1";

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "cluster_peers: %s\n", what.c_str());
  std::exit(1);
}

struct Content {
  std::array<char, kContentBytes> bytes;
  Digest digest;

  explicit Content(std::uint32_t number) {
    FillContent(number, bytes);
    digest = Sha256({bytes.data(), bytes.size()});
  }
  [[nodiscard]] std::string_view view() const { return {bytes.data(), bytes.size()}; }
  [[nodiscard]] std::string_view digest_view() const {
    return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()};
  }
};

/// A blocking connection to the database, with what is prepared there.
class Database {
 public:
  explicit Database(const std::string& url) : connection_(PQconnectdb(url.c_str()), PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) Die(PQerrorMessage(connection_.get()));
  }

  void Run(const char* sql) { Expect(PQexec(connection_.get(), sql), PGRES_COMMAND_OK); }
  void Prepare() {
    for (const auto& [name, sql] :
         {std::pair("insert", kInsert), std::pair("many", kInsertMany), std::pair("find", kFind)})
      Expect(PQprepare(connection_.get(), name, sql, 0, nullptr), PGRES_COMMAND_OK);
  }

  /// How many rows it gave.
  std::size_t Execute(const char* name, std::initializer_list<std::string_view> parameters) {
    std::vector<const char*> values;
    std::vector<int> lengths;
    for (const std::string_view parameter : parameters) {
      values.push_back(parameter.data());
      lengths.push_back(static_cast<int>(parameter.size()));
    }
    const std::vector<int> formats(values.size(), 1);
    return Expect(PQexecPrepared(connection_.get(), name, static_cast<int>(values.size()),
                                 values.data(), lengths.data(), formats.data(), 1),
                  PGRES_TUPLES_OK);
  }

 private:
  std::size_t Expect(PGresult* result, ExecStatusType wanted) {
    const std::unique_ptr<PGresult, void (*)(PGresult*)> owned(result, PQclear);
    if (PQresultStatus(result) != wanted) Die(PQerrorMessage(connection_.get()));
    return static_cast<std::size_t>(PQntuples(result));
  }

  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
};

/// A bytea[] in PostgreSQL's binary form.
class ByteaArray {
 public:
  explicit ByteaArray(std::size_t count) {
    for (const std::size_t number :
         {std::size_t{1}, std::size_t{0}, std::size_t{kByteaType}, count, std::size_t{1}})
      Append(number);
  }
  void Add(std::string_view bytes) {
    Append(bytes.size());
    bytes_.append(bytes);
  }
  [[nodiscard]] std::string_view view() const { return bytes_; }

 private:
  void Append(std::size_t number) {
    for (const int shift : {24, 16, 8, 0}) bytes_.push_back(static_cast<char>(number >> shift));
  }
  std::string bytes_;
};

/// RedLock as the common libraries have it, at their best: all servers are asked at once, and all are waited for.
class NaiveLock {
 public:
  NaiveLock(const std::vector<std::string>& addresses, int caller)
      : token_("caller-" + std::to_string(caller)) {
    for (const std::string& address : addresses) Connect(address);
    Ask(redis::CommandList("SCRIPT", "LOAD", redlock::kUnlockText));
    for (const Descriptor& socket : sockets_) (void)ReadLine(socket);  // the length, and then
    for (const Descriptor& socket : sockets_) (void)ReadLine(socket);  // the digest
  }

  /// Until it has the lock.
  void Acquire(std::string_view name) {
    while (true) {
      Ask(redis::CommandList("SET", name, token_, "NX", "PX", 30'000));
      std::size_t granted = 0;
      for (const Descriptor& socket : sockets_) granted += ReadLine(socket) == "+OK" ? 1 : 0;
      if (granted > sockets_.size() / 2) return;
      Release(name);
      std::this_thread::yield();
    }
  }

  void Release(std::string_view name) {
    Ask(redis::CommandList("EVALSHA", redlock::kUnlockScript.digest, 1, name, token_));
    for (const Descriptor& socket : sockets_)
      if (!ReadLine(socket).starts_with(':')) Die("a Redis server did not release a lock");
  }

 private:
  void Connect(const std::string& text) {
    const auto endpoint = Endpoint::Parse(text);
    if (!endpoint) Die(endpoint.error().message);
    const auto address = Resolve(*endpoint);
    if (!address) Die(address.error().message);
    auto socket = BeginConnectTcp(*address);
    if (!socket) Die(socket.error().message);
    pollfd writable{.fd = socket->get(), .events = POLLOUT, .revents = 0};
    if (poll(&writable, 1, -1) != 1 || !FinishConnectTcp(socket->get()) ||
        fcntl(socket->get(), F_SETFL, 0) != 0)
      Die("cannot connect to " + text);
    sockets_.push_back(*std::move(socket));
  }

  void Ask(const redis::CommandList& command) {
    const std::string_view bytes = command.bytes();
    for (const Descriptor& socket : sockets_)
      if (send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(bytes.size()))
        Die("a Redis server is gone");
  }

  /// A short reply; the servers have been asked one thing each.
  [[nodiscard]] std::string ReadLine(const Descriptor& socket) {
    std::string line;
    std::array<char, 128> piece;
    while (!line.ends_with("\r\n")) {
      // No further than the end of the line, which another one may follow.
      const ssize_t peeked = recv(socket.get(), piece.data(), piece.size(), MSG_PEEK);
      if (peeked <= 0) Die("a Redis server is gone");
      const std::string_view seen(piece.data(), static_cast<std::size_t>(peeked));
      const std::size_t end = std::min(seen.find('\n'), seen.size() - 1) + 1;
      if (recv(socket.get(), piece.data(), end, 0) != static_cast<ssize_t>(end))
        Die("a Redis server is gone");
      line.append(seen.substr(0, end));
    }
    line.resize(line.size() - 2);
    return line;
  }

  const std::string token_;
  std::vector<Descriptor> sockets_;
};

struct Arguments {
  std::string mode;
  std::string url;
  double seconds;
  int callers;
  std::vector<std::string> redis;
};

std::uint64_t InsertMany(Database& database, std::span<const std::uint32_t> numbers) {
  ByteaArray digests(numbers.size());
  ByteaArray contents(numbers.size());
  for (const std::uint32_t number : numbers) {
    const Content content(number);
    digests.Add(content.digest_view());
    contents.Add(content.view());
  }
  return database.Execute("many", {digests.view(), contents.view()});
}

/// The work of one caller, for each call.
Caller MakeCaller(const Arguments& arguments, int number) {
  auto database = std::make_shared<Database>(arguments.url);  // the caller's own
  database->Prepare();
  if (arguments.mode == "unnest")
    return [database](std::span<const std::uint32_t> numbers) {
      const std::uint64_t created = InsertMany(*database, numbers);
      return CallReport{.created = created, .duplicates = numbers.size() - created};
    };
  std::shared_ptr<NaiveLock> lock;  // as the database
  if (arguments.mode != "single") lock = std::make_shared<NaiveLock>(arguments.redis, number);
  return [database, lock](std::span<const std::uint32_t> numbers) {
    const Content content(numbers[0]);
    const std::string name = "redlock:" + content.digest.ToHex();
    if (lock) lock->Acquire(name);
    const bool is_known = lock && database->Execute("find", {content.digest_view()}) > 0;
    const bool created =
        !is_known && database->Execute("insert", {content.digest_view(), content.view()}) > 0;
    if (lock) lock->Release(name);
    return CallReport{.created = created ? 1u : 0u, .duplicates = created ? 0u : 1u};
  };
}

std::vector<std::uint32_t> StreamOf(const Arguments& arguments, Database& database) {
  std::vector<std::uint32_t> stream(kStreamItems);
  std::iota(stream.begin(), stream.end(), 0);
  if (arguments.mode != "locked-duplicates") return stream;
  for (std::size_t first = 0; first < kKnown; first += kBatch)
    (void)InsertMany(database, std::span(stream).subspan(first, kBatch));
  for (std::uint32_t& number : stream) number %= kKnown;
  return stream;
}

int Run(const Arguments& arguments) {
  Database database(arguments.url);
  database.Run(kCreate);
  database.Prepare();
  const std::vector<std::uint32_t> stream = StreamOf(arguments, database);
  database.Run("CHECKPOINT");
  std::atomic<int> callers = 0;
  const SystemClock clock;
  const Measurement measured = Drive(stream,
                                     {.callers = arguments.callers,
                                      .items_per_call = arguments.mode == "unnest" ? kBatch : 1,
                                      .time_max = std::chrono::duration_cast<Duration>(
                                          std::chrono::duration<double>(arguments.seconds))},
                                     clock, [&] { return MakeCaller(arguments, callers++); });
  JsonWriter json;
  json.BeginObject()
      .Field("items_per_second", static_cast<double>(measured.items) /
                                     (static_cast<double>(measured.elapsed.count()) * 1e-9))
      .Field("items", measured.items)
      .Field("created", measured.created)
      .Field("duplicates", measured.duplicates);
  std::puts(json.EndObject().Take().c_str());
  return 0;
}

}  // namespace
}  // namespace itemgate

int main(int argc, char** argv) {
  const std::vector<std::string> given(argv + 1, argv + argc);
  if (given.size() < 4)
    itemgate::Die(
        "usage: cluster_peers single|unnest|locked|locked-duplicates DATABASE-URL SECONDS CALLERS "
        "[REDIS...]");
  return itemgate::Run({.mode = given[0],
                        .url = given[1],
                        .seconds = std::atof(given[2].c_str()),
                        .callers = std::atoi(given[3].c_str()),
                        .redis = {given.begin() + 4, given.end()}});
}
