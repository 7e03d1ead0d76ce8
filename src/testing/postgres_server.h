#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace itemgate {

/// A PostgreSQL server of its own: a new cluster in a temporary folder, on a free port of the loopback address, run by
/// an unprivileged user if the test is run by root. Ended by its process id. One thread.
///
/// Aborts the test program, with the server's own words, if it cannot be started.
class PostgresServer {
 public:
  /// Settings as the server's command line has them ("max_connections=20").
  explicit PostgresServer(std::vector<std::string> settings = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// Starts it, on the same port each time, and waits until it answers.
  void Start();
  /// Fast shutdown, and waits for the end: open transactions are rolled back.
  void Stop();
  /// kill -9, and waits until all of its processes are gone.
  void Kill();
  void Restart();
  /// SIGSTOP and SIGCONT for all of its processes.
  void Pause();
  void Resume();

  /// Creates an empty database and gives its URL.
  [[nodiscard]] std::string NewDatabase();
  [[nodiscard]] std::string UrlOf(const std::string& database) const;
  /// Runs SQL in psql, and gives what it prints: values separated by "|", rows by line breaks.
  std::string Query(const std::string& database, const std::string& sql) const;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  [[nodiscard]] std::vector<pid_t> Processes() const;
  void SignalAll(int signal) const;

  std::string folder_;
  std::vector<std::string> settings_;
  std::uint16_t port_ = 0;
  pid_t process_ = 0;
  int database_count_ = 0;
};

/// PgBouncer in front of a server, in transaction mode with three server connections for each database. One thread.
class PgBouncer {
 public:
  /// The server must outlive it.
  explicit PgBouncer(const PostgresServer& server);
  ~PgBouncer();
  PgBouncer(const PgBouncer&) = delete;
  PgBouncer& operator=(const PgBouncer&) = delete;

  /// The URL of a database of the server, through the pooler.
  [[nodiscard]] std::string UrlOf(const std::string& database) const;

 private:
  std::uint16_t port_ = 0;
  pid_t process_ = 0;
};

}  // namespace itemgate
