#include "server/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <sstream>
#include <utility>

namespace itemgate::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// Gathers families in the order in which they are added.
class Families {
 public:
  MetricFamily& Add(MetricType type, std::string name, std::string help) {
    families_.push_back({std::move(name), std::move(help), type, {}});
    return families_.back();
  }

  void Counter(std::string name, std::string help, auto value) {
    AddCounter(Add(MetricType::Counter, std::move(name), std::move(help)), {}, value);
  }

  void Gauge(std::string name, std::string help, auto value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = static_cast<double>(value);
    Add(MetricType::Gauge, std::move(name), std::move(help)).metric.push_back(std::move(metric));
  }

  static void AddCounter(MetricFamily& family, Labels labels, auto value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = static_cast<double>(value);
    family.metric.push_back(std::move(metric));
  }

  [[nodiscard]] std::string Text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return std::move(out).str();
  }

 private:
  std::vector<MetricFamily> families_;
};

/// The series of one route and method, whatever the status, in one.
std::vector<RequestCounts::Series> WithoutStatus(
    const std::vector<RequestCounts::Series>& requests) {
  std::vector<RequestCounts::Series> merged;
  for (const RequestCounts::Series& series : requests) {  // sorted by route and method
    if (merged.empty() || merged.back().route != series.route ||
        merged.back().method != series.method) {
      merged.push_back(series);
      continue;
    }
    std::ranges::transform(merged.back().classes, series.classes, merged.back().classes.begin(),
                           std::plus());
    merged.back().total += series.total;
  }
  return merged;
}

ClientMetric HistogramOf(const RequestCounts::Series& series) {
  ClientMetric metric;
  metric.label = {{"method", series.method}, {"route", series.route}};
  metric.histogram.sample_count = series.count();
  metric.histogram.sample_sum = Seconds(series.total);
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < series.classes.size(); ++i) {
    cumulative += series.classes[i];
    const bool last = i == RequestCounts::kBounds.size();
    metric.histogram.bucket.push_back({cumulative, last ? std::numeric_limits<double>::infinity()
                                                        : Seconds(RequestCounts::kBounds[i])});
  }
  return metric;
}

void AddRequests(Families& families, const MetricsSnapshot& snapshot) {
  MetricFamily& total = families.Add(MetricType::Counter, "itemgate_requests_total",
                                     "Answered requests, by route, method and status.");
  for (const RequestCounts::Series& series : snapshot.requests)
    Families::AddCounter(total,
                         {{"method", series.method},
                          {"route", series.route},
                          {"status", std::to_string(series.status)}},
                         series.count());
  MetricFamily& durations =
      families.Add(MetricType::Histogram, "itemgate_request_duration_seconds",
                   "From the complete request to its answer, by route and method.");
  for (const RequestCounts::Series& series : WithoutStatus(snapshot.requests))
    durations.metric.push_back(HistogramOf(series));
}

void AddHttp(Families& families, const http::ServerStatistics& http) {
  families.Gauge("itemgate_http_connections", "Open connections.", http.connections);
  families.Counter("itemgate_http_connections_accepted_total", "Connections accepted.",
                   http.connections_accepted);
  families.Counter("itemgate_http_connections_refused_total", "Connections closed at a limit.",
                   http.connections_refused);
  families.Counter("itemgate_http_protocol_errors_total",
                   "Requests refused because they are not HTTP as it should be, or too slow.",
                   http.protocol_errors);
  families.Counter("itemgate_http_received_bytes_total", "Bytes received from clients.",
                   http.bytes_received);
  families.Counter("itemgate_http_sent_bytes_total", "Bytes sent to clients.", http.bytes_sent);
}

void AddService(Families& families, const ServiceStatistics& service) {
  MetricFamily& saves = families.Add(MetricType::Counter, "itemgate_saves_total",
                                     "Contents offered, by how it ended.");
  Families::AddCounter(saves, {{"outcome", "created"}}, service.created);
  Families::AddCounter(saves, {{"outcome", "duplicate"}}, service.duplicates);
  Families::AddCounter(saves, {{"outcome", "in_progress"}}, service.in_progress);
  Families::AddCounter(saves, {{"outcome", "refused"}}, service.refused);
  families.Counter("itemgate_saves_joined_total",
                   "Contents that were being saved already when they were offered.",
                   service.joined);
  families.Counter("itemgate_near_cache_hits_total",
                   "Duplicates that were answered without asking the store.",
                   service.near_cache_hits);
  families.Counter("itemgate_commits_total", "Insertions into the store; each serves many saves.",
                   service.commits);
  families.Gauge("itemgate_in_flight", "Contents being saved, or waiting for that.",
                 service.in_flight);
  families.Gauge("itemgate_in_flight_peak", "The most that ever were in flight at once.",
                 service.in_flight_peak);
}

void AddSeenCache(Families& families, const SeenCacheStatistics& cache) {
  MetricFamily& looks = families.Add(MetricType::Counter, "itemgate_seen_cache_looks_total",
                                     "Contents looked for in the seen cache, by what it said.");
  Families::AddCounter(looks, {{"result", "hit"}}, cache.hits);
  Families::AddCounter(looks, {{"result", "miss"}}, cache.misses);
  Families::AddCounter(looks, {{"result", "forged"}}, cache.mac_failures);
  Families::AddCounter(looks, {{"result", "timeout"}}, cache.timeouts);
  Families::AddCounter(looks, {{"result", "error"}}, cache.errors);
  Families::AddCounter(looks, {{"result", "skipped"}}, cache.skipped);
  families.Counter("itemgate_seen_cache_fills_total", "Saved contents told to the seen cache.",
                   cache.fills);
  families.Counter("itemgate_seen_cache_fills_lost_total", "Those of them that did not get there.",
                   cache.fills_lost);
  families.Gauge("itemgate_seen_cache_round_trip_seconds",
                 "How long the seen cache takes to answer, smoothed.", Seconds(cache.round_trip));
  families.Gauge("itemgate_seen_cache_nodes", "Servers that the seen cache consists of.",
                 cache.nodes);
  families.Gauge("itemgate_seen_cache_nodes_ready", "Those of them that can be asked now.",
                 cache.nodes_ready);
}

void AddLocks(Families& families, const LockStatistics& lock) {
  MetricFamily& locks = families.Add(MetricType::Counter, "itemgate_locks_total",
                                     "Locks of contents asked for, by what became of it.");
  Families::AddCounter(locks, {{"result", "acquired"}}, lock.acquired);
  Families::AddCounter(locks, {{"result", "busy"}}, lock.busy);
  Families::AddCounter(locks, {{"result", "unavailable"}}, lock.unavailable);
  Families::AddCounter(locks, {{"result", "skipped"}}, lock.skipped);
  families.Counter("itemgate_locks_lost_total", "Locks that ended before the work was done.",
                   lock.lost);
}

double ValueOf(std::optional<std::uint64_t> count) {
  return count ? static_cast<double>(*count) : std::numeric_limits<double>::quiet_NaN();
}

void AddBackend(Families& families, const MetricsSnapshot& snapshot) {
  const BackendStatistics& backend = snapshot.service.backend;
  MetricFamily& calls = families.Add(MetricType::Counter, "itemgate_backend_calls_total",
                                     "Calls of the backend, by what it was asked and said.");
  const auto add = [&](const char* call, const char* result, std::uint64_t count) {
    Families::AddCounter(calls, {{"call", call}, {"result", result}}, count);
  };
  add("save", "saved", backend.saved);
  add("save", "failed", backend.failed);
  add("save", "unknown", backend.unknown);
  add("find", "found", backend.found);
  add("find", "absent", backend.absent);
  add("find", "failed", backend.not_told);
  families.Counter("itemgate_backend_duplicates_total",
                   "Contents that the backend was found to have more than once.",
                   backend.found_twice);
  families.Gauge("itemgate_parked_contents",
                 "Contents in the store of which nobody knows whether the backend has them.",
                 ValueOf(snapshot.parked));
  families.Gauge("itemgate_orphaned_claims",
                 "Contents that a server that is gone was giving to the backend, and that nobody "
                 "has sent again.",
                 ValueOf(snapshot.orphaned));
}

void AddStore(Families& families, const StoreStatistics& store) {
  families.Gauge("itemgate_store_items", "Items saved; also the highest id.", store.items);
  families.Gauge("itemgate_store_disk_bytes", "What the store occupies on disk.", store.disk_bytes);
  families.Counter("itemgate_store_syncs_total", "Times data was forced to disk.", store.syncs);
}

void AddProcess(Families& families, const MetricsSnapshot& snapshot) {
  const auto started =
      std::chrono::duration<double>(snapshot.started_at.time_since_epoch()).count();
  families.Gauge("itemgate_process_start_time_seconds", "When it was started, in Unix time.",
                 started);
  families.Gauge("itemgate_process_resident_memory_bytes", "Memory in use, in RAM.",
                 snapshot.process.resident_bytes);
  families.Gauge("itemgate_process_open_fds", "Open file descriptors.",
                 snapshot.process.open_files);
  families.Counter("itemgate_process_cpu_seconds_total", "Processor time used.",
                   snapshot.process.cpu_seconds);
}

}  // namespace

std::string MetricsText(const MetricsSnapshot& snapshot) {
  Families families;
  families.Gauge("itemgate_build_info", "Always 1; the version is in the label.", 1,
                 {{"version", snapshot.version}});
  families.Gauge("itemgate_ready", "1 while new requests should come here, else 0.",
                 snapshot.ready ? 1 : 0);
  families.Gauge("itemgate_draining", "1 while the service finishes what was begun, to stop.",
                 snapshot.draining ? 1 : 0);
  families.Gauge("itemgate_config_last_reload_successful",
                 "0 if the last reload found a broken configuration and kept the old one.",
                 snapshot.reload_failed ? 0 : 1);
  AddRequests(families, snapshot);
  AddHttp(families, snapshot.http);
  AddService(families, snapshot.service);
  AddSeenCache(families, snapshot.service.seen_cache);
  AddLocks(families, snapshot.service.lock);
  AddBackend(families, snapshot);
  AddStore(families, snapshot.store);
  AddProcess(families, snapshot);
  families.Counter("itemgate_log_lines_dropped_total",
                   "Log lines lost because there were too many.", snapshot.log_lines_dropped);
  return families.Text();
}

}  // namespace itemgate::server
