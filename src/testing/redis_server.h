#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/tcp.h"

namespace itemgate {

/// For live tests: certificates of one authority, made in a folder of their own that is removed at the end.
class RedisCertificates {
 public:
  /// Makes an authority, a server's certificate for "localhost" and 127.0.0.1, and a client's; asserts that it can.
  RedisCertificates();
  ~RedisCertificates();
  RedisCertificates(const RedisCertificates&) = delete;
  RedisCertificates& operator=(const RedisCertificates&) = delete;

  [[nodiscard]] std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] std::string ca_file() const { return Path("ca.crt"); }
  [[nodiscard]] std::string server_certificate() const { return Path("server.crt"); }
  [[nodiscard]] std::string server_key() const { return Path("server.key"); }
  [[nodiscard]] std::string client_certificate() const { return Path("client.crt"); }
  [[nodiscard]] std::string client_key() const { return Path("client.key"); }

 private:
  std::string folder_;
};

/// For live tests: a real redis-server on a free port of 127.0.0.1, with a folder of its own, without persistence.
///
/// It is there, and answers, when the constructor returns; it is killed, by its process id, when this is destroyed or
/// the test dies. Fails the test and tells the server's log if it does not start. One thread.
class RedisServer {
 public:
  struct Options {
    std::vector<std::string> arguments{};    // further ones, such as {"--appendonly", "yes"}
    std::string password{};                  // requirepass
    std::vector<std::string> acl{};          // users: "app on >secret ~locks:* +@all"
    const RedisCertificates* tls = nullptr;  // then the port speaks TLS only
    bool client_certificate = false;         // asked of clients
    bool sentinel = false;                   // runs as a Sentinel
    bool cluster = false;                    // in cluster mode, without slots yet
    std::vector<std::string> lines{};        // further lines of its configuration file
  };

  RedisServer();
  explicit RedisServer(Options options);
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Endpoint endpoint() const { return {.host = "127.0.0.1", .port = port_}; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// "127.0.0.1:port@bus port", as redis-cli --cluster create wants it. REQUIRES: in cluster mode.
  [[nodiscard]] std::string ClusterAddress() const {
    return endpoint().ToString() + "@" + std::to_string(bus_port_);
  }

  /// SIGSTOP: it takes connections and bytes, by the kernel, and answers nothing. Then SIGCONT.
  void Pause();
  void Resume();
  /// SIGKILL, and waits for its end. The port is refused from then on.
  void Kill();
  /// Starts it again on the same port. REQUIRES: killed.
  void Restart();

  /// Runs one command through redis-cli with the server's own password and TLS; tells its output without the last
  /// line's end. Fails the test if the server cannot be reached.
  std::string Run(const std::vector<std::string>& command) const;

 private:
  void Start();
  [[nodiscard]] bool Answers() const;
  [[nodiscard]] std::vector<std::string> ClientCommand() const;
  [[nodiscard]] std::string Log() const;

  const Options options_;
  std::string folder_;
  std::uint16_t port_ = 0;
  std::uint16_t bus_port_ = 0;  // of a cluster's node
  Descriptor port_reservation_;
  Descriptor bus_port_reservation_;
  pid_t pid_ = 0;
};

/// For live tests: a port of 127.0.0.1 on which nothing listens; it is kept, so that nobody else gets it.
class DeadPort {
 public:
  DeadPort();
  [[nodiscard]] Endpoint endpoint() const { return endpoint_; }

 private:
  Descriptor socket_;
  Endpoint endpoint_;
};

/// For live tests: a port of 127.0.0.1 that takes connections and bytes, by the kernel, and never answers.
class BlackHole {
 public:
  BlackHole();
  [[nodiscard]] Endpoint endpoint() const { return endpoint_; }

 private:
  Descriptor socket_;
  Endpoint endpoint_;
};

}  // namespace itemgate
