#include "testing/postgres_server.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/check.h"
#include "net/tcp.h"

namespace itemgate {
namespace {

const std::string kPrograms = "/usr/lib/postgresql/15/bin/";  // where Debian has them

std::string FileText(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

[[noreturn]] void GiveUp(const std::string& what, const std::string& log) {
  std::fprintf(stderr, "%s; it said:\n%s\n", what.c_str(), FileText(log).c_str());
  std::abort();
}

/// Starts a program, as the database's user if this is root; its output goes to `log`. It ends with the thread that
/// started it, so that nothing is left of a test that crashed.
pid_t Spawn(std::vector<std::string> arguments, const std::string& log) {
  std::vector<std::string> around = {"setpriv", "--pdeathsig=QUIT"};
  if (geteuid() == 0)
    around.insert(around.end(), {"--reuid=postgres", "--regid=postgres", "--clear-groups"});
  arguments.insert(arguments.begin(), around.begin(), around.end());
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::string path = "PATH=/usr/bin:/bin";
  std::string locale = "LC_ALL=C.UTF-8";
  char* environment[] = {path.data(), locale.data(), nullptr};

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);  // whatever this process inherited
  pid_t pid = 0;
  const int failed = posix_spawnp(&pid, pointers[0], &files, nullptr, pointers.data(), environment);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) GiveUp("cannot start " + arguments[0], log);
  return pid;
}

int WaitFor(pid_t pid) {
  int status = 0;
  ITEMGATE_CHECK(waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::uint16_t FreePort() {
  const auto address = Resolve({.host = "127.0.0.1", .port = 0}).value();
  const Descriptor listener = ListenTcp(address, SharePort::kNo).value();
  const std::string text = LocalAddress(listener.get()).value().ToString();
  return Endpoint::Parse(text).value().port;
}

/// True if the process runs and answers; waits until it does one or has ended.
bool AwaitAnswer(pid_t process, std::uint16_t port, const std::string& log) {
  while (waitpid(process, nullptr, WNOHANG) == 0) {
    const pid_t probe = Spawn(
        {kPrograms + "pg_isready", "-q", "-h", "127.0.0.1", "-p", std::to_string(port), "-t", "1"},
        log);
    if (WaitFor(probe) == 0) return true;
  }
  return false;
}

void GiveToDatabaseUser(const std::string& folder) {
  if (geteuid() != 0) return;
  const passwd* user = getpwnam("postgres");
  ITEMGATE_CHECK(user != nullptr);
  ITEMGATE_CHECK(chown(folder.c_str(), user->pw_uid, user->pw_gid) == 0);
}

}  // namespace

PostgresServer::PostgresServer(std::vector<std::string> settings) : settings_(std::move(settings)) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "itemgate-postgres-XXXXXX").string();
  folder_ = mkdtemp(pattern.data());
  GiveToDatabaseUser(folder_);
  const std::string log = folder_ + "/initdb.log";
  const pid_t initdb = Spawn({kPrograms + "initdb", "-D", folder_ + "/data", "-A", "trust", "-U",
                              "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"},
                             log);
  if (WaitFor(initdb) != 0) GiveUp("initdb failed", log);
  port_ = FreePort();
  Start();
}

PostgresServer::~PostgresServer() {
  if (process_ != 0) Kill();
  std::filesystem::remove_all(folder_);
}

void PostgresServer::Start() {
  const std::string log = folder_ + "/server.log";
  std::vector<std::string> arguments = {kPrograms + "postgres",
                                        "-D",
                                        folder_ + "/data",
                                        "-p",
                                        std::to_string(port_),
                                        "-c",
                                        "listen_addresses=127.0.0.1",
                                        "-c",
                                        "unix_socket_directories=" + folder_,
                                        "-c",
                                        "fsync=off"};  // tests kill processes, not the machine
  for (const std::string& setting : settings_) {
    arguments.emplace_back("-c");
    arguments.push_back(setting);
  }
  for (int attempt = 0; attempt < 100; ++attempt) {
    process_ = Spawn(arguments, log);
    if (AwaitAnswer(process_, port_, log)) return;
    // Processes of the one before may still hold its memory.
  }
  process_ = 0;
  GiveUp("the PostgreSQL server does not start", log);
}

void PostgresServer::Stop() {
  kill(process_, SIGINT);
  WaitFor(std::exchange(process_, 0));
}

void PostgresServer::Kill() {
  SignalAll(SIGKILL);
  WaitFor(std::exchange(process_, 0));
}

void PostgresServer::Restart() {
  Stop();
  Start();
}

void PostgresServer::Pause() { SignalAll(SIGSTOP); }
void PostgresServer::Resume() { SignalAll(SIGCONT); }

std::vector<pid_t> PostgresServer::Processes() const {
  std::vector<pid_t> processes = {process_};
  const std::string pid = std::to_string(process_);
  std::istringstream children(FileText("/proc/" + pid + "/task/" + pid + "/children"));
  for (pid_t child = 0; children >> child;) processes.push_back(child);
  return processes;
}

void PostgresServer::SignalAll(int signal) const {
  for (const pid_t process : Processes()) kill(process, signal);
}

std::string PostgresServer::NewDatabase() {
  const std::string name = "test_" + std::to_string(++database_count_);
  Query("postgres", "CREATE DATABASE " + name);
  return UrlOf(name);
}

std::string PostgresServer::UrlOf(const std::string& database) const {
  return "postgres://postgres@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

std::string PostgresServer::Query(const std::string& database, const std::string& sql) const {
  const std::string output = folder_ + "/query.out";
  std::filesystem::remove(output);
  const pid_t psql = Spawn({kPrograms + "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                            "-d", UrlOf(database), "-c", sql},
                           output);
  const int status = WaitFor(psql);
  if (status != 0) GiveUp("psql failed: " + sql, output);
  std::string text = FileText(output);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

PgBouncer::PgBouncer(const PostgresServer& server) : port_(FreePort()) {
  const std::string file = server.folder() + "/pgbouncer-" + std::to_string(port_) + ".ini";
  const std::string log = server.folder() + "/pgbouncer.log";
  std::ofstream(file) << "[databases]\n* = host=127.0.0.1 port=" << server.port()
                      << " user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = "
                      << port_ << "\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n"
                      << "default_pool_size = 3\nmax_client_conn = 1000\n";
  process_ = Spawn({"/usr/sbin/pgbouncer", "-q", file}, log);
  if (!AwaitAnswer(process_, port_, log)) GiveUp("pgbouncer does not start", log);
}

PgBouncer::~PgBouncer() {
  kill(process_, SIGKILL);
  WaitFor(process_);
}

std::string PgBouncer::UrlOf(const std::string& database) const {
  return "postgres://postgres@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

}  // namespace itemgate
