#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/client.h"
#include "itemgate/itemgate.h"

namespace itemgate::cli {

/// The items that the commands work on, wherever they are: in a directory, or behind a server.
///
/// Threads: every method may be called from any thread. Failure and cost: those of ItemIntegrationService and of
/// Itemgate, or of Client.
class Items {
 public:
  virtual ~Items() = default;

  [[nodiscard]] virtual std::vector<SaveResult> SaveItems(
      std::span<const std::string_view> contents, const SaveOptions& options) = 0;
  [[nodiscard]] virtual Result<std::vector<Item>> FindItemsWithContent(std::string_view content,
                                                                       Scope scope) = 0;
  [[nodiscard]] virtual Result<Item> GetItem(ItemId id) = 0;
  [[nodiscard]] virtual Result<std::vector<Item>> GetAllItems(ItemId after, PageLimits limits) = 0;
  [[nodiscard]] virtual Result<StoreStatistics> Statistics() = 0;
  [[nodiscard]] virtual Result<VerifyReport> Verify(
      std::move_only_function<void(std::uint64_t)> progress) = 0;
};

/// Those of the store in a directory.
[[nodiscard]] Result<std::unique_ptr<Items>> OpenItems(const OpenOptions& options);

/// Those of the server that the options name; fails unless it answers. Contents above the limit are not sent.
[[nodiscard]] Result<std::unique_ptr<Items>> ConnectItems(const ClientOptions& server,
                                                          std::size_t content_bytes_max);

}  // namespace itemgate::cli
