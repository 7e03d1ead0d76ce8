#include "testing/redis_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <tuple>
#include <utility>

#include <gtest/gtest.h>

#include "base/check.h"
#include "testing/program.h"

namespace itemgate {
namespace {

std::string NewFolder() {
  std::string path = (std::filesystem::temp_directory_path() / "itemgate-redis-XXXXXX").string();
  ITEMGATE_CHECK(mkdtemp(path.data()) != nullptr);
  return path;
}

/// A bound socket of a free port; it listens or not. While it does not, a server that sets SO_REUSEADDR, as Redis does,
/// may listen there all the same, and nobody else is given the port: neither while that server is starting nor while it
/// is dead.
std::pair<Descriptor, Endpoint> BindFreePort() {
  Descriptor bound(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const auto address = Resolve({.host = "127.0.0.1", .port = 0});
  ITEMGATE_CHECK(bound.is_open() && address.has_value());
  ITEMGATE_CHECK(bind(bound.get(), reinterpret_cast<const sockaddr*>(&address->storage),
                      address->length) == 0);
  const auto got = LocalAddress(bound.get());
  ITEMGATE_CHECK(got.has_value());
  const auto endpoint = Endpoint::Parse(got->ToString());
  ITEMGATE_CHECK(endpoint.has_value());
  return {std::move(bound), *endpoint};
}

void OpenSsl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  const EndedProgram ended = RunProgram(arguments);
  ASSERT_EQ(ended.status, 0) << ended.output;
}

}  // namespace

RedisCertificates::RedisCertificates() : folder_(NewFolder()) {
  OpenSsl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-days", "2", "-subj", "/CN=Test Authority", "-keyout", Path("ca.key"), "-out",
           ca_file()});
  std::ofstream(Path("extensions")) << "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
  for (const std::string name : {"server", "client"}) {
    OpenSsl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
             "/CN=" + name, "-keyout", Path(name + ".key"), "-out", Path(name + ".csr")});
    OpenSsl({"x509", "-req", "-in", Path(name + ".csr"), "-CA", ca_file(), "-CAkey", Path("ca.key"),
             "-CAcreateserial", "-days", "2", "-extfile", Path("extensions"), "-out",
             Path(name + ".crt")});
  }
}

RedisCertificates::~RedisCertificates() { std::filesystem::remove_all(folder_); }

RedisServer::RedisServer() : RedisServer(Options{}) {}

RedisServer::RedisServer(Options options) : options_(std::move(options)), folder_(NewFolder()) {
  // Somebody may listen there on all addresses: then the server ends at once, and another port is tried.
  for (int attempt = 0; attempt < 5 && pid_ == 0; ++attempt) {
    Endpoint reserved;
    std::tie(port_reservation_, reserved) = BindFreePort();
    port_ = reserved.port;
    std::tie(bus_port_reservation_, reserved) = BindFreePort();
    bus_port_ = reserved.port;
    Start();
  }
  if (pid_ == 0) ADD_FAILURE() << "redis-server does not start: " << Log();
}

RedisServer::~RedisServer() {
  Kill();
  std::filesystem::remove_all(folder_);
}

void RedisServer::Start() {
  {
    std::ofstream file(folder_ + "/redis.conf");
    const std::string port = std::to_string(port_);
    file << "dir " << folder_ << "\nbind 127.0.0.1\nlogfile " << folder_ << "/redis.log\n";
    if (options_.tls == nullptr) {
      file << "port " << port << "\n";
    } else {
      file << "port 0\ntls-port " << port << "\ntls-ca-cert-file " << options_.tls->ca_file()
           << "\ntls-cert-file " << options_.tls->server_certificate() << "\ntls-key-file "
           << options_.tls->server_key() << "\ntls-auth-clients "
           << (options_.client_certificate ? "yes" : "no") << "\n";
    }
    // A replica waits 5 s for others otherwise.
    if (!options_.sentinel) file << "save \"\"\nappendonly no\nrepl-diskless-sync-delay 0\n";
    if (options_.cluster)
      file << "cluster-enabled yes\ncluster-node-timeout 2000\ncluster-port " << bus_port_ << "\n";
    if (!options_.password.empty()) file << "requirepass " << options_.password << "\n";
    for (const std::string& user : options_.acl) file << "user " << user << "\n";
    for (const std::string& line : options_.lines) file << line << "\n";
  }
  std::vector<std::string> command{"redis-server", folder_ + "/redis.conf"};
  if (options_.sentinel) command.emplace_back("--sentinel");
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  const Descriptor nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
  pid_ = StartProgram(command, nowhere.get());
  for (int i = 0; i < 3000 && !Answers(); ++i) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = 0;
      return;
    }
    poll(nullptr, 0, 10);
  }
}

// A connection is taken only after the server has set everything up; what it then says does not matter.
bool RedisServer::Answers() const {
  const auto address = Resolve(endpoint());
  auto connecting = BeginConnectTcp(*address);
  if (!connecting) return false;
  pollfd waiting{.fd = connecting->get(), .events = POLLOUT, .revents = 0};
  return poll(&waiting, 1, 1000) == 1 && FinishConnectTcp(connecting->get()).has_value();
}

void RedisServer::Pause() {
  ITEMGATE_CHECK(kill(pid_, SIGSTOP) == 0);
  siginfo_t info{};  // it may answer for a moment longer
  ITEMGATE_CHECK(waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT) == 0);
}
void RedisServer::Resume() { ITEMGATE_CHECK(kill(pid_, SIGCONT) == 0); }

void RedisServer::Kill() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  waitpid(std::exchange(pid_, 0), nullptr, 0);
}

void RedisServer::Restart() {
  ITEMGATE_CHECK(pid_ == 0);
  Start();
  if (pid_ == 0) ADD_FAILURE() << "redis-server does not start again: " << Log();
}

std::vector<std::string> RedisServer::ClientCommand() const {
  std::vector<std::string> command{"redis-cli", "-h", "127.0.0.1", "-p", std::to_string(port_)};
  if (!options_.password.empty())
    command.insert(command.end(), {"--no-auth-warning", "-a", options_.password});
  if (options_.tls != nullptr) {
    command.insert(command.end(),
                   {"--tls", "--cacert", options_.tls->ca_file(), "--cert",
                    options_.tls->client_certificate(), "--key", options_.tls->client_key()});
  }
  return command;
}

std::string RedisServer::Run(const std::vector<std::string>& command) const {
  std::vector<std::string> all = ClientCommand();
  all.insert(all.end(), command.begin(), command.end());
  const EndedProgram ended = RunProgram(all);
  EXPECT_EQ(ended.status, 0) << ended.output;
  return ended.output;
}

std::string RedisServer::Log() const {
  std::ifstream file(folder_ + "/redis.log");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

DeadPort::DeadPort() { std::tie(socket_, endpoint_) = BindFreePort(); }

BlackHole::BlackHole() {
  std::tie(socket_, endpoint_) = BindFreePort();
  ITEMGATE_CHECK(listen(socket_.get(), 64) == 0);
}

}  // namespace itemgate
