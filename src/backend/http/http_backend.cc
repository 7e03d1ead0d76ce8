#include "backend/http/http_backend.h"

#include <sys/prctl.h>

#include <thread>
#include <utility>

#include "backend/http/lane_pool.h"
#include "client/server_url.h"
#include "net/event_loop.h"
#include "net/thread_executor.h"

namespace itemgate {

class HttpBackend::Impl {
 public:
  Impl(const Clock& clock, client::ServerUrl url, const HttpBackendOptions& options)
      : url_(std::move(url)),
        loop_(clock),
        pool_({.loop = loop_, .resolver = resolver_, .clock = clock},
              {.endpoint = url_.endpoint,
               .timeout = options.timeout,
               .connections_max = options.connections_max}) {
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

  [[nodiscard]] const client::ServerUrl& url() const { return url_; }

 private:
  const client::ServerUrl url_;
  EventLoop loop_;
  ThreadExecutor resolver_{"backend-names", 1};
  backend::LanePool pool_;  // the loop's
  std::thread thread_;
};

HttpBackend::HttpBackend(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpBackend::~HttpBackend() = default;

Result<std::unique_ptr<HttpBackend>> HttpBackend::Make(const Clock& clock,
                                                       const HttpBackendOptions& options) {
  auto url = client::ServerUrl::Parse(options.url);
  if (!url) return std::unexpected(url.error());
  return std::unique_ptr<HttpBackend>(
      new HttpBackend(std::make_unique<Impl>(clock, *std::move(url), options)));
}

void HttpBackend::SaveItem(const ContentKey& key, std::string_view content, SaveDone done) {
  impl_->Start(backend::SaveCall(impl_->url(), key, content, std::move(done)));
}

void HttpBackend::FindItemsWithContent(const ContentKey& key, std::string_view /*content*/,
                                       FindDone done) {
  impl_->Start(backend::FindCall(impl_->url(), key, std::move(done)));
}

}  // namespace itemgate
