#include <optional>
#include <utility>

#include "cli/items.h"

namespace itemgate::cli {
namespace {

/// Why the service would not take a content, in its words.
std::optional<Error> Refusal(std::string_view content, std::size_t bytes_max) {
  if (content.empty())
    return Error(ErrorCode::kInvalidArgument,
                 "the content is empty; an item needs at least one byte");
  if (content.size() <= bytes_max) return std::nullopt;
  return Error(ErrorCode::kTooLarge, "the content has " + std::to_string(content.size()) +
                                         " bytes, more than the limit of " +
                                         std::to_string(bytes_max));
}

class ServerItems final : public Items {
 public:
  ServerItems(std::unique_ptr<Client> client, std::size_t content_bytes_max)
      : client_(std::move(client)), content_bytes_max_(content_bytes_max) {}

  std::vector<SaveResult> SaveItems(std::span<const std::string_view> contents,
                                    const SaveOptions& options) override {
    std::vector<std::string_view> sent;
    for (const std::string_view content : contents)
      if (!Refusal(content, content_bytes_max_)) sent.push_back(content);
    std::vector<SaveResult> answers = client_->SaveItems(sent, options);
    if (sent.size() == contents.size()) return answers;
    std::vector<SaveResult> results;
    auto answer = answers.begin();
    for (const std::string_view content : contents) {
      auto refusal = Refusal(content, content_bytes_max_);
      results.push_back(refusal ? SaveResult{.outcome = Outcome::kRejected, .error = *refusal}
                                : std::move(*answer++));
    }
    return results;
  }

  Result<std::vector<Item>> FindItemsWithContent(std::string_view content, Scope scope) override {
    if (const auto refusal = Refusal(content, content_bytes_max_)) return std::unexpected(*refusal);
    return client_->FindItemsWithContent(content, scope);
  }

  Result<Item> GetItem(ItemId id) override { return client_->GetItem(id); }

  Result<std::vector<Item>> GetAllItems(ItemId after, PageLimits limits) override {
    return client_->GetAllItems(after, limits);
  }

  Result<StoreStatistics> Statistics() override { return client_->StoreStatisticsNow(); }

  Result<VerifyReport> Verify(std::move_only_function<void(std::uint64_t)> progress) override {
    return client_->Verify(std::move(progress));
  }

 private:
  const std::unique_ptr<Client> client_;
  const std::size_t content_bytes_max_;
};

}  // namespace

Result<std::unique_ptr<Items>> ConnectItems(const ClientOptions& server,
                                            std::size_t content_bytes_max) {
  // Whoever mistyped the address wants to know at once; what fails later is tried again.
  ClientOptions impatient = server;
  impatient.retry.retries_max = 0;
  const auto first = Client::Make(std::move(impatient));
  if (!first) return std::unexpected(first.error());
  if (const auto answer = (*first)->StoreStatisticsNow(); !answer)
    return std::unexpected(answer.error());
  auto client = Client::Make(server);
  if (!client) return std::unexpected(client.error());
  return std::make_unique<ServerItems>(*std::move(client), content_bytes_max);
}

}  // namespace itemgate::cli
