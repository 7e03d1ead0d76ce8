#include <array>
#include <limits>

#include "config/setting.h"
#include "itemgate/service.h"

namespace itemgate::config {
namespace {

constexpr std::uint64_t kMany = 100'000'000;
constexpr std::uint64_t kGiB = 1 << 30;

constexpr std::uint64_t Nanoseconds(Duration duration) {
  return static_cast<std::uint64_t>(duration.count());
}

constexpr std::uint64_t kMillisecond = Nanoseconds(std::chrono::milliseconds(1));
constexpr std::uint64_t kHour = Nanoseconds(std::chrono::hours(1));
constexpr std::uint64_t kYear = Nanoseconds(std::chrono::days(365));

constexpr std::array kTable{
    Setting{.key = "listen",
            .member = &Settings::listen,
            .help = "Where the service listens; port 0: the system chooses one",
            .min = 1,
            .max = 16},
    Setting{.key = "data",
            .member = &Settings::data,
            .help = "The data directory; created if it is not there"},
    Setting{.key = "store",
            .member = &Settings::store,
            .help = "embedded: items are in the data directory; or the URL of a database that many "
                    "servers share, such as postgres://user@host/name"},
    Setting{.key = "redis",
            .member = &Settings::redis,
            .help = "Redis servers that the servers of a database share: they remember what is "
                    "saved, and each is one vote of the locks; none needs to be there",
            .max = 31},
    Setting{.key = "lock",
            .member = &Settings::lock,
            .help =
                "When a content is locked while it is saved, which only saves work: auto is with a "
                "backend, redlock always",
            .choices = "none|auto|redlock"},
    Setting{.key = "threads",
            .member = &Settings::threads,
            .help = "Event loops that serve connections; 0: one for each processor",
            .max = 256},

    Setting{.key = "server.name",
            .member = &Settings::server_name,
            .help = "What this server is called in GET /v1/cluster; auto: its host and port"},
    Setting{.key = "server.advertise",
            .member = &Settings::server_advertise,
            .help = "Where others reach this server, as GET /v1/cluster shows it; empty: where it "
                    "listens",
            .max = 16},

    Setting{
        .key = "management.listen",
        .member = &Settings::management_listen,
        .help = "Where health, metrics and drain are served, for operators only; empty: nowhere",
        .max = 16},

    Setting{.key = "limits.body_bytes",
            .member = &Settings::limits_body_bytes,
            .help = "The largest content of an item",
            .min = 1,
            .max = kContentBytesLimit},
    Setting{.key = "limits.batch_items",
            .member = &Settings::limits_batch_items,
            .help = "Items of one batch that are saved together; four such groups at a time",
            .min = 1,
            .max = 100'000},
    Setting{.key = "limits.connections",
            .member = &Settings::limits_connections,
            .help = "Open connections; more are closed at once",
            .min = 1,
            .max = kMany},
    Setting{.key = "limits.connections_per_address",
            .member = &Settings::limits_connections_per_address,
            .help = "Open connections from one address; 0: no limit",
            .max = kMany},
    Setting{.key = "limits.in_flight",
            .member = &Settings::limits_in_flight,
            .help = "Contents being saved, and requests waiting for them",
            .min = 1,
            .max = kMany},
    Setting{.key = "limits.in_flight_bytes",
            .member = &Settings::limits_in_flight_bytes,
            .help = "Those contents together; more are answered 503",
            .min = 1 << 20,
            .max = 1024 * kGiB},
    Setting{.key = "limits.waiters",
            .member = &Settings::limits_waiters,
            .help = "Requests waiting for one content; more are answered at once, as in progress",
            .min = 1,
            .max = kMany},
    Setting{.key = "limits.pipelined",
            .member = &Settings::limits_pipelined,
            .help = "Requests of one connection that are being answered",
            .min = 1,
            .max = 10'000},
    Setting{.key = "limits.head_bytes",
            .member = &Settings::limits_head_bytes,
            .help = "The head of a request",
            .min = 1 << 10,
            .max = 1 << 20},
    Setting{.key = "limits.request_line_bytes",
            .member = &Settings::limits_request_line_bytes,
            .help = "The first line of a request",
            .min = 256,
            .max = 1 << 20},
    Setting{.key = "limits.fields",
            .member = &Settings::limits_fields,
            .help = "Header fields of a request",
            .min = 8,
            .max = 10'000},
    Setting{
        .key = "limits.unsent_bytes",
        .member = &Settings::limits_unsent_bytes,
        .help =
            "Answers of one connection that its client does not take; then it is read no further",
        .min = 16 << 10,
        .max = kGiB},
    Setting{.key = "limits.gathered_bytes",
            .member = &Settings::limits_gathered_bytes,
            .help = "Bodies that one thread is receiving, in all, and long items of all batches; "
                    "also answers that one thread has not sent; more are answered 503",
            .min = 1 << 20,
            .max = 1024 * kGiB},

    Setting{.key = "http.head_time",
            .member = &Settings::http_head_time,
            .help = "From the first byte of a request's head to its last; then 408",
            .min = 100 * kMillisecond,
            .max = kHour},
    Setting{.key = "http.idle_time",
            .member = &Settings::http_idle_time,
            .help = "Between two requests of a connection; then it is closed",
            .min = 100 * kMillisecond,
            .max = 24 * kHour},
    Setting{.key = "http.body_grace",
            .member = &Settings::http_body_grace,
            .help = "How long a body may be slower than http.body_rate; then 408",
            .min = 100 * kMillisecond,
            .max = kHour},
    Setting{.key = "http.body_rate",
            .member = &Settings::http_body_rate,
            .help = "The slowest body that is waited for, in bytes per second",
            .max = kGiB},
    Setting{.key = "http.write_time",
            .member = &Settings::http_write_time,
            .help = "Without the client taking a byte of its answer; then it is reset",
            .min = 100 * kMillisecond,
            .max = kHour},

    Setting{.key = "save.wait_default",
            .member = &Settings::save_wait_default,
            .help = "How long a request waits for a save under way, unless it says Prefer: wait=N",
            .max = kHour},
    Setting{.key = "save.wait_max",
            .member = &Settings::save_wait_max,
            .help = "The longest that a request can ask to wait",
            .max = kHour},

    Setting{.key = "idempotency.window",
            .member = &Settings::idempotency_window,
            .help = "How long an Idempotency-Key is remembered",
            .min = 1000 * kMillisecond,
            .max = kYear},
    Setting{.key = "idempotency.entries",
            .member = &Settings::idempotency_entries,
            .help = "Idempotency-Keys remembered; the oldest are forgotten",
            .max = kMany},

    Setting{.key = "postgres.connections",
            .member = &Settings::postgres_connections,
            .help = "Connections of this server to the database",
            .min = 1,
            .max = 1000},
    Setting{.key = "postgres.timeout",
            .member = &Settings::postgres_timeout,
            .help = "How long the database may take to answer, or to come back, before a request "
                    "is refused",
            .min = 100 * kMillisecond,
            .max = kHour},

    Setting{.key = "redlock.expiry",
            .member = &Settings::redlock_expiry,
            .help = "How long a lock outlives a server that died with it",
            .min = 100 * kMillisecond,
            .max = kHour},
    Setting{.key = "redlock.wait",
            .member = &Settings::redlock_wait,
            .help = "How long to wait for the server that has the lock of a content; without a "
                    "backend at most 20 ms",
            .max = kHour},

    Setting{.key = "near_cache.keys",
            .member = &Settings::near_cache_keys,
            .help = "Saved contents remembered in memory, at most 60 bytes each; 0: none",
            .max = 10 * kMany},

    Setting{.key = "admission.delay_target",
            .member = &Settings::admission_delay_target,
            .help = "New saves are refused (503) while none is handled sooner than this; 0: never",
            .max = 60'000 * kMillisecond},

    Setting{.key = "backend.url",
            .member = &Settings::backend_url,
            .help = "A slow system that each item must reach, over HTTP, such as "
                    "http://host:port, or https; another Itemgate is one. none: there is no such "
                    "system"},
    Setting{.key = "backend.headers_file",
            .member = &Settings::backend_headers_file,
            .help = "A file of header lines that each request to the backend carries, such as "
                    "Authorization: Bearer TOKEN; read again at a reload. none: no file"},
    Setting{.key = "backend.ca_file",
            .member = &Settings::backend_ca_file,
            .help = "Of https: the authorities that may have signed the backend's certificate, "
                    "PEM. none: those that the system trusts"},
    Setting{.key = "backend.server_name",
            .member = &Settings::backend_server_name,
            .help = "Of https: the name that the backend's certificate must be for. none: the host "
                    "of backend.url"},
    Setting{.key = "backend.certificate_file",
            .member = &Settings::backend_certificate_file,
            .help = "Of https: our certificate, PEM, for a backend that asks for one. none: we "
                    "have none"},
    Setting{.key = "backend.key_file",
            .member = &Settings::backend_key_file,
            .help = "Of https: the key of our certificate, PEM. none: it is in the same file"},
    Setting{.key = "backend.timeout",
            .member = &Settings::backend_timeout,
            .help = "How long one call of the backend may take; nobody knows what became of a "
                    "save that took longer",
            .min = 100 * kMillisecond,
            .max = 24 * kHour},
    Setting{.key = "backend.connections",
            .member = &Settings::backend_connections,
            .help = "Connections to the backend, each with one call at a time; more calls wait",
            .min = 1,
            .max = 100'000},
    Setting{.key = "backend.lease",
            .member = &Settings::backend_lease,
            .help = "A server that gives the backend an item, and does not count up its heartbeat "
                    "for so long, is taken for dead",
            .min = 1000 * kMillisecond,
            .max = kHour},
    Setting{.key = "backend.horizon",
            .member = &Settings::backend_horizon,
            .help = "How long what was sent to the backend before a failover may still take "
                    "effect there",
            .max = 24 * kHour},
    Setting{
        .key = "backend.simulated_delay",
        .member = &Settings::backend_simulated_delay,
        .help = "Puts a simulated slow backend behind the service, to try slow saves: 2s, 2s..40s"},

    Setting{.key = "drain.time",
            .member = &Settings::drain_time,
            .help = "How long a stop waits for what was begun; then it is handed back",
            .max = kHour,
            .reload = Reload::kYes},

    Setting{.key = "log.format",
            .member = &Settings::log_format,
            .help = "How events are written to standard error",
            .choices = "text|json"},
    Setting{.key = "log.level",
            .member = &Settings::log_level,
            .help = "The least important events that are written",
            .choices = "debug|info|warn|error",
            .reload = Reload::kYes},
    Setting{.key = "log.requests",
            .member = &Settings::log_requests,
            .help = "Requests that are written: those answered with 500 or above, or all",
            .choices = "none|errors|all",
            .reload = Reload::kYes},
};

}  // namespace

std::span<const Setting> SettingTable() { return kTable; }

}  // namespace itemgate::config
