#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "itemgate/content_key.h"

namespace itemgate {

/// The SHA-256 digest of these bytes. From any thread; blocks no one; each thread keeps one OpenSSL
/// context.
[[nodiscard]] Digest Sha256(std::string_view bytes);

/// The SHA-512 digest, for those who check it; nothing is named by it. From any thread; blocks no one.
[[nodiscard]] std::array<std::uint8_t, 64> Sha512(std::string_view bytes);

}  // namespace itemgate
