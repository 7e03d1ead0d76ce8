#include "cli/shared_store.h"

#include <utility>

namespace itemgate::cli {

Result<SharedStore> OpenSharedStore(const CommonOptions& options) {
  if (options.places_named > 1)
    return Fail(ErrorCode::kInvalidArgument, "--store and --server name two places; choose one");
  auto server = ServerOf(options);
  if (!server) return std::unexpected(server.error());
  if (!options.server.empty()) {
    server->retry.retries_max = 0;
    auto client = Client::Make(*std::move(server));
    if (!client) return std::unexpected(client.error());
    return *std::move(client);
  }
  if (options.store.empty() || options.store == "embedded")
    return Fail(ErrorCode::kInvalidArgument,
                "name a server (--server) or the database that servers share (--store)");
  auto opened = Open({.database = options.store});
  if (!opened) return std::unexpected(opened.error());
  return *std::move(opened);
}

}  // namespace itemgate::cli
