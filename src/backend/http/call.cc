#include "backend/http/call.h"

#include <charconv>
#include <utility>

#include "base/base64.h"

namespace itemgate::backend {
namespace {

std::string Head(std::string_view line, const client::ServerUrl& url, const ContentKey& key) {
  std::string head(line);
  head.append(" HTTP/1.1\r\nHost: ").append(url.authority);
  head.append("\r\nUser-Agent: itemgate\r\nItem-Scope: ").append(key.scope.name()).append("\r\n");
  return head;
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

Verdict MeaningOfSave(const http::ResponseParser& answer) {
  constexpr int kAccepted = 202;
  const int status = answer.status();
  if (status / 100 == 2 && status != kAccepted) return 1;
  const std::string what = "the backend answered with status " + std::to_string(status);
  if (SaysNothingWasSaved(answer) || IsRefusal(status))
    return Fail(ErrorCode::kFailed, what + "; nothing was saved there");
  return Fail(ErrorCode::kUnknown, what + "; nobody knows whether it has the item");
}

Verdict MeaningOfFind(const http::ResponseParser& answer) {
  constexpr int kNotFound = 404;
  const int status = answer.status();
  if (status == kNotFound) return 0;
  if (status != 200 && status != 204)
    return Fail(
        ErrorCode::kUnknown,
        "the backend was asked for the item, and answered with status " + std::to_string(status));
  const auto text = answer.Find("Item-Count");
  if (!text) return 1;
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (error != std::errc() || end != text->data() + text->size())
    return Fail(ErrorCode::kUnknown, "the backend's Item-Count is no number");
  return count;
}

}  // namespace

Call SaveCall(const client::ServerUrl& url, const ContentKey& key, std::string_view content,
              ItemBackend::SaveDone done) {
  std::string head = Head("POST " + url.prefix + "/v1/items", url, key);
  head.append("Content-Type: application/octet-stream\r\nContent-Length: ")
      .append(std::to_string(content.size()))
      .append("\r\nIdempotency-Key: \"")
      .append(key.digest.ToHex())
      .append("\"\r\n");
  // Of JSON, the digest is that of the canonical form.
  if (key.scope.strategy() == KeyStrategy::kBytes) head.append(DigestField(key.digest));
  head.append("\r\n");
  return {.kind = Call::Kind::kSave,
          .head = std::move(head),
          .body = content,
          .done = [done = std::move(done)](Verdict verdict) mutable {
            verdict ? done({}) : done(std::unexpected(std::move(verdict.error())));
          }};
}

Call FindCall(const client::ServerUrl& url, const ContentKey& key, ItemBackend::FindDone done) {
  const std::string line = "HEAD " + url.prefix + "/v1/contents/sha256/" + key.digest.ToHex();
  return {.kind = Call::Kind::kFind,
          .head = Head(line, url, key).append("\r\n"),
          .body = {},
          .done = std::move(done)};
}

Verdict MeaningOf(Call::Kind kind, const http::ResponseParser& answer) {
  return kind == Call::Kind::kSave ? MeaningOfSave(answer) : MeaningOfFind(answer);
}

}  // namespace itemgate::backend
