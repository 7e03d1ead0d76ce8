#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/content_key.h"
#include "itemgate/error.h"
#include "itemgate/item.h"
#include "itemgate/itemgate.h"
#include "itemgate/save_result.h"
#include "itemgate/service.h"
#include "itemgate/store.h"

namespace itemgate {

/// How often a call is tried again that failed on its way, or that the server put off.
struct RetryOptions {
  std::uint32_t retries_max = 8;  // of one call; 0: none
  std::chrono::nanoseconds backoff_min = std::chrono::milliseconds(50);
  std::chrono::nanoseconds backoff_max = std::chrono::seconds(5);

  // Of all calls of a client together, over ten seconds: beyond it calls fail at once, so that clients never multiply
  // the load of a server that is in trouble.
  double budget_share = 0.2;      // of the calls
  double budget_per_second = 10;  // on top of that

  /// While a server answers 429 or 503 to most requests, so many times as many are sent as it takes, and ten a second;
  /// the others fail at once, as kUnavailable. 0: all are sent.
  double throttle_multiplier = 2;
};

/// How to secure the connections to an https server. Files are PEM, and are read once, when the client is made.
struct ClientTlsOptions {
  std::string
      ca_file;  // who may have signed the server's certificate; empty: whom the system trusts
  std::string server_name;  // that the server's certificate must be for; empty: the host of the URL
  std::string certificate_file;  // ours, for a server that asks for one; empty: none
  std::string key_file;          // empty: the certificate's file has it

  friend bool operator==(const ClientTlsOptions&, const ClientTlsOptions&) = default;
};

struct ClientOptions {
  std::string url = "http://127.0.0.1:8080";  // http://host:port/prefix, or https
  ClientTlsOptions tls;                       // of https only
  std::size_t idle_connections_max = 64;      // kept open for the next calls
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);  // with the TLS handshake
  /// Of one call, retries and all. The server is told what is left of it (Request-Timeout).
  std::chrono::nanoseconds deadline = std::chrono::seconds(120);
  RetryOptions retry;
  std::size_t answer_bytes_max = 1 << 30;  // a larger answer is an error
  std::string user_agent = "itemgate";
};

struct ClientParts;

/// The service of `itemgate serve`, used from another process or machine as if it were here.
///
/// Calls block until the answer is known or the deadline has passed. A content is its own identity, so every call may
/// be sent again: what fails on the way is retried, and no retry can ever make a second item. What a retry cannot know
/// is whether the first attempt made the item: then the answer is kDuplicate.
///
/// Threads: every method may be called from any thread, for several calls at once; each uses a connection of its own,
/// which goes back to the pool. Failure: as with ItemIntegrationService, answers and errors are values; kUnavailable if
/// the server cannot be reached, or not over a connection that is secure as it should be; kUnknown for a save that was
/// sent and never answered.
/// Cost: no threads; one round trip for each call, and one or two more for each new connection of https.
class Client {
 public:
  /// Connects to nothing yet. Fails with kInvalidArgument if an option is wrong, or a file of TLS cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<Client>> Make(ClientOptions options);

  /// On the given parts instead of this machine's network and clock.
  [[nodiscard]] static Result<std::unique_ptr<Client>> Make(ClientOptions options,
                                                            ClientParts parts);

  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Saves one content and waits for the answer: until it is known, or as long as `options.wait_max` says. The sender
  /// in the options, if it is visible ASCII, becomes the X-Request-Id.
  [[nodiscard]] SaveResult SaveItem(std::string_view content, const SaveOptions& options = {});

  /// Saves independent contents in one request. One answer each, in their order.
  [[nodiscard]] std::vector<SaveResult> SaveItems(std::span<const std::string_view> contents,
                                                  const SaveOptions& options = {});

  /// Waits for whoever is saving the content of that key, as ItemIntegrationService::AwaitSaveAsync does.
  [[nodiscard]] SaveResult AwaitSave(const ContentKey& key, std::chrono::nanoseconds wait_max);

  /// For each key the id of its saved item, or nothing. One round trip for each; FindMissing is quicker for many.
  [[nodiscard]] Result<std::vector<std::optional<ItemId>>> FindIds(
      std::span<const ContentKey> keys);

  /// Those of the digests of which the scope has no item. One round trip for 10,000.
  [[nodiscard]] Result<std::vector<Digest>> FindMissing(std::span<const Digest> digests,
                                                        Scope scope = {});

  /// The saved items with that content: one, or none. The content itself is not sent.
  [[nodiscard]] Result<std::vector<Item>> FindItemsWithContent(std::string_view content,
                                                               Scope scope = {});

  /// The item of that id; kNotFound if there is none. The length in its key is 0 in a scope that compares JSON.
  [[nodiscard]] Result<Item> GetItem(ItemId id);

  /// One page of the saved items with ids above `after`, in id order; empty at the end. The server's own limits hold
  /// besides: 1000 items, 4 MiB of content.
  [[nodiscard]] Result<std::vector<Item>> GetAllItems(ItemId after = {}, PageLimits limits = {});

  /// What the server is saving now, the oldest first; at most `saves_max`, and 1000.
  [[nodiscard]] Result<std::vector<InFlightSave>> InFlightSaves(std::size_t saves_max);

  /// Of the server since it was started; what it does not tell is 0.
  [[nodiscard]] Result<ServiceStatistics> Statistics();
  [[nodiscard]] Result<StoreStatistics> StoreStatisticsNow();

  /// The servers that share its store, as that one sees them.
  [[nodiscard]] Result<Cluster> ClusterNow();

  /// As Itemgate has them: what is parked in the store of the server; and what an operator knows of one. That is sent
  /// once only: kUnknown if nobody knows whether it was taken.
  [[nodiscard]] Result<std::vector<ParkedContent>> ParkedContents();
  [[nodiscard]] Result<void> ResolveParked(const ContentKey& key, Resolution resolution);

  /// Has the server read its whole store, as Itemgate::Verify does. The deadline holds for each line of its progress.
  [[nodiscard]] Result<VerifyReport> Verify(std::move_only_function<void(std::uint64_t)> progress);

  /// The server's address, as messages show it.
  [[nodiscard]] const std::string& url() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace itemgate
