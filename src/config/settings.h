#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/duration_text.h"

namespace itemgate::config {

using Addresses = std::vector<std::string>;  // "host:port" each

/// Connection texts of servers (docs/redis.md), each with its own options.
struct ServerTexts {
  std::vector<std::string> value;

  friend bool operator==(const ServerTexts&, const ServerTexts&) = default;
};

/// A number of bytes, where another number would not do.
struct ByteSize {
  std::uint64_t value = 0;

  friend bool operator==(const ByteSize&, const ByteSize&) = default;
};

/// Everything that can be set about the service; as it stands here, the defaults. What each means, its bounds and its
/// name: SettingTable().
struct Settings {
  Addresses listen{"127.0.0.1:8080"};
  std::string data = "./itemgate-data";
  std::string store = "embedded";
  ServerTexts redis;
  std::string lock = "auto";
  std::uint64_t threads = 0;
  std::string server_name = "auto";
  Addresses server_advertise;
  Addresses management_listen{"127.0.0.1:8081"};

  ByteSize limits_body_bytes{16 << 20};
  std::uint64_t limits_batch_items = 1000;
  std::uint64_t limits_connections = 20'000;
  std::uint64_t limits_connections_per_address = 200;
  std::uint64_t limits_in_flight = 1'000'000;
  std::uint64_t limits_waiters = 100'000;
  ByteSize limits_in_flight_bytes{1 << 30};
  std::uint64_t limits_pipelined = 100;
  ByteSize limits_head_bytes{16 << 10};
  ByteSize limits_request_line_bytes{8 << 10};
  std::uint64_t limits_fields = 100;
  ByteSize limits_unsent_bytes{1 << 20};
  ByteSize limits_gathered_bytes{512 << 20};

  Duration http_head_time = std::chrono::seconds(10);
  Duration http_idle_time = std::chrono::seconds(75);
  Duration http_body_grace = std::chrono::seconds(5);
  ByteSize http_body_rate{1 << 10};
  Duration http_write_time = std::chrono::seconds(10);

  Duration save_wait_default = std::chrono::seconds(60);
  Duration save_wait_max = std::chrono::seconds(60);

  Duration idempotency_window = std::chrono::hours(24);
  std::uint64_t idempotency_entries = 100'000;

  std::uint64_t postgres_connections = 4;
  Duration postgres_timeout = std::chrono::seconds(10);

  Duration redlock_expiry = std::chrono::seconds(10);
  Duration redlock_wait = std::chrono::seconds(1);

  std::uint64_t near_cache_keys = 1 << 20;

  Duration admission_delay_target = std::chrono::milliseconds(5);

  std::string backend_url = "none";
  std::string backend_headers_file = "none";
  std::string backend_ca_file = "none";
  std::string backend_server_name = "none";
  std::string backend_certificate_file = "none";
  std::string backend_key_file = "none";
  Duration backend_timeout = std::chrono::seconds(60);
  std::uint64_t backend_connections = 1000;
  Duration backend_lease = std::chrono::seconds(10);
  Duration backend_horizon = std::chrono::seconds(60);
  std::optional<DelayRange> backend_simulated_delay;

  Duration drain_time = std::chrono::seconds(10);

  std::string log_format = "text";
  std::string log_level = "info";
  std::string log_requests = "errors";
};

}  // namespace itemgate::config
