#include "app/serve.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "app/connection_limit.h"
#include "app/open.h"
#include "app/served_backend.h"
#include "app/server_name.h"
#include "base/mutex.h"
#include "base/random.h"
#include "config/configuration.h"
#include "http/server.h"
#include "net/tcp.h"
#include "net/thread_executor.h"
#include "obs/process.h"
#include "server/api.h"
#include "server/management.h"
#include "server/metrics.h"
#include "server/request_recorder.h"

namespace itemgate {
namespace {

using config::Settings;

// A stop does not wait longer for a database that is away.
constexpr Duration kTellingMax = std::chrono::milliseconds(500);
constexpr Duration kStoreLookInterval = std::chrono::seconds(1);
constexpr int kWorkersMin = 2;  // they wait for the disk more than they compute

int ProcessorCount() { return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U)); }

LogFormat FormatOf(const Settings& settings) {
  return settings.log_format == "json" ? LogFormat::kJson : LogFormat::kText;
}

server::RequestsLogged RequestsLoggedOf(const Settings& settings) {
  if (settings.log_requests == "none") return server::RequestsLogged::kNone;
  return settings.log_requests == "all" ? server::RequestsLogged::kAll
                                        : server::RequestsLogged::kErrors;
}

http::ServerLimits HttpLimitsOf(const Settings& settings) {
  http::ServerLimits limits;
  limits.connections_max = settings.limits_connections;
  limits.connections_per_address_max = settings.limits_connections_per_address;
  limits.request_line_bytes_max = settings.limits_request_line_bytes.value;
  limits.head_bytes_max = settings.limits_head_bytes.value;
  limits.fields_max = settings.limits_fields;
  limits.pipelined_max = settings.limits_pipelined;
  limits.unsent_bytes_max = settings.limits_unsent_bytes.value;
  limits.gathered_bytes_max = settings.limits_gathered_bytes.value;
  limits.head_time_max = settings.http_head_time;
  limits.idle_time_max = settings.http_idle_time;
  limits.body_grace = settings.http_body_grace;
  limits.body_rate_min = settings.http_body_rate.value;
  limits.write_time_max = settings.http_write_time;
  return limits;
}

server::ApiOptions ApiOptionsOf(const Settings& settings) {
  server::ApiOptions options;
  options.wait_default = std::min(settings.save_wait_default, settings.save_wait_max);
  options.wait_max = settings.save_wait_max;
  options.body_bytes_max = settings.limits_body_bytes.value;
  // So that every content fits into a line, in Base64.
  options.batch_line_bytes_max =
      std::max<std::size_t>(options.batch_line_bytes_max,
                            options.body_bytes_max + options.body_bytes_max / 2 + (64 << 10));
  // So that one batch alone is never refused for what it has under way itself.
  options.batch_window_items_max =
      std::min(settings.limits_batch_items,
               std::max<std::uint64_t>(1, settings.limits_in_flight / options.batch_windows_max));
  options.gathered_bytes_max = settings.limits_gathered_bytes.value;
  options.unsent_bytes_max = settings.limits_unsent_bytes.value;
  options.admission.delay_target =
      ServedBackend::IsIn(settings) ? Duration::zero() : settings.admission_delay_target;
  options.admission.in_flight_max = settings.limits_in_flight;
  options.idempotency = {.lifetime = settings.idempotency_window,
                         .entries_max = settings.idempotency_entries};
  options.config_json = config::SettingsJson(settings);
  return options;
}

LockUse LockUseOf(const Settings& settings) {
  if (settings.lock == "none") return LockUse::kNone;
  return settings.lock == "redlock" ? LockUse::kAlways : LockUse::kAuto;
}

/// Why nothing listens where `flag` says.
std::unexpected<Error> ListenError(const Error& error, std::string_view flag) {
  return Fail(ErrorCode::kIo, error.message + " (" + std::string(flag) + ")");
}

Result<std::vector<SocketAddress>> ResolveAll(const config::Addresses& texts) {
  std::vector<SocketAddress> addresses;
  for (const std::string& text : texts) {
    const auto endpoint = Endpoint::Parse(text);
    if (!endpoint) return std::unexpected(endpoint.error());
    auto address = Resolve(*endpoint);
    if (!address) return std::unexpected(address.error());
    addresses.push_back(*address);
  }
  return addresses;
}

std::vector<std::string> AddressesOf(const http::Server* server) {
  std::vector<std::string> texts;
  if (server == nullptr) return texts;
  for (const SocketAddress& address : server->addresses()) texts.push_back(address.ToString());
  return texts;
}

class ServeImpl final : public Serve {
 public:
  ServeImpl(const Settings& settings, Parts parts)
      : clock_(parts.clock),
        version_(std::move(parts.version)),
        drain_requested_(std::move(parts.drain_requested)),
        lock_(parts.lock),
        is_shared_(settings.store != "embedded"),
        uses_redis_(!settings.redis.value.empty()),
        lock_use_(settings.lock),
        settings_(settings),
        log_(parts.log_sink, parts.clock, settings),
        workers_("worker", std::max(kWorkersMin, ProcessorCount())),
        savers_("saver", ProcessorCount()),
        started_at_(parts.clock.WallNow()) {
    log_.recorder.SetLogged(RequestsLoggedOf(settings));
  }

  ~ServeImpl() override {
    if (itemgate_) itemgate_->membership().Leave(kTellingMax);
    management_server_.reset();
    server_.reset();  // now nobody asks any more; what the service still answers is dropped
    workers_.Stop();  // their tasks use the service
    savers_.Stop();
    itemgate_.reset();  // waits for the saves that are under way
    backend_executor_.Stop();
  }

  Result<void> Start(std::vector<Descriptor> inherited) {
    if (auto opened = OpenStore(); !opened) return opened;
    if (auto serving = StartApi(std::move(inherited)); !serving) return serving;
    if (auto serving = StartManagement(); !serving) return serving;
    self_ = NameOfServer(settings_, addresses());
    itemgate_->membership().Join([this] { return Report(); });
    workers_.PostAfter(kStoreLookInterval, [this] { WatchStore(); });
    return {};
  }

  std::vector<std::string> addresses() const override { return AddressesOf(server_.get()); }
  std::vector<std::string> management_addresses() const override {
    return AddressesOf(management_server_.get());
  }
  StoreStatistics store_statistics() const override { return itemgate_->StoreStatisticsNow(); }
  Log& log() override { return log_.log; }

  Result<void> Reload(const Settings& loaded) override {
    settings_ = config::Reloaded(settings_, loaded);
    log_.log.SetLevel(ParseLogLevel(settings_.log_level).value_or(LogLevel::kInfo));
    log_.recorder.SetLogged(RequestsLoggedOf(settings_));
    const auto reloaded = backend_ ? backend_->Reload() : Result<void>();
    reload_failed_.store(!reloaded, std::memory_order_relaxed);
    return reloaded;
  }
  void ReloadFailed() override { reload_failed_.store(true, std::memory_order_relaxed); }

  Drained Drain() override;

 private:
  /// The log, and what writes requests to it.
  struct Logging {
    Logging(LogSink& sink, const Clock& clock, const Settings& settings)
        : log(clock, sink, FormatOf(settings)), recorder(log, clock) {
      log.SetLevel(ParseLogLevel(settings.log_level).value_or(LogLevel::kInfo));
    }
    Log log;
    server::RequestRecorder recorder;
  };

  Result<void> OpenStore();
  [[nodiscard]] std::string_view FlagOf(OpenFailure::About about) const;
  Result<void> StartApi(std::vector<Descriptor> inherited);
  /// Takes no more connections than there are descriptors for.
  Result<void> LimitConnections(http::Server::Options& options, std::size_t addresses);
  Result<void> StartManagement();

  void RequestDrain() {
    if (!draining_.load(std::memory_order_relaxed) && !drain_was_requested_.exchange(true))
      drain_requested_();
  }
  /// Logs when the store stops or begins again to accept items; comes back until the service drains.
  void WatchStore();
  void WatchBackend();
  [[nodiscard]] std::optional<std::string> WhyNotReady() const;
  /// The same with what the store says of it: for operators alone.
  [[nodiscard]] std::optional<std::string> WhyNotReadyInFull() const;
  [[nodiscard]] std::string Metrics() const;
  /// What others see of this server.
  [[nodiscard]] ServerReport Report() const;

  const Clock& clock_;
  const std::string version_;
  const std::function<void()> drain_requested_;
  ContentLock* const lock_;  // may be null
  const bool is_shared_;     // the store is a database
  const bool uses_redis_;
  const std::string lock_use_;  // the setting
  Settings settings_;           // the starting thread's
  Logging log_;

  ThreadExecutor workers_;
  ThreadExecutor savers_;
  server::FeedHub feeds_{workers_};
  ThreadExecutor backend_executor_{"backend", 1};
  std::unique_ptr<ServedBackend> backend_;  // may be null
  std::unique_ptr<Itemgate> itemgate_;
  std::unique_ptr<server::Api> api_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<server::Management> management_;
  std::unique_ptr<http::Server> management_server_;
  const WallTime started_at_;
  ServerName self_;             // constant once others see it
  bool store_accepts_ = true;   // when WatchStore looked last; its alone
  bool lacks_backend_ = false;  // and others have one: told already, by WatchBackend; its alone

  // Each stands alone, so relaxed will do; read for reports.
  std::atomic<bool> draining_ = false;
  std::atomic<bool> drain_was_requested_ = false;
  std::atomic<bool> reload_failed_ = false;
};

Result<void> ServeImpl::OpenStore() {
  if (ServedBackend::IsIn(settings_)) {
    auto made = ServedBackend::Make(settings_, clock_, backend_executor_);
    if (!made) return std::unexpected(made.error());
    backend_ = *std::move(made);
  }
  OpenOptions options{.directory = settings_.data,
                      .backend = backend_ ? &backend_->backend() : nullptr};
  if (is_shared_) options.database = settings_.store;
  options.database_options = {.connections_max = settings_.postgres_connections,
                              .timeout = settings_.postgres_timeout};
  options.on_saved = [this] { feeds_.OnSaved(); };
  options.service.content_bytes_max = settings_.limits_body_bytes.value;
  options.service.in_flight_max = settings_.limits_in_flight;
  options.service.waiters_max = settings_.limits_waiters;
  options.service.in_flight_bytes_max = settings_.limits_in_flight_bytes.value;
  options.service.near_cache_keys = settings_.near_cache_keys;
  options.lock = lock_;
  options.service.lock_use = LockUseOf(settings_);
  options.service.lock_wait_max = settings_.redlock_wait;
  options.redis = {
      .servers = settings_.redis.value,
      .lock_expiry = std::chrono::ceil<std::chrono::milliseconds>(settings_.redlock_expiry)};
  options.service.claim_lease = settings_.backend_lease;
  options.service.claim_horizon = settings_.backend_horizon;
  auto opened = OpenOrTell(options);
  if (!opened)
    return Fail(opened.error().error.code, opened.error().error.message + " (" +
                                               std::string(FlagOf(opened.error().about)) + ")");
  itemgate_ = std::move(*opened);
  return {};
}

std::string_view ServeImpl::FlagOf(OpenFailure::About about) const {
  switch (about) {
    case OpenFailure::About::kRedis:
      return "--redis";
    case OpenFailure::About::kLimits:
      return "--limits.body-bytes";
    case OpenFailure::About::kStore:
      break;
  }
  return is_shared_ ? "--store" : "--data";
}

Result<void> ServeImpl::StartApi(std::vector<Descriptor> inherited) {
  api_ = std::make_unique<server::Api>(
      server::ApiParts{
          .service = itemgate_->service(),
          .store_statistics = [this] { return itemgate_->StoreStatisticsNow(); },
          .may_have_lost_items = [this] { return itemgate_->MayHaveLostItems(); },
          .verify = [this](auto progress) { return itemgate_->Verify(std::move(progress)); },
          .cluster = [this] { return itemgate_->membership().Look(Duration::zero()); },
          .parked = [this] { return itemgate_->ParkedContents(); },
          .resolve_parked =
              [this](const ContentKey& key, Resolution resolution) {
                return itemgate_->ResolveParked(key, resolution);
              },
          .workers = workers_,
          .savers = savers_,
          .clock = clock_,
          .log = log_.recorder,
          .feeds = feeds_,
          .seed = UnpredictableSeed()},
      ApiOptionsOf(settings_));
  http::Server::Options options{.inherited = std::move(inherited),
                                .limits = HttpLimitsOf(settings_)};
  options.thread_count =
      settings_.threads == 0 ? ProcessorCount() : static_cast<int>(settings_.threads);
  if (options.inherited.empty()) {
    auto addresses = ResolveAll(settings_.listen);
    if (!addresses) return ListenError(addresses.error(), "--listen");
    options.addresses = std::move(*addresses);
  }
  const std::size_t addresses = std::max(options.addresses.size(), options.inherited.size()) +
                                settings_.management_listen.size();
  if (auto limited = LimitConnections(options, addresses); !limited) return limited;
  auto server = http::Server::Start(*api_, clock_, std::move(options));
  if (!server) return ListenError(server.error(), "--listen");
  server_ = std::move(*server);
  return {};
}

Result<void> ServeImpl::LimitConnections(http::Server::Options& options, std::size_t addresses) {
  std::size_t& connections_max = options.limits.connections_max;
  ProcessStatistics process = ProcessStatisticsNow();
  process.open_files += ServedBackend::FilesMax(settings_);  // soon
  const auto threads = static_cast<std::size_t>(options.thread_count);
  const auto connections = ConnectionsWithin(process, connections_max, threads, addresses);
  if (!connections) return std::unexpected(connections.error());
  if (*connections < connections_max)
    // Nobody asked for the default: where it is too much, there is nothing to mend.
    log_.log.Write(
        connections_max == Settings().limits_connections ? LogLevel::kInfo : LogLevel::kWarning,
        "connections_limited",
        {{"connections", *connections},
         {"limits.connections", connections_max},
         {"open_files_max", process.open_files_max},
         {"advice", "raise ulimit -n, or LimitNOFILE= of systemd"}});
  connections_max = *connections;
  return {};
}

Result<void> ServeImpl::StartManagement() {
  if (settings_.management_listen.empty()) return {};
  auto addresses = ResolveAll(settings_.management_listen);
  if (!addresses) return ListenError(addresses.error(), "--management.listen");
  management_ = std::make_unique<server::Management>(
      server::Management::Parts{.why_not_ready = [this] { return WhyNotReadyInFull(); },
                                .metrics = [this] { return Metrics(); },
                                .drain = [this] { RequestDrain(); },
                                .seed = UnpredictableSeed()});
  auto server = http::Server::Start(*management_, clock_,
                                    {.addresses = std::move(*addresses),
                                     .thread_name = "management",
                                     .limits = {.connections_max = kManagementConnectionsMax}});
  if (!server) return ListenError(server.error(), "--management.listen");
  management_server_ = std::move(*server);
  return {};
}

std::optional<std::string> ServeImpl::WhyNotReady() const {
  if (draining_.load(std::memory_order_relaxed)) return "the server is draining";
  const StoreStatistics store = itemgate_->StoreStatisticsNow();
  if (!store.accepts_items)
    return !is_shared_
               ? "the store accepts no items after an error of the disk; mend it, then restart"
           : store.may_have_lost_items
               ? "the database had a failover and may lack items that this server remembers; "
                 "restart it"
               : "the database cannot be reached, or has tables of a newer version";
  return std::nullopt;
}

std::optional<std::string> ServeImpl::WhyNotReadyInFull() const {
  auto reason = WhyNotReady();
  const std::string problem = itemgate_->StoreStatisticsNow().problem;
  if (reason && !problem.empty()) *reason += ": " + problem;
  return reason;
}

/// Nobody compares the settings of two servers. But what one without a backend saves never gets to that of the others.
void ServeImpl::WatchBackend() {
  if (backend_ || lacks_backend_) return;
  const auto cluster = itemgate_->membership().Look(Duration::zero());
  lacks_backend_ = cluster && cluster->claimed > 0;
  if (lacks_backend_)
    log_.log.Write(LogLevel::kWarning, "backend_missing",
                   {{"reason",
                     "other servers of this database give contents to a backend; what this one "
                     "saves does not get there, for it has none (backend.url)"}});
}

void ServeImpl::WatchStore() {
  if (draining_.load(std::memory_order_relaxed)) return;
  const bool accepts = itemgate_->StoreStatisticsNow().accepts_items;
  if (!accepts && store_accepts_)
    log_.log.Write(LogLevel::kError, "store_lost", {{"reason", WhyNotReadyInFull().value_or("")}});
  if (accepts && !store_accepts_) log_.log.Write(LogLevel::kInfo, "store_regained");
  store_accepts_ = accepts;
  WatchBackend();
  workers_.PostAfter(kStoreLookInterval, [this] { WatchStore(); });
}

std::string ServeImpl::Metrics() const {
  const auto cluster = itemgate_->membership().Look(Duration::zero());
  return server::MetricsText({.version = version_,
                              .started_at = started_at_,
                              .ready = !WhyNotReady(),
                              .draining = draining_.load(std::memory_order_relaxed),
                              .reload_failed = reload_failed_.load(std::memory_order_relaxed),
                              .log_lines_dropped = log_.log.dropped() + log_.recorder.suppressed(),
                              .requests = log_.recorder.counts().Snapshot(),
                              .http = server_->Statistics(),
                              .service = itemgate_->service().Statistics(),
                              .parked = cluster ? std::optional(cluster->parked) : std::nullopt,
                              .orphaned = cluster ? std::optional(cluster->orphaned) : std::nullopt,
                              .store = itemgate_->StoreStatisticsNow(),
                              .process = ProcessStatisticsNow()});
}

ServerReport ServeImpl::Report() const {
  const ServiceStatistics service = itemgate_->service().Statistics();
  ServerReport report{.name = self_.name,
                      .addresses = self_.addresses,
                      .version = version_,
                      .state = ServerState::kServing,
                      .redis = "none",
                      .lock = "none",
                      .created = service.created,
                      .in_flight = service.in_flight};
  if (draining_.load(std::memory_order_relaxed)) {
    report.state = ServerState::kDraining;
  } else if (auto reason = WhyNotReady()) {
    report.state = ServerState::kNotReady;
    report.reason = *std::move(reason);
  }
  if (!uses_redis_) return report;
  report.redis = std::to_string(service.seen_cache.nodes_ready) + " of " +
                 std::to_string(service.seen_cache.nodes) + " ready";
  report.lock = lock_use_;
  return report;
}

Serve::Drained ServeImpl::Drain() {
  const Instant end = clock_.Now() + settings_.drain_time;
  const auto left_but = [&](Duration kept) {
    return std::max(end - kept - clock_.Now(), Duration::zero());
  };
  draining_.store(true, std::memory_order_relaxed);
  log_.log.Write(LogLevel::kInfo, "draining");
  // Others know before anybody is refused.
  const Duration telling = std::min<Duration>(settings_.drain_time / 10, kTellingMax);
  itemgate_->membership().Announce(telling);
  api_->SetDraining();
  // The last of the time is for handing back, for the answers to leave, and for telling others once more.
  const Duration reserve = std::min<Duration>(settings_.drain_time / 4, std::chrono::seconds(1));
  std::size_t connections = server_->Drain(left_but(telling + reserve));
  const std::size_t handed_back = itemgate_->service().StopWaiting();
  if (connections > 0) connections = server_->Drain(left_but(telling));
  const std::uint64_t under_way = itemgate_->service().Statistics().in_flight;
  log_.log.Write(LogLevel::kInfo, "drained",
                 {{"connections_cut", connections},
                  {"requests_handed_back", handed_back},
                  {"saves_under_way", under_way}});
  management_server_.reset();
  itemgate_->membership().Leave(std::min(telling, left_but(Duration::zero())));
  const bool is_left = under_way > 0 || connections > 0 || api_->verifying();
  return is_left ? Drained::kSomethingLeft : Drained::kAll;
}

}  // namespace

Result<std::unique_ptr<Serve>> Serve::Start(const Settings& settings, Parts parts) {
  std::vector<Descriptor> inherited = std::move(parts.inherited);
  auto serve = std::make_unique<ServeImpl>(settings, std::move(parts));
  if (auto started = serve->Start(std::move(inherited)); !started)
    return std::unexpected(started.error());
  return serve;
}

}  // namespace itemgate
