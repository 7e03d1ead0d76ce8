#include "server/read_handlers.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/json_writer.h"
#include "base/time_text.h"
#include "key/item_json.h"
#include "server/find_missing.h"
#include "server/open_api.h"
#include "server/target.h"

namespace itemgate::server {
namespace {

std::unexpected<Problem> Refuse(ProblemCode code, std::string detail) {
  return std::unexpected(Problem{.code = code, .detail = std::move(detail)});
}

std::string DigestBase64(const Digest& digest) {
  return Base64({reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()});
}

enum class Locate { kNo, kYes };

http::Response ItemResponse(Item item, std::string_view if_none_match, Locate locate) {
  const std::string etag = "\"" + item.key.digest.ToHex() + "\"";
  http::Response response{.status = ListsEntityTag(if_none_match, etag) ? 304 : 200};
  response.Add("ETag", etag);
  response.Add("Item-Id", item.id.value);
  response.Add("Item-Scope", item.key.scope.name());
  response.Add("Item-Saved-At", FormatTime(item.saved_at));
  if (locate == Locate::kYes)
    response.Add("Content-Location", "/v1/items/" + std::to_string(item.id.value));
  if (response.status == 304) return response;
  response.Add("Content-Type",
               item.media_type.empty() ? "application/octet-stream" : item.media_type);
  // The key of a +json scope is the digest of the canonical form, which is not what is sent.
  if (item.key.scope.strategy() == KeyStrategy::kBytes)
    response.Add("Repr-Digest", "sha-256=:" + DigestBase64(item.key.digest) + ":");
  response.Add("X-Content-Type-Options", "nosniff");
  response.Add("Content-Disposition", "attachment");
  response.body = std::move(item.content);
  return response;
}

std::expected<ScopeLoan, Problem> ScopeOfHeader(const RequestHead& head) {
  if (!head.Has(Header::kItemScope)) return ScopeLoan();
  return ScopeToRead(head[Header::kItemScope], "Item-Scope");
}

/// The scope of a look-up: from the query or from the header, but not different ones from both.
std::expected<ScopeLoan, Problem> ScopeOfLookUp(const RequestHead& head, const Query& query) {
  const auto name = query.Find("scope");
  if (!name) return ScopeOfHeader(head);
  auto scope = ScopeToRead(*name, "the parameter 'scope'");
  if (!scope || !head.Has(Header::kItemScope)) return scope;
  auto other = ScopeOfHeader(head);
  if (!other || other->scope().name() == scope->scope().name()) return other;
  return Refuse(ProblemCode::kInvalidArgument, "Item-Scope and the parameter 'scope' differ");
}

/// True if there is an item behind this page.
Result<bool> HasMore(ItemIntegrationService& service, const std::vector<Item>& page) {
  if (page.empty()) return false;
  const auto next = service.GetAllItems(page.back().id, {.items_max = 1, .content_bytes_max = 1});
  if (!next) return std::unexpected(next.error());
  return !next->empty();
}

std::string PageJson(const std::vector<Item>& items, ItemContent content, bool has_more) {
  std::string json = "{\"items\":[";
  for (const Item& item : items) {
    if (&item != &items.front()) json += ',';
    json += ItemJson(item, content);
  }
  json += ']';
  if (has_more) json.append(",\"next\":").append(std::to_string(items.back().id.value));
  json += '}';
  return json;
}

}  // namespace

void HandleGetItem(ApiState& api, Call& call) {
  const auto text = PercentDecoded(call.path_parameter());
  const auto id = text ? ParseNumber(*text) : std::nullopt;
  if (!id || *id == 0) {
    return call.Answer(Problem{.code = ProblemCode::kNotFound,
                               .detail = "there is no item of that id; ids are numbers from 1"});
  }
  AnswerFromWorker(api, call,
                   [&api, id = *id, if_none_match = AllLinesOf(call.head(), Header::kIfNoneMatch)]()
                       -> std::expected<http::Response, Problem> {
                     Result<Item> item = api.parts.service.GetItem(ItemId{id});
                     if (!item) return std::unexpected(ProblemOf(item.error()));
                     return ItemResponse(std::move(*item), if_none_match, Locate::kNo);
                   });
}

void HandleListItems(ApiState& api, Call& call) {
  const Query& query = call.query();
  const auto after = query.Number("after", {.otherwise = 0, .min = 0, .max = UINT64_MAX});
  if (!after) return call.Answer(after.error());
  const auto limit = query.Number("limit", {.otherwise = 100, .min = 1, .max = 1000});
  if (!limit) return call.Answer(limit.error());
  const auto content = query.Flag("content", true);
  if (!content) return call.Answer(content.error());
  AnswerFromWorker(
      api, call,
      [&api, after = *after, limit = static_cast<std::size_t>(*limit),
       shown = *content ? ItemContent::kInclude
                        : ItemContent::kOmit]() -> std::expected<http::Response, Problem> {
        const auto items = api.parts.service.GetAllItems(ItemId{after}, {.items_max = limit});
        if (!items) return std::unexpected(ProblemOf(items.error()));
        const Result<bool> has_more = HasMore(api.parts.service, *items);
        if (!has_more) return std::unexpected(ProblemOf(has_more.error()));
        return JsonResponse(PageJson(*items, shown, *has_more));
      });
}

void HandleGetContent(ApiState& api, Call& call) {
  auto scope = ScopeOfLookUp(call.head(), call.query());
  if (!scope) return call.Answer(scope.error());
  const auto digest = ParseDigest(call.path_parameter());
  if (!digest) return call.Answer(digest.error());
  AnswerFromWorker(
      api, call,
      [&api, digest = *digest, scope = std::move(*scope),
       if_none_match = AllLinesOf(
           call.head(), Header::kIfNoneMatch)]() -> std::expected<http::Response, Problem> {
        const ContentKey key{.digest = digest, .scope = scope.scope()};
        const auto ids = api.parts.service.FindIds({&key, 1});
        if (!ids) return std::unexpected(ProblemOf(ids.error()));
        if (!ids->front())
          return Refuse(ProblemCode::kNotFound, "no item of that scope has this digest");
        Result<Item> item = api.parts.service.GetItem(*ids->front());
        if (!item) return std::unexpected(ProblemOf(item.error()));
        return ItemResponse(std::move(*item), if_none_match, Locate::kYes);
      });
}

void HandleFindMissing(ApiState& api, Call& call) {
  std::optional<ScopeLoan> scope;
  if (call.head().Has(Header::kItemScope)) {
    auto named = ScopeOfHeader(call.head());
    if (!named) return call.Answer(named.error());
    scope = *std::move(named);
  }
  auto room = std::make_unique<ByteBudget::Share>(api.waiting_bodies);
  if (!room->GrowTo(call.body().size()))
    return call.Answer(Problem{.code = ProblemCode::kOverloaded,
                               .detail = "too many requests wait; send it again later"});
  AnswerFromWorker(api, call,
                   [&api, room = std::move(room), body = std::string(call.body()),
                    scope = std::move(scope)]() mutable -> std::expected<http::Response, Problem> {
                     const auto request = ReadFindMissing(body, std::move(scope));
                     if (!request) return std::unexpected(request.error());
                     const auto ids = api.parts.service.FindIds(request->keys);
                     if (!ids) return std::unexpected(ProblemOf(ids.error()));
                     JsonWriter json;
                     json.BeginObject().Name("missing").BeginArray();
                     for (std::size_t i = 0; i < ids->size(); ++i) {
                       if (!(*ids)[i]) json.Value(request->keys[i].digest.ToHex());
                     }
                     return JsonResponse(json.EndArray().EndObject().Take());
                   });
}

void HandleStats(ApiState& api, Call& call) {
  AnswerFromWorker(api, call, [&api]() -> std::expected<http::Response, Problem> {
    const StoreStatistics store = api.parts.store_statistics();
    const ServiceStatistics service = api.parts.service.Statistics();
    JsonWriter json;
    json.BeginObject()
        .Field("items", store.items)
        .Field("content_bytes", store.content_bytes)
        .Field("disk_bytes", store.disk_bytes)
        .Field("syncs", store.syncs)
        .Field("created", service.created)
        .Field("duplicates", service.duplicates)
        .Field("joined", service.joined)
        .Field("in_progress", service.in_progress)
        .Field("refused", service.refused)
        .Field("near_cache_hits", service.near_cache_hits)
        .Field("in_flight", service.in_flight);
    return JsonResponse(json.EndObject().Take());
  });
}

void HandleConfig(ApiState& api, Call& call) {
  const ApiOptions& options = api.options;
  const auto seconds = [](Duration duration) {
    return std::chrono::duration<double>(duration).count();
  };
  JsonWriter limits;
  limits.BeginObject()
      .Field("content_bytes_max", options.body_bytes_max)
      .Field("batch_line_bytes_max", options.batch_line_bytes_max)
      .Field("list_items_max", 1000)
      .Field("find_missing_digests_max", FindMissing::kDigestsMax)
      .Field("wait_default_seconds", seconds(options.wait_default))
      .Field("wait_max_seconds", seconds(options.wait_max))
      .Field("in_flight_max", options.admission.in_flight_max)
      .Field("idempotency_keys_max", options.idempotency.entries_max)
      .EndObject();
  std::string body = "{\"settings\":" + options.config_json + ",\"limits\":" + limits.Take();
  body.append(",\"idempotency_key_lifetime_seconds\":")
      .append(std::to_string(
          std::chrono::duration_cast<std::chrono::seconds>(options.idempotency.lifetime).count()))
      .append(",\"digest_algorithms\":[\"sha-256\"]}");
  call.Answer(JsonResponse(std::move(body)));
}

void HandleOpenApi(ApiState&, Call& call) { call.Answer(JsonResponse(OpenApiDocument())); }

void HandleRoot(ApiState&, Call& call) {
  http::Response response;
  response.Add("Content-Type", "text/plain; charset=utf-8");
  response.body =
      "This is Itemgate: it saves each distinct content exactly once.\n"
      "\n"
      "Save something, twice:   curl --data-binary 'hello' http://HOST:PORT/v1/items\n"
      "Read it back:            curl http://HOST:PORT/v1/items/1\n"
      "All that can be called:  http://HOST:PORT/v1/openapi.json\n";
  call.Answer(std::move(response));
}

}  // namespace itemgate::server
