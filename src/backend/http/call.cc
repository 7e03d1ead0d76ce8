#include "backend/http/call.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/base64.h"
#include "http/ascii.h"

namespace itemgate::backend {
namespace {

std::string Head(std::string_view line, const Target& target, const ContentKey& key) {
  std::string head(line);
  head.append(" HTTP/1.1\r\nHost: ").append(target.url.authority);
  head.append("\r\nUser-Agent: itemgate\r\n").append(target.fields);
  head.append("Item-Scope: ").append(key.scope.name()).append("\r\n");
  return head;
}

/// As it was given; but nothing that could not stand in a header, or that would make an Itemgate read the body as a
/// description of an item.
std::string_view ContentTypeOf(std::string_view media_type) {
  constexpr std::string_view kOwnTypes = "application/vnd.itemgate.";
  const bool is_plain =
      !media_type.empty() && !media_type.starts_with(' ') && !media_type.ends_with(' ') &&
      std::ranges::all_of(media_type, [](char c) { return c >= ' ' && c < 0x7F; });
  const bool is_own = http::EqualsIgnoringCase(media_type.substr(0, kOwnTypes.size()), kOwnTypes);
  return is_plain && !is_own ? media_type : "application/octet-stream";
}

std::string DigestField(const Digest& digest) {
  const std::string_view bytes(reinterpret_cast<const char*>(digest.bytes.data()),
                               digest.bytes.size());
  return "Content-Digest: sha-256=:" + Base64(bytes) + ":\r\n";
}

/// An answer may say for itself that nothing was saved, whatever its status is, as this service's own do.
bool SaysNothingWasSaved(const http::ResponseParser& answer) {
  const auto outcome = answer.Find("Item-Outcome");
  return outcome == "failed" || outcome == "rejected" || outcome == "unavailable";
}

/// Of these 4xx, two can also mean that the same content is being saved by another request, or was.
bool IsRefusal(int status) {
  constexpr int kRequestTimeout = 408;
  constexpr int kConflict = 409;
  return status / 100 == 4 && status != kRequestTimeout && status != kConflict;
}

std::string AnsweredWith(int status) {
  constexpr int kUnauthorized = 401;
  constexpr int kForbidden = 403;
  std::string text = "the backend answered with status " + std::to_string(status);
  if (status == kUnauthorized || status == kForbidden)
    text += ": it does not know us, or does not let us (backend.headers_file)";
  return text;
}

Verdict MeaningOfSave(const http::ResponseParser& answer) {
  constexpr int kAccepted = 202;
  const int status = answer.status();
  if (status / 100 == 2 && status != kAccepted) return 1;
  const std::string what = AnsweredWith(status);
  if (SaysNothingWasSaved(answer) || IsRefusal(status))
    return Fail(ErrorCode::kFailed, what + "; nothing was saved there");
  return Fail(ErrorCode::kUnknown, what + "; nobody knows whether it has the item");
}

Verdict MeaningOfFind(const http::ResponseParser& answer) {
  constexpr int kNotFound = 404;
  const int status = answer.status();
  if (status == kNotFound) return 0;
  if (status != 200 && status != 204)
    return Fail(ErrorCode::kUnknown, AnsweredWith(status) + " when it was asked for the item");
  const auto text = answer.Find("Item-Count");
  if (!text) return 1;
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (error != std::errc() || end != text->data() + text->size())
    return Fail(ErrorCode::kUnknown, "the backend's Item-Count is no number");
  return count;
}

}  // namespace

Call SaveCall(const Target& target, const BackendItem& item, ItemBackend::SaveDone done) {
  const ContentKey& key = item.key;
  std::string head = Head("POST " + target.url.prefix + "/v1/items", target, key);
  head.append("Content-Type: ")
      .append(ContentTypeOf(item.media_type))
      .append("\r\nContent-Length: ")
      .append(std::to_string(item.content.size()))
      .append("\r\nIdempotency-Key: \"")
      .append(key.digest.ToHex())
      .append("\"\r\n");
  // Of JSON, the digest is that of the canonical form.
  if (key.scope.strategy() == KeyStrategy::kBytes) head.append(DigestField(key.digest));
  head.append("\r\n");
  return {.kind = Call::Kind::kSave,
          .head = std::move(head),
          .body = item.content,
          .done = [done = std::move(done)](Verdict verdict) mutable {
            verdict ? done({}) : done(std::unexpected(std::move(verdict.error())));
          }};
}

Call FindCall(const Target& target, const ContentKey& key, ItemBackend::FindDone done) {
  const std::string line =
      "HEAD " + target.url.prefix + "/v1/contents/sha256/" + key.digest.ToHex();
  return {.kind = Call::Kind::kFind,
          .head = Head(line, target, key).append("\r\n"),
          .body = {},
          .done = std::move(done)};
}

Verdict MeaningOf(Call::Kind kind, const http::ResponseParser& answer) {
  return kind == Call::Kind::kSave ? MeaningOfSave(answer) : MeaningOfFind(answer);
}

}  // namespace itemgate::backend
