#include <utility>

#include "cli/items.h"

namespace itemgate::cli {
namespace {

class DirectoryItems final : public Items {
 public:
  explicit DirectoryItems(std::unique_ptr<Itemgate> itemgate)
      : itemgate_(std::move(itemgate)), service_(itemgate_->service()) {}

  std::vector<SaveResult> SaveItems(std::span<const std::string_view> contents,
                                    const SaveOptions& options) override {
    return service_.SaveItems(contents, options);
  }

  Result<std::vector<Item>> FindItemsWithContent(std::string_view content, Scope scope) override {
    return service_.FindItemsWithContent(content, scope);
  }

  Result<Item> GetItem(ItemId id) override { return service_.GetItem(id); }

  Result<std::vector<Item>> GetAllItems(ItemId after, PageLimits limits) override {
    return service_.GetAllItems(after, limits);
  }

  Result<StoreStatistics> Statistics() override { return itemgate_->StoreStatisticsNow(); }

  Result<VerifyReport> Verify(std::move_only_function<void(std::uint64_t)> progress) override {
    return itemgate_->Verify(std::move(progress));
  }

 private:
  const std::unique_ptr<Itemgate> itemgate_;
  ItemIntegrationService& service_;
};

}  // namespace

Result<std::unique_ptr<Items>> OpenItems(const OpenOptions& options) {
  auto itemgate = Open(options);
  if (!itemgate) return std::unexpected(itemgate.error());
  return std::make_unique<DirectoryItems>(*std::move(itemgate));
}

}  // namespace itemgate::cli
