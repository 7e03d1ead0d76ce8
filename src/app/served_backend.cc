#include "app/served_backend.h"

#include <utility>

#include "backend/http/fields.h"
#include "backend/http/http_backend.h"
#include "backend/simulated/simulated_backend.h"
#include "base/file.h"
#include "base/random.h"

namespace itemgate {
namespace {

using config::Settings;

constexpr std::string_view kNone = "none";

bool IsHttp(const Settings& settings) { return settings.backend_url != kNone; }

/// A path, or nothing.
std::string PathOf(const std::string& setting) { return setting == kNone ? "" : setting; }

/// The header lines of the file; none without a file.
Result<std::string> FieldsOf(const std::string& path) {
  if (path == kNone) return std::string();
  PosixFileSystem files;
  const auto text = ReadWholeFile(files, path);
  if (!text) return Fail(text.error().code, text.error().message + " (--backend.headers-file)");
  auto fields = ParseBackendFields(*text);
  if (!fields)
    return Fail(fields.error().code,
                path + ": " + fields.error().message + " (--backend.headers-file)");
  return fields;
}

class ServedSimulation final : public ServedBackend {
 public:
  ServedSimulation(const DelayRange& delay, Executor& executor)
      : backend_(executor,
                 {.delay_min = delay.min, .delay_max = delay.max, .seed = UnpredictableSeed()}) {}

  ItemBackend& backend() override { return backend_; }
  Result<void> Reload() override { return {}; }

 private:
  SimulatedBackend backend_;
};

class ServedHttp final : public ServedBackend {
 public:
  ServedHttp(std::unique_ptr<HttpBackend> backend, std::string headers_file)
      : backend_(std::move(backend)), headers_file_(std::move(headers_file)) {}

  ItemBackend& backend() override { return *backend_; }
  Result<void> Reload() override {
    auto fields = FieldsOf(headers_file_);
    if (!fields) return std::unexpected(fields.error());
    backend_->SetFields(*std::move(fields));
    return {};
  }

 private:
  const std::unique_ptr<HttpBackend> backend_;
  const std::string headers_file_;
};

}  // namespace

bool ServedBackend::IsIn(const Settings& settings) {
  return IsHttp(settings) || settings.backend_simulated_delay;
}

std::size_t ServedBackend::FilesMax(const Settings& settings) {
  return IsHttp(settings) ? settings.backend_connections : 0;
}

Result<std::unique_ptr<ServedBackend>> ServedBackend::Make(const Settings& settings,
                                                           const Clock& clock, Executor& executor) {
  if (const auto& delay = settings.backend_simulated_delay)
    return std::make_unique<ServedSimulation>(*delay, executor);
  auto fields = FieldsOf(settings.backend_headers_file);
  if (!fields) return std::unexpected(fields.error());
  auto made = HttpBackend::Make(
      clock, {.url = settings.backend_url,
              .fields = *std::move(fields),
              .tls = {.ca_file = PathOf(settings.backend_ca_file),
                      .certificate_file = PathOf(settings.backend_certificate_file),
                      .key_file = PathOf(settings.backend_key_file),
                      .server_name = PathOf(settings.backend_server_name)},
              .timeout = settings.backend_timeout,
              .connections_max = settings.backend_connections});
  if (!made) return std::unexpected(made.error());
  return std::make_unique<ServedHttp>(*std::move(made), settings.backend_headers_file);
}

}  // namespace itemgate
