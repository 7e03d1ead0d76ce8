#include "key/item_json.h"

#include <algorithm>
#include <string_view>

#include "base/base64.h"
#include "base/json_writer.h"
#include "base/time_text.h"
#include "base/utf8.h"

namespace itemgate {

namespace {

/// UTF-8, and not so full of what JSON escapes that Base64 is shorter.
bool IsText(std::string_view content) {
  constexpr std::size_t kEscapedBytes = 6;  // \u0001
  const auto is_escaped = [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\r' && c != '\t';
  };
  const auto escaped = static_cast<std::size_t>(std::ranges::count_if(content, is_escaped));
  return escaped * (kEscapedBytes - 1) <= content.size() / 3 && IsUtf8(content);
}

}  // namespace

std::string ItemJson(const Item& item, ItemContent content) {
  JsonWriter json;
  json.BeginObject()
      .Field("id", item.id.value)
      .Field("scope", item.key.scope.name())
      .Field("saved_at", FormatTime(item.saved_at))
      .Field("length", item.content.size())
      .Field("sha256", item.key.digest.ToHex());
  if (!item.media_type.empty()) json.Field("media_type", item.media_type);
  if (content == ItemContent::kInclude) {
    if (IsText(item.content)) {
      json.Field("content", item.content);
    } else {
      json.Field("content_base64", Base64(item.content));
    }
  }
  return json.EndObject().Take();
}

}  // namespace itemgate
