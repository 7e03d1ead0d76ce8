#include "itemgate/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/random.h"
#include "client/answer_json.h"
#include "client/caller.h"
#include "client/client_parts.h"
#include "client/save_call.h"
#include "client/socket_network.h"
#include "client/tls_advice.h"

namespace itemgate {
namespace {

using client::Caller;
using client::Request;

constexpr std::size_t kMissingMax = 10'000;  // digests that the server takes at once

/// Of a call that changes nothing: that nobody knows whether it took effect is no concern.
Error OfReading(Error error) {
  if (error.code == ErrorCode::kUnknown) error.code = ErrorCode::kUnavailable;
  return error;
}

/// The body of the answer to a request that reads, if it is a 200.
Result<std::string> Read(Caller& caller, const Request& request) {
  auto answer = caller.Call(request);
  if (!answer) return std::unexpected(OfReading(std::move(answer.error())));
  if (answer->status != 200)
    return std::unexpected(OfReading(client::ErrorOfProblem(answer->status, answer->body)));
  return std::move(answer->body);
}

template <typename T>
Result<T> ReadAs(Caller& caller, const Request& request, Result<T> (*parse)(std::string_view)) {
  const auto body = Read(caller, request);
  if (!body) return std::unexpected(body.error());
  return parse(*body);
}

Result<void> CheckOptions(const ClientOptions& options) {
  const bool is_field =
      std::ranges::all_of(options.user_agent, [](char c) { return c >= ' ' && c < 0x7F; });
  if (options.user_agent.empty() || !is_field)
    return Fail(ErrorCode::kInvalidArgument, "the user agent must be visible ASCII");
  if (options.deadline <= std::chrono::nanoseconds::zero() ||
      options.connect_timeout <= std::chrono::nanoseconds::zero())
    return Fail(ErrorCode::kInvalidArgument, "the deadline and connect timeout must be above 0");
  if (options.retry.backoff_min <= std::chrono::nanoseconds::zero())
    return Fail(ErrorCode::kInvalidArgument, "the least back-off must be above 0");
  return {};
}

std::string OperationName(const ContentKey& key) {
  return key.digest.ToHex() + "." + std::string(key.scope.name());
}

/// A page no longer than the limits, with at least one item if there is one.
std::vector<Item> Within(PageLimits limits, std::vector<Item> items) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < items.size() && count < limits.items_max) {
    bytes += items[count].content.size();
    if (count > 0 && bytes > limits.content_bytes_max) break;
    ++count;
  }
  items.resize(count);
  return items;
}

}  // namespace

class Client::Impl {
 public:
  Impl(const ClientOptions& options, client::ServerUrl url, ClientParts parts)
      : deadline(options.deadline), caller(options, std::move(url), std::move(parts)) {}

  /// The id of the item with that key; nothing if there is none.
  Result<std::optional<ItemId>> FindId(const ContentKey& key) {
    const auto answer =
        caller.Call({.method = "HEAD",
                     .target = "/v1/contents/sha256/" + key.digest.ToHex(),
                     .fields = "Item-Scope: " + std::string(key.scope.name()) + "\r\n"});
    if (!answer) return std::unexpected(OfReading(answer.error()));
    if (answer->status == 404) return std::optional<ItemId>();
    if (answer->status != 200 || !answer->item_id)
      return std::unexpected(OfReading(client::ErrorOfProblem(answer->status, "")));
    return ItemId{*answer->item_id};
  }

  const Duration deadline;
  Caller caller;
};

Result<std::unique_ptr<Client>> Client::Make(ClientOptions options) {
  static const SystemClock clock;
  auto url = client::ServerUrl::Parse(options.url);
  if (!url) return std::unexpected(url.error());
  auto tls = client::MakeTls(options.tls, *url);
  if (!tls) return std::unexpected(tls.error());
  auto network = client::MakeSocketNetwork(url->endpoint, *std::move(tls), clock);
  return Make(std::move(options),
              {.clock = clock, .network = std::move(network), .seed = UnpredictableSeed()});
}

Result<std::unique_ptr<Client>> Client::Make(ClientOptions options, ClientParts parts) {
  if (auto checked = CheckOptions(options); !checked) return std::unexpected(checked.error());
  auto url = client::ServerUrl::Parse(options.url);
  if (!url) return std::unexpected(url.error());
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Impl>(options, *std::move(url), std::move(parts))));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Client::~Client() = default;

SaveResult Client::SaveItem(std::string_view content, const SaveOptions& options) {
  return client::SaveCall(impl_->caller, std::array{content}, options).Run().front();
}

std::vector<SaveResult> Client::SaveItems(std::span<const std::string_view> contents,
                                          const SaveOptions& options) {
  return client::SaveCall(impl_->caller, contents, options).Run();
}

SaveResult Client::AwaitSave(const ContentKey& key, std::chrono::nanoseconds wait_max) {
  const auto answer = impl_->caller.Call(
      {.target = "/v1/operations/" + OperationName(key) + "?wait=" +
                 client::SecondsText(std::chrono::ceil<std::chrono::milliseconds>(wait_max))});
  if (answer) return client::OperationResultOf(answer->status, answer->body);
  return {.outcome = Outcome::kUnavailable, .error = OfReading(answer.error())};
}

Result<std::vector<std::optional<ItemId>>> Client::FindIds(std::span<const ContentKey> keys) {
  std::vector<std::optional<ItemId>> ids;
  ids.reserve(keys.size());
  for (const ContentKey& key : keys) {
    const auto id = impl_->FindId(key);
    if (!id) return std::unexpected(id.error());
    ids.push_back(*id);
  }
  return ids;
}

Result<std::vector<Digest>> Client::FindMissing(std::span<const Digest> digests, Scope scope) {
  std::vector<Digest> missing;
  for (std::size_t done = 0; done < digests.size(); done += kMissingMax) {
    JsonWriter json;
    json.BeginObject().Field("scope", scope.name()).Name("sha256").BeginArray();
    for (const Digest& digest : digests.subspan(done, std::min(kMissingMax, digests.size() - done)))
      json.Value(digest.ToHex());
    const auto found = ReadAs(impl_->caller,
                              {.method = "POST",
                               .target = "/v1/contents:findMissing",
                               .fields = "Content-Type: application/json\r\n",
                               .body = json.EndArray().EndObject().Take()},
                              &client::ParseMissing);
    if (!found) return found;
    missing.insert(missing.end(), found->begin(), found->end());
  }
  return missing;
}

Result<std::vector<Item>> Client::FindItemsWithContent(std::string_view content, Scope scope) {
  const auto key = MakeContentKey(scope, content);
  if (!key) return std::unexpected(key.error());
  const auto id = impl_->FindId(*key);
  if (!id) return std::unexpected(id.error());
  std::vector<Item> items;
  if (!*id) return items;
  auto item = GetItem(**id);
  if (!item) return std::unexpected(item.error());
  items.push_back(*std::move(item));
  return items;
}

Result<Item> Client::GetItem(ItemId id) {
  // Read off the list, which unlike GET /v1/items/{id} tells an item without a media type from one whose type is
  // application/octet-stream.
  const auto missing = Fail(ErrorCode::kNotFound, "no item has the id " + std::to_string(id.value));
  if (id == ItemId{}) return missing;
  auto items = GetAllItems(ItemId{id.value - 1}, {.items_max = 1});
  if (!items) return std::unexpected(items.error());
  if (items->empty() || items->front().id != id) return missing;
  return std::move(items->front());
}

Result<std::vector<Item>> Client::GetAllItems(ItemId after, PageLimits limits) {
  constexpr std::size_t kItemsMax = 1000;
  const std::size_t count = std::clamp<std::size_t>(limits.items_max, 1, kItemsMax);
  auto items = ReadAs(impl_->caller,
                      {.target = "/v1/items?after=" + std::to_string(after.value) +
                                 "&limit=" + std::to_string(count)},
                      &client::ParseItems);
  if (!items) return items;
  return Within(limits, *std::move(items));
}

Result<std::vector<InFlightSave>> Client::InFlightSaves(std::size_t saves_max) {
  constexpr std::size_t kSavesMax = 1000;  // as many as the server tells
  const std::size_t limit = std::clamp<std::size_t>(saves_max, 1, kSavesMax);
  return ReadAs(impl_->caller, {.target = "/v1/inflight?limit=" + std::to_string(limit)},
                &client::ParseInFlight);
}

Result<ServiceStatistics> Client::Statistics() {
  const auto all = ReadAs(impl_->caller, {.target = "/v1/stats"}, &client::ParseStatistics);
  if (!all) return std::unexpected(all.error());
  return all->service;
}

Result<StoreStatistics> Client::StoreStatisticsNow() {
  const auto all = ReadAs(impl_->caller, {.target = "/v1/stats"}, &client::ParseStatistics);
  if (!all) return std::unexpected(all.error());
  return all->store;
}

Result<Cluster> Client::ClusterNow() {
  return ReadAs(impl_->caller, {.target = "/v1/cluster"}, &client::ParseCluster);
}

Result<std::vector<ParkedContent>> Client::ParkedContents() {
  return ReadAs(impl_->caller, {.target = "/v1/parked"}, &client::ParseParked);
}

// By the time of a retry the content may be parked anew, and that is another matter.
Result<void> Client::ResolveParked(const ContentKey& key, Resolution resolution) {
  JsonWriter json;
  json.BeginObject().Field("as", resolution == Resolution::kSaved ? "saved" : "send-again");
  const auto deadline = impl_->caller.BeginCall();
  if (!deadline) return std::unexpected(deadline.error());
  const auto answer =
      impl_->caller.TryOnce({.method = "POST",
                             .target = "/v1/parked/" + OperationName(key) + ":resolve",
                             .fields = "Content-Type: application/json\r\n",
                             .body = json.EndObject().Take(),
                             .is_sent_once = true},
                            {.deadline = *deadline});
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 204) return {};
  return std::unexpected(client::ErrorOfProblem(answer->status, answer->body));
}

Result<VerifyReport> Client::Verify(std::move_only_function<void(std::uint64_t)> progress) {
  std::string unread;
  std::optional<Result<VerifyReport>> report;
  const auto take_line = [&](std::string_view line) {
    auto parsed = client::ParseVerifyLine(line);
    if (!parsed) {
      report = std::unexpected(parsed.error());
    } else if (const auto* items = std::get_if<std::uint64_t>(&*parsed)) {
      progress(*items);
    } else {
      report = std::get<VerifyReport>(*std::move(parsed));
    }
  };
  const auto take = [&](std::string_view piece) {
    unread.append(piece);
    for (std::size_t end; !report && (end = unread.find('\n')) != std::string::npos;
         unread.erase(0, end + 1))
      take_line(std::string_view(unread).substr(0, end));
  };
  if (const auto begun = impl_->caller.BeginCall(); !begun) return std::unexpected(begun.error());
  const auto answer =
      impl_->caller.TryOnce({.method = "POST", .target = "/v1/store:verify"},
                            {.deadline = Instant::max(), .of_piece = impl_->deadline}, take);
  if (!answer) return std::unexpected(OfReading(answer.error()));
  if (answer->status != 200)
    return std::unexpected(OfReading(client::ErrorOfProblem(answer->status, answer->body)));
  if (report) return *std::move(report);
  return Fail(ErrorCode::kUnavailable,
              "the server at " + url() + " ended before it had read the whole store; try again");
}

const std::string& Client::url() const { return impl_->caller.url(); }

}  // namespace itemgate
