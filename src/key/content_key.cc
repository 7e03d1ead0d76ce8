#include "itemgate/content_key.h"

#include <limits>

#include "base/check.h"
#include "key/canonical_json.h"
#include "key/digest.h"

namespace itemgate {
namespace {

constexpr std::size_t kLengthMax = std::numeric_limits<decltype(ContentKey::length)>::max();

ContentKey KeyOf(Scope scope, std::string_view digested) {
  ITEMGATE_CHECK(digested.size() <= kLengthMax);
  return {.digest = Sha256(digested),
          .length = static_cast<std::uint32_t>(digested.size()),
          .scope = scope};
}

}  // namespace

Result<ContentKey> MakeContentKey(Scope scope, std::string_view content) {
  if (scope.strategy() == KeyStrategy::kBytes) return KeyOf(scope, content);
  auto canonical = CanonicalJson(content);
  if (!canonical) return std::unexpected(std::move(canonical.error()));
  // The canonical form can be longer than the content: 1e20 has 21 digits there.
  if (canonical->size() > kLengthMax) {
    return Fail(ErrorCode::kTooLarge,
                "the canonical JSON form of the content is 4 GiB or longer; send less");
  }
  return KeyOf(scope, *canonical);
}

}  // namespace itemgate
