#include "backend/http/http_backend.h"

#include <sys/prctl.h>

#include <optional>
#include <thread>
#include <utility>

#include "backend/http/lane_pool.h"
#include "base/mutex.h"
#include "client/server_url.h"
#include "net/event_loop.h"
#include "net/thread_executor.h"

namespace itemgate {
namespace {

constexpr TlsWords kTlsWords{.ca_file = "--backend.ca-file",
                             .certificate = "--backend.certificate-file, --backend.key-file",
                             .server_name = "--backend.server-name",
                             .plain = "use another port, or http:// (--backend.url)",
                             .server_ca_file = "which authorities it trusts",
                             .server_versions = "which versions it offers"};

}  // namespace

class HttpBackend::Impl {
 public:
  Impl(const Clock& clock, const client::ServerUrl& url, const HttpBackendOptions& options,
       std::optional<TlsContext> tls)
      : target_({.url = url, .fields = options.fields}),
        loop_(clock),
        pool_({.loop = loop_, .resolver = resolver_, .clock = clock, .look_up = options.look_up},
              {.endpoint = url.endpoint,
               .timeout = options.timeout,
               .connections_max = options.connections_max,
               .tls = std::move(tls)}) {
    thread_ = std::thread([this] {
      ::prctl(PR_SET_NAME, "backend");
      loop_.Run();
    });
  }

  ~Impl() {
    resolver_.Stop();
    loop_.Stop();
    thread_.join();
  }

  void Start(backend::Call call) {
    loop_.Post([this, call = std::move(call)]() mutable { pool_.Start(std::move(call)); });
  }

  [[nodiscard]] backend::Target target() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return target_;
  }
  void SetFields(std::string fields) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    target_.fields = std::move(fields);
  }

 private:
  Mutex mutex_;
  backend::Target target_ GUARDED_BY(mutex_);
  EventLoop loop_;
  ThreadExecutor resolver_{"backend-names", 1};
  backend::LanePool pool_;  // the loop's
  std::thread thread_;
};

HttpBackend::HttpBackend(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpBackend::~HttpBackend() = default;

Result<std::unique_ptr<HttpBackend>> HttpBackend::Make(const Clock& clock,
                                                       const HttpBackendOptions& options) {
  const auto url = client::ServerUrl::Parse(options.url, client::ServerUrl::Schemes::kHttpOrHttps);
  if (!url) return Fail(url.error().code, url.error().message + " (--backend.url)");
  std::optional<TlsContext> tls;
  if (url->is_https) {
    auto made = TlsContext::Make(options.tls, kTlsWords);
    if (!made) return std::unexpected(made.error());
    tls = *std::move(made);
  }
  return std::unique_ptr<HttpBackend>(
      new HttpBackend(std::make_unique<Impl>(clock, *url, options, std::move(tls))));
}

void HttpBackend::SaveItem(const BackendItem& item, SaveDone done) {
  impl_->Start(backend::SaveCall(impl_->target(), item, std::move(done)));
}

void HttpBackend::FindItemsWithContent(const ContentKey& key, std::string_view /*content*/,
                                       FindDone done) {
  impl_->Start(backend::FindCall(impl_->target(), key, std::move(done)));
}

void HttpBackend::SetFields(std::string fields) { impl_->SetFields(std::move(fields)); }

}  // namespace itemgate
