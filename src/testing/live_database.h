#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/schema.h"
#include "testing/postgres_server.h"

namespace itemgate {

/// One server for all tests of this program; each has a database of its own.
inline PostgresServer& Server() {
  static PostgresServer server({"max_connections=100"});
  return server;
}

inline std::string NewMigratedDatabase(std::uint32_t partitions = 0) {
  const std::string url = Server().NewDatabase();
  const auto migrated = MigratePostgres({.database = url, .partitions = partitions});
  EXPECT_TRUE(migrated) << migrated.error().message;
  return url;
}

inline std::string DatabaseOf(const std::string& url) { return url.substr(url.rfind('/') + 1); }

inline std::unique_ptr<PostgresStore> OpenStore(const Clock& clock, const std::string& url,
                                                std::uint64_t seed = 1) {
  auto store = PostgresStore::Open(
      clock, {.url = url, .seed = seed, .poll_interval = std::chrono::milliseconds(10)});
  EXPECT_TRUE(store) << store.error().message;
  return *std::move(store);
}

}  // namespace itemgate
