#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "client/server_url.h"
#include "http/response_parser.h"
#include "itemgate/backend.h"

namespace itemgate::backend {

/// How many items with the content the backend has now, as far as the call says. Of a call that failed: kFailed if
/// certainly nothing was saved by it, kUnknown if nobody can know.
using Verdict = Result<std::uint64_t>;

/// One request to a backend: docs/backend.md.
struct Call {
  enum class Kind : std::uint8_t { kSave, kFind };

  Kind kind = Kind::kFind;
  std::string head;
  std::string_view body;
  std::move_only_function<void(Verdict)> done;
};

/// What every request has in common.
struct Target {
  client::ServerUrl url;
  std::string fields;  // further header lines, complete
};

/// POST {url}/v1/items with the content.
[[nodiscard]] Call SaveCall(const Target& target, const BackendItem& item,
                            ItemBackend::SaveDone done);

/// HEAD {url}/v1/contents/sha256/{digest}.
[[nodiscard]] Call FindCall(const Target& target, const ContentKey& key,
                            ItemBackend::FindDone done);

/// What the answer to a call of that kind says. REQUIRES: it is complete.
[[nodiscard]] Verdict MeaningOf(Call::Kind kind, const http::ResponseParser& answer);

}  // namespace itemgate::backend
