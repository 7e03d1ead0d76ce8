#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "itemgate/backend.h"
#include "net/tcp.h"
#include "net/tls.h"

namespace itemgate {

struct HttpBackendOptions {
  std::string url;     // "http://host:port/prefix", or https
  std::string fields;  // further header lines of each request, as ParseBackendFields gives them
  TlsOptions tls;      // of https
  /// How long one call may take, with waiting for a connection.
  Duration timeout = std::chrono::seconds(60);
  std::size_t connections_max = 1000;
  LookUpHost look_up = &ResolveAll;
};

/// A backend over HTTP/1.1, as docs/backend.md describes it; another Itemgate is one.
///
/// Threads: any; `done` is called on a thread of its own, which it must not block. A call waits on a connection of its
/// own, never on a thread; beyond the most connections, calls wait in order. Nothing that was sent is ever sent again.
/// Errors as ItemBackend has them: kFailed as long as nothing was sent, or if the backend refused; else kUnknown. Every
/// call must have reported before it is destroyed. When one address of the host takes no connection, the calls to come
/// use its next one.
class HttpBackend final : public ItemBackend {
 public:
  /// Fails with kInvalidArgument for a URL that is none, or for a file of TLS that cannot be used; the message names
  /// the flag of `itemgate serve` at fault. `clock` must outlive it. Connects to nobody yet.
  [[nodiscard]] static Result<std::unique_ptr<HttpBackend>> Make(const Clock& clock,
                                                                 const HttpBackendOptions& options);
  ~HttpBackend() override;

  void SaveItem(const BackendItem& item, SaveDone done) override;
  void FindItemsWithContent(const ContentKey& key, std::string_view content,
                            FindDone done) override;

  /// Those of the options, for the requests to come.
  void SetFields(std::string fields);

 private:
  class Impl;
  explicit HttpBackend(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace itemgate
