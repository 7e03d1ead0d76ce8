#pragma once

#include <string>

#include "itemgate/item.h"

namespace itemgate {

enum class ItemContent { kInclude, kOmit };

/// The item as one JSON object: id, scope, saved_at, length, sha256, media_type if it has one; and its content as text,
/// or in Base64 as content_base64 if it is not UTF-8, or so full of control characters that this is shorter.
[[nodiscard]] std::string ItemJson(const Item& item, ItemContent content);

}  // namespace itemgate
