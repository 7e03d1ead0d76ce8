#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "itemgate/redlock.h"
#include "testing/eventually.h"
#include "testing/redis_fleet.h"

namespace itemgate {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr milliseconds kLiveExpiry{30'000};

/// A factory that has reached the servers that are there.
inline std::unique_ptr<RedLockFactory> ConnectTo(const std::vector<std::string>& addresses,
                                                 int connected, RedLockFactoryOptions options = {},
                                                 const std::string& key_format = "redlock:{0}") {
  std::vector<RedLockEndPoint> end_points;
  for (const std::string& address : addresses) {
    end_points.emplace_back(address);
    end_points.back().redis_key_format = key_format;
  }
  auto factory = RedLockFactory::Create(std::move(end_points), std::move(options));
  EXPECT_TRUE(factory.has_value()) << factory.error().message;
  const auto count = [&] {
    int now = 0;
    for (const RedLockInstance& instance : (*factory)->Instances())
      now += instance.is_connected ? 1 : 0;
    return now;
  };
  EXPECT_TRUE(Eventually([&] { return count() >= connected; }));
  return *std::move(factory);
}

inline std::unique_ptr<RedLockFactory> ConnectTo(const RedisFleet& fleet,
                                                 RedLockFactoryOptions options = {}) {
  return ConnectTo(fleet.Addresses(fleet.size()), static_cast<int>(fleet.size()),
                   std::move(options));
}

/// How many of the servers have the key.
inline int CountKeys(const RedisFleet& fleet, const std::string& key) {
  int count = 0;
  for (const auto& server : fleet) count += server->Run({"EXISTS", key}) == "1" ? 1 : 0;
  return count;
}

}  // namespace itemgate
