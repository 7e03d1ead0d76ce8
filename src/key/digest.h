#pragma once

#include <string_view>

#include "itemgate/content_key.h"

namespace itemgate {

/// The SHA-256 digest of these bytes. From any thread; blocks no one; each thread keeps one OpenSSL
/// context.
[[nodiscard]] Digest Sha256(std::string_view bytes);

}  // namespace itemgate
