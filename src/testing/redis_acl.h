#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "redis/acl.h"
#include "testing/redis_server.h"

namespace itemgate {

/// For live tests: a user of an ACL that may do what these needs say, and what became of that. Its name is "least", its
/// password "secret".
class LeastUser {
 public:
  /// Fails the test if there is no such line.
  explicit LeastUser(const redis::AclNeeds& needs) : needs_(needs) {
    const auto line = redis::AclLine("least", needs);
    EXPECT_TRUE(line.has_value());
    for (std::size_t at = 0, end = 0; end != std::string::npos; at = end + 1) {
      end = line->find(' ', at);
      words_.push_back(line->substr(at, end - at));
      if (words_.back() == ">PASSWORD") words_.back() = ">secret";
    }
  }

  /// Makes it there, and forgets what was done before.
  void MakeOn(const RedisServer& server) const {
    MakeOnSentinel(server);
    server.Run({"CONFIG", "RESETSTAT"});
  }
  void MakeOnSentinel(const RedisServer& server) const {
    std::vector<std::string> command{"ACL", "SETUSER"};
    command.insert(command.end(), words_.begin() + 1, words_.end());
    EXPECT_EQ(server.Run(command), "OK");
    server.Run({"ACL", "LOG", "RESET"});
  }

  /// What it was refused since; empty: nothing.
  [[nodiscard]] static std::string Refusals(const RedisServer& server) {
    return server.Run({"ACL", "LOG"});
  }

  /// What it is allowed and has been done on none of them since. To be asked once: the question itself is an INFO.
  [[nodiscard]] std::vector<std::string> Unused(
      const std::vector<const RedisServer*>& servers) const {
    std::string done;
    for (const RedisServer* server : servers) done += server->Run({"INFO", "commandstats"});
    std::vector<std::string> unused;
    for (const std::string_view command : needs_.commands)
      if (!done.contains("cmdstat_" + std::string(command) + ":")) unused.emplace_back(command);
    return unused;
  }

  /// Whether the server refuses it that.
  [[nodiscard]] static bool IsRefused(const RedisServer& server,
                                      const std::vector<std::string>& command) {
    std::vector<std::string> all{"--user", "least", "--pass", "secret", "--no-auth-warning"};
    all.insert(all.end(), command.begin(), command.end());
    return server.Run(all).starts_with("NOPERM");
  }

  [[nodiscard]] const redis::AclNeeds& needs() const { return needs_; }

 private:
  const redis::AclNeeds needs_;
  std::vector<std::string> words_;
};

}  // namespace itemgate
