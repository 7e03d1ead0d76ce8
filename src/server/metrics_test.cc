#include "server/metrics.h"

#include <array>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace itemgate::server {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

/// Dashboards rely on them.
constexpr auto kMetrics = std::to_array<std::string_view>({
    "itemgate_build_info gauge",
    "itemgate_ready gauge",
    "itemgate_draining gauge",
    "itemgate_config_last_reload_successful gauge",
    "itemgate_requests_total counter",
    "itemgate_request_duration_seconds histogram",
    "itemgate_http_connections gauge",
    "itemgate_http_connections_accepted_total counter",
    "itemgate_http_connections_refused_total counter",
    "itemgate_http_protocol_errors_total counter",
    "itemgate_http_received_bytes_total counter",
    "itemgate_http_sent_bytes_total counter",
    "itemgate_saves_total counter",
    "itemgate_saves_joined_total counter",
    "itemgate_near_cache_hits_total counter",
    "itemgate_commits_total counter",
    "itemgate_in_flight gauge",
    "itemgate_in_flight_peak gauge",
    "itemgate_seen_cache_looks_total counter",
    "itemgate_seen_cache_fills_total counter",
    "itemgate_seen_cache_fills_lost_total counter",
    "itemgate_seen_cache_round_trip_seconds gauge",
    "itemgate_seen_cache_nodes gauge",
    "itemgate_seen_cache_nodes_ready gauge",
    "itemgate_locks_total counter",
    "itemgate_locks_lost_total counter",
    "itemgate_backend_calls_total counter",
    "itemgate_backend_duplicates_total counter",
    "itemgate_parked_contents gauge",
    "itemgate_orphaned_claims gauge",
    "itemgate_store_items gauge",
    "itemgate_store_disk_bytes gauge",
    "itemgate_store_syncs_total counter",
    "itemgate_process_start_time_seconds gauge",
    "itemgate_process_resident_memory_bytes gauge",
    "itemgate_process_open_fds gauge",
    "itemgate_process_cpu_seconds_total counter",
    "itemgate_log_lines_dropped_total counter",
});

/// "name type" of each metric that the manual explains, in its order.
std::vector<std::string> MetricsOfTheManual() {
  std::ifstream manual(ITEMGATE_SOURCE_DIR "/docs/operations.md");
  std::vector<std::string> metrics;
  for (std::string line; std::getline(manual, line);) {
    if (!line.starts_with("| `itemgate_")) continue;
    const std::size_t names_end = line.find(" | ");
    const std::string type =
        line.substr(names_end + 3, line.find(" | ", names_end + 3) - names_end - 3);
    for (std::size_t at = line.find('`'); at < names_end; at = line.find('`', at + 1)) {
      const std::size_t end = line.find('`', at + 1);
      metrics.push_back(line.substr(at + 1, end - at - 1) + " " + type);
      at = end;
    }
  }
  return metrics;
}

MetricsSnapshot Snapshot() {
  MetricsSnapshot snapshot{.version = "1.2.3", .started_at = WallTime(1500ms), .ready = true};
  RequestCounts counts;
  counts.Count("/v1/items", "POST", 200, 700us);
  counts.Count("/v1/items", "POST", 201, 300us);
  counts.Count("/v1/items", "POST", 201, 2min);
  snapshot.requests = counts.Snapshot();
  snapshot.http.connections = 3;
  snapshot.service.created = 2;
  snapshot.service.backend = {.unknown = 4, .found_twice = 3};
  snapshot.parked = 5;
  snapshot.orphaned = 6;
  snapshot.store.items = 17;
  return snapshot;
}

TEST(Metrics, HaveTheNamesThatDashboardsRelyOn) {
  std::istringstream text(MetricsText(Snapshot()));
  std::vector<std::string> types;
  for (std::string line; std::getline(text, line);)
    if (line.starts_with("# TYPE ")) types.push_back(line.substr(7));
  EXPECT_THAT(types, ElementsAreArray(kMetrics));
}

TEST(Metrics, AreAllExplainedInTheManual) {
  EXPECT_THAT(MetricsOfTheManual(), UnorderedElementsAreArray(kMetrics));
}

TEST(Metrics, EverySampleCanBeReadAndBelongsToTheMetricAboveIt) {
  const std::regex sample(
      R"re((itemgate_[a-z_]+)(\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\})? [0-9.e+-]+)re");
  std::istringstream text(MetricsText(Snapshot()));
  std::string name;
  int samples = 0;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      name = line.substr(7, line.find(' ', 7) - 7);
      continue;
    }
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
    EXPECT_TRUE(match[1].str().starts_with(name)) << line;
    ++samples;
  }
  EXPECT_GT(samples, static_cast<int>(kMetrics.size()));
}

TEST(Metrics, TellWhatTheyWereGiven) {
  const std::string text = MetricsText(Snapshot());
  for (const char* line :
       {"itemgate_build_info{version=\"1.2.3\"} 1\n", "itemgate_ready 1\n",
        "itemgate_config_last_reload_successful 1\n",
        "itemgate_requests_total{method=\"POST\",route=\"/v1/items\",status=\"201\"} 2\n",
        "itemgate_http_connections 3\n", "itemgate_saves_total{outcome=\"created\"} 2\n",
        "itemgate_backend_calls_total{call=\"save\",result=\"unknown\"} 4\n",
        "itemgate_backend_duplicates_total 3\n", "itemgate_parked_contents 5\n",
        "itemgate_orphaned_claims 6\n", "itemgate_store_items 17\n",
        "itemgate_process_start_time_seconds 1.5\n"})
    EXPECT_THAT(text, HasSubstr(line));
}

TEST(Metrics, WhatIsParkedMayBeUnknownAndIsNotZeroThen) {
  const std::string text = MetricsText({.parked = std::nullopt, .orphaned = std::nullopt});
  EXPECT_THAT(text, HasSubstr("itemgate_parked_contents Nan\n"));
  EXPECT_THAT(text, HasSubstr("itemgate_orphaned_claims Nan\n"));
}

TEST(Metrics, TheHistogramIsCumulativeWhateverTheStatus) {
  const std::string text = MetricsText(Snapshot());
  const std::string series = "itemgate_request_duration_seconds_";
  const std::string labels = "{method=\"POST\",route=\"/v1/items\"";
  EXPECT_THAT(text, HasSubstr(series + "count" + labels + "} 3\n"));
  EXPECT_THAT(text, HasSubstr(series + "sum" + labels + "} 120.001\n"));
  EXPECT_THAT(text, HasSubstr(series + "bucket" + labels + ",le=\"0.0005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(series + "bucket" + labels + ",le=\"0.001\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(series + "bucket" + labels + ",le=\"60\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(series + "bucket" + labels + ",le=\"+Inf\"} 3\n"));
}

}  // namespace
}  // namespace itemgate::server
