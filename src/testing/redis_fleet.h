#pragma once

#include <memory>
#include <string>
#include <vector>

#include "testing/redis_server.h"

namespace itemgate {

/// For live tests: several independent redis-servers.
class RedisFleet {
 public:
  explicit RedisFleet(int count, const RedisServer::Options& options = {}) {
    for (int i = 0; i < count; ++i) servers_.push_back(std::make_unique<RedisServer>(options));
  }

  [[nodiscard]] RedisServer& operator[](std::size_t index) const { return *servers_[index]; }
  [[nodiscard]] std::size_t size() const { return servers_.size(); }
  [[nodiscard]] auto begin() const { return servers_.begin(); }
  [[nodiscard]] auto end() const { return servers_.end(); }

  /// The addresses of the first `count`.
  [[nodiscard]] std::vector<std::string> Addresses(std::size_t count) const {
    std::vector<std::string> addresses;
    for (std::size_t i = 0; i < count; ++i) addresses.push_back(servers_[i]->endpoint().ToString());
    return addresses;
  }

 private:
  std::vector<std::unique_ptr<RedisServer>> servers_;
};

}  // namespace itemgate
